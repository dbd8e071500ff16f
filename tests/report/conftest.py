"""Results folders to report on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from report_example import DATASETS, VARIANTS, run_rows, write
from report_page import Page

from dynconv import records
from dynconv.report.build import build


@pytest.fixture
def make(tmp_path: Path) -> Callable[[list[dict]], Path]:
    """Write a results folder from rows of `runs`."""
    return lambda rows: write(tmp_path / "results", rows)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual folder, complete but for the failed runs, with its report; for reading only."""
    folder = write(tmp_path_factory.mktemp("built"), run_rows(VARIANTS, DATASETS))
    build(folder)
    return folder


@pytest.fixture(scope="session")
def page(built: Path) -> Page:
    """The report of the usual folder."""
    return Page(built / "report.html")


@pytest.fixture
def results(built: Path, tmp_path: Path) -> Path:
    """A copy of the usual folder, to change."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.fixture
def small(make) -> Path:
    """A folder with one dataset, for tests that build its report."""
    return make(run_rows(VARIANTS, {"digits": "classification"}))


@pytest.fixture
def superior(results: Path) -> Path:
    """The usual folder, with significant verdicts both ways written into its time-series comparison."""
    path = results / "stats/pairwise.parquet"
    pairwise: pd.DataFrame = records.read("pairwise", path).to_pandas()
    for variant, verdict, sign in (("odconv", "superior", 1), ("soft_local", "inferior", -1)):
        row = (
            (pairwise["task"] == "timeseries") & (pairwise["variant_a"] == variant) & (pairwise["family"] == "primary")
        )
        low, high = sorted((sign * 0.02, sign * 0.044))
        pairwise.loc[row, ["mean_diff", "mean_diff_ci_low", "mean_diff_ci_high"]] = sign * 0.031, low, high
        pairwise.loc[row, ["p_adjusted", "significant", "verdict"]] = 0.0004, True, verdict
    records.write("pairwise", pairwise, path)
    return results
