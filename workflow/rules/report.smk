rule report:
    input:
        rules.collect.output,
        rules.compare.output,
        SHEETS,
        f"{RESULTS}/study.yaml",
    output:
        html=report(
            f"{RESULTS}/report.html", category="Answer", caption="../report/report.rst"
        ),
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{name}.svg"],
            category="Figures",
            caption="../report/figure.rst",
        ),
    log:
        "logs/report.log",
    conda:
        ENVIRONMENT
    params:
        results=Path(RESULTS),
    shell:
        "dynconv report --results {params.results:q} --out {output.html:q} > {log:q} 2>&1"
