"""With what software, on which cluster."""

from collections.abc import Iterator

import pandas as pd

from dynconv.report import numbers
from dynconv.report.paper.prose import Cite, Paragraph, cite
from dynconv.report.provenance import period
from dynconv.report.results import Results


def paragraphs(results: Results) -> Iterator[Paragraph]:
    """One paragraph."""
    yield Paragraph("Software", tuple(_software(results)))


def _software(results: Results) -> Iterator[str | Cite]:
    runs = results.runs
    yield f"Runs were made with dynconv{_versions(runs['dynconv_version'])}, a workflow for Snakemake"
    yield cite("molder2021")
    yield f", in Python{_versions(runs['python_version'])}"
    if runs["torch_version"].notna().any():
        yield f" and PyTorch{_versions(runs['torch_version'])}"
        yield cite("paszke2019")
        if runs["cuda_version"].notna().any():
            yield f" with CUDA{_versions(runs['cuda_version'])}"
    if dates := period(results):
        yield (
            f", from {dates[0][:10]} to {dates[1][:10]}" if dates[0][:10] != dates[1][:10] else f", on {dates[0][:10]}"
        )
    yield "."
    jobs = int(runs["slurm_job_id"].notna().sum())
    if jobs:
        yield f" {jobs} of {len(runs)} runs were jobs of Slurm"
        yield cite("yoo2003")
        yield ", to which dynconv\u2019s executor submits through submitit"
        yield cite("submitit")
        yield "."
    commits = sorted(runs["git_sha"].dropna().unique())
    if commits:
        dirty = int(runs["git_dirty"].fillna(False).astype(bool).sum())
        names = numbers.listing([commit[:12] for commit in commits])
        yield f" The code was that of commit{'' if len(commits) == 1 else 's'} {names}"
        yield f"; {dirty} run{'' if dirty == 1 else 's'} had uncommitted changes." if dirty else "."
    if len(results.pairwise):
        yield " Tests were computed with SciPy"
        yield cite("virtanen2020")
        yield " and dynconv\u2019s own code."


def _versions(column: pd.Series) -> str:
    found = sorted(column.dropna().astype(str).unique())
    return f" {numbers.listing(found)}" if found else ""
