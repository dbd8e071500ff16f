rule profile:
    input:
        meta=f"{DATA}/{{dataset}}/meta.json",
    output:
        table=f"{RESULTS}/profile/{{dataset}}/{{variant}}.parquet",
    log:
        "logs/profile/{dataset}/{variant}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        job_name=lambda wildcards: f"{wildcards.dataset}/{wildcards.variant}",
    params:
        study=STUDY_FILE,
        data=Path(DATA),
        run_hash=lambda wildcards: STUDY.run_hash(
            wildcards.dataset, task_of(wildcards.dataset), wildcards.variant
        ),
    shell:
        "dynconv profile --study {params.study:q} --dataset {wildcards.dataset:q} --variant {wildcards.variant:q}"
        " --out {output.table:q} --data {params.data:q} --threads {threads} > {log:q} 2>&1"
