# One rule a variant (train_vanilla, train_odconv, ...), so that Snakemake can be told to redo one of them
# (`--forcerun train_odconv`), to give it other resources, or to build on it (`use rule train_odconv as ... with:`).
for variant in [variant.name for variant in STUDY.variants if not variant.rule]:

    rule:
        name:
            f"train_{variant}"
        input:
            unpack(
                lambda wildcards, variant=variant: choice_of(
                    wildcards.dataset, variant
                )
            ),
            meta=f"{DATA}/{{dataset}}/meta.json",
        output:
            run=f"{RESULTS}/runs/{{dataset}}/{variant}/seed{{seed}}/run.parquet",
            metrics=f"{RESULTS}/runs/{{dataset}}/{variant}/seed{{seed}}/metrics.parquet",
            predictions=f"{RESULTS}/runs/{{dataset}}/{variant}/seed{{seed}}/predictions.parquet",
        log:
            f"logs/train/{{dataset}}/{variant}/seed{{seed}}.log",
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            job_name=lambda wildcards, variant=variant: f"{wildcards.dataset}/{variant}/seed{wildcards.seed}",
            failure_command=lambda wildcards, variant=variant: last_word(
                wildcards.dataset,
                variant,
                f"{RESULTS}/runs",
                seed=wildcards.seed,
                **choice_of(wildcards.dataset, variant),
            ),
        params:
            study=STUDY_FILE,
            variant=variant,
            out=lambda wildcards, output: Path(output.run).parent,
            data=Path(DATA),
            choice=lambda wildcards, input: (
                f" --choice {shlex.quote(input.choice)}"
                if "choice" in input.keys()
                else ""
            ),
            failures=Path(RESULTS, "failures"),
            run_hash=lambda wildcards, variant=variant: STUDY.run_hash(
                wildcards.dataset, task_of(wildcards.dataset), variant
            ),
        shell:
            "dynconv train --study {params.study:q} --dataset {wildcards.dataset:q} --variant {params.variant:q}"
            " --seed {wildcards.seed} --out {params.out:q} --data {params.data:q} --failures {params.failures:q}"
            " --threads {threads}{params.choice} > {log:q}$OF_RANK 2>&1"
