rule report:
    input:
        rules.collect.output,
        rules.compare.output,
        SHEETS,
        f"{RESULTS}/study.yaml",
    output:
        html=report(
            f"{RESULTS}/report.html",
            category="Answer",
            labels={"page": "the report"},
            caption="../report/report.rst",
        ),
        contents=report(
            f"{RESULTS}/CONTENTS.md",
            category="Answer",
            labels={"page": "what each file is"},
            caption="../report/contents.rst",
        ),
        # The same figures as PDF lie beside these, for papers.
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{name}.svg"],
            category="Figures",
            subcategory=figure_kind,
            labels=figure_labels,
            caption="../report/figure.rst",
        ),
        latex=report(
            directory(f"{RESULTS}/latex"),
            patterns=["{name}.tex", "{name}.bib"],
            category="Paper",
            subcategory="LaTeX",
            labels=table_labels,
            caption="../report/latex.rst",
        ),
        csv=report(
            directory(f"{RESULTS}/csv"),
            patterns=["{name}.csv"],
            category="Paper",
            subcategory="CSV",
            labels=table_labels,
            caption="../report/csv.rst",
        ),
    log:
        "logs/report.log",
    conda:
        ENVIRONMENT
    params:
        results=Path(RESULTS),
    shell:
        "dynconv report --results {params.results:q} --out {output.html:q} > {log:q} 2>&1"
