# The search, where the study has `tune:`: the same trials for every variant, then the choice that its runs read.
if STUDY.tune:
    for variant in [variant.name for variant in STUDY.variants if not variant.rule]:

        rule:
            name:
                f"tune_{variant}"
            input:
                meta=f"{DATA}/{{dataset}}/meta.json",
            output:
                trial=f"{TUNING}/{{dataset}}/{variant}/trial{{trial}}/trial.parquet",
            log:
                f"logs/tune/{{dataset}}/{variant}/trial{{trial}}.log",
            conda:
                ENVIRONMENT
            threads: 1
            resources:
                job_name=lambda wildcards, variant=variant: f"{wildcards.dataset}/{variant}/trial{wildcards.trial}",
                failure_command=lambda wildcards, variant=variant: last_word(
                    wildcards.dataset,
                    variant,
                    TUNING,
                    trial=wildcards.trial,
                ),
            params:
                study=STUDY_FILE,
                variant=variant,
                out=lambda wildcards, output: Path(output.trial).parent,
                data=Path(DATA),
                failures=Path(RESULTS, "failures"),
                trial_hash=lambda wildcards, variant=variant: dynconv.trials.trial_hash(
                    STUDY,
                    task_of(wildcards.dataset),
                    dynconv.trials.TrialKey(
                        wildcards.dataset, variant, int(wildcards.trial)
                    ),
                ),
            shell:
                "dynconv tune --study {params.study:q} --dataset {wildcards.dataset:q} --variant {params.variant:q}"
                " --trial {wildcards.trial} --out {params.out:q} --data {params.data:q} --failures {params.failures:q}"
                " --threads {threads} > {log:q}$OF_RANK 2>&1"

    rule choose:
        input:
            trials=lambda wildcards: trials_of(wildcards.dataset, wildcards.variant),
        output:
            choice=f"{TUNING}/{{dataset}}/{{variant}}/choice.json",
        log:
            "logs/choose/{dataset}/{variant}.log",
        localrule: True
        conda:
            ENVIRONMENT
        params:
            study=STUDY_FILE,
            trials=lambda wildcards, output: Path(output.choice).parent,
            metric=lambda wildcards: STUDY.analysis.metric[task_of(wildcards.dataset)],
        shell:
            "dynconv choose --study {params.study:q} --dataset {wildcards.dataset:q} --variant {wildcards.variant:q}"
            " --trials {params.trials:q} --out {output.choice:q} > {log:q} 2>&1"
