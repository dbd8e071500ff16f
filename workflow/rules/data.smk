rule prepare:
    output:
        meta=f"{DATA}/{{dataset}}/meta.json",
    log:
        "logs/prepare/{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        job_name=lambda wildcards: wildcards.dataset,
    params:
        data=Path(DATA),
    shell:
        "dynconv prepare {wildcards.dataset:q} --data {params.data:q} > {log:q} 2>&1"
