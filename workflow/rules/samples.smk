# The contact sheet of each dataset, what the training sees of it; and the test examples of which the report shows what
# was predicted.
rule samples:
    input:
        meta=f"{DATA}/{{dataset}}/meta.json",
    output:
        sheet=report(
            f"{RESULTS}/samples/{{dataset}}.svg",
            category="Samples",
            labels={"dataset": "{dataset}"},
            caption="../report/samples.rst",
        ),
        examples=f"{RESULTS}/samples/{{dataset}}.test.parquet",
    log:
        "logs/samples/{dataset}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        job_name=lambda wildcards: wildcards.dataset,
    params:
        study=STUDY_FILE,
        data=Path(DATA),
        augmentation=lambda wildcards: augmentation(wildcards.dataset),
    shell:
        "dynconv samples --study {params.study:q} --dataset {wildcards.dataset:q} --out {output.sheet:q}"
        " --data {params.data:q} --examples {output.examples:q} > {log:q} 2>&1"
