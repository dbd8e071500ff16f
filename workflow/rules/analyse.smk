# A results folder says which study it holds.  Runs first, so that a folder is never taken over by another study.
rule study:
    input:
        STUDY_FILE,
    output:
        f"{RESULTS}/study.yaml",
    log:
        "logs/study.log",
    priority: 100
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


rule collect:
    input:
        runs=RUN_FILES,
        profiles=[
            f"{RESULTS}/profile/{dataset.name}/{variant.name}.parquet"
            for dataset in STUDY.datasets
            for variant in STUDY.variants
            if not variant.rule
        ],
        search=SEARCH_FILES,
        study=f"{RESULTS}/study.yaml",
    output:
        runs=f"{RESULTS}/tables/runs.parquet",
        metrics=f"{RESULTS}/tables/metrics.parquet",
        predictions=f"{RESULTS}/tables/predictions.parquet",
        diagnostics=f"{RESULTS}/tables/diagnostics.parquet",
        masks=f"{RESULTS}/tables/masks.parquet",
        profile=f"{RESULTS}/tables/profile.parquet",
        search=(
            [f"{RESULTS}/tables/{name}.parquet" for name in ("trials", "choices")]
            if STUDY.tune
            else []
        ),
    log:
        "logs/collect.log",
    conda:
        ENVIRONMENT
    params:
        runs=Path(RESULTS, "runs"),
        profiles=Path(RESULTS, "profile"),
        failures=Path(RESULTS, "failures"),
        out=lambda wildcards, output: Path(output.runs).parent,
        tuning=lambda wildcards, output: (
            f" --tuning {shlex.quote(TUNING)}" if output.search else ""
        ),
    shell:
        "dynconv collect {params.runs:q} --out {params.out:q} --profiles {params.profiles:q}"
        " --failures {params.failures:q} --study {input.study:q}{params.tuning} > {log:q} 2>&1"


rule compare:
    input:
        runs=rules.collect.output.runs,
        predictions=rules.collect.output.predictions,
        profile=rules.collect.output.profile,
        study=f"{RESULTS}/study.yaml",
    output:
        tables=[f"{RESULTS}/stats/{table.name}.parquet" for table in COMPARISONS],
        plan=f"{RESULTS}/stats/plan.json",
    log:
        "logs/compare.log",
    conda:
        ENVIRONMENT
    params:
        out=lambda wildcards, output: Path(output.plan).parent,
    shell:
        "dynconv compare {input.runs:q} --out {params.out:q} --study {input.study:q}"
        " --predictions {input.predictions:q} --profile {input.profile:q} > {log:q} 2>&1"
