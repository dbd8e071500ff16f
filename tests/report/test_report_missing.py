"""What is missing is said, and nothing else breaks."""

import shutil

import pytest
from report_example import DATASETS, METRIC, VARIANTS, run_rows
from report_page import Page, words

from dynconv import records
from dynconv.report.build import build
from dynconv.report.results import PATHS, SEARCH

STUDY = """
name: small
variants: [vanilla, {name: hand, rule: true}]
datasets: [{datasets}]
seeds: [0, 1, 2]
"""


@pytest.mark.parametrize(
    "path", [path for name, path in PATHS.items() if name not in ("runs", "diagnostics", "masks", *SEARCH)]
)
def test_one_table_missing(small, path):
    (small / path).unlink()
    assert f"Not in this folder: {path}." in Page(build(small)).text


def test_only_runs(results):
    shutil.rmtree(results / "stats")
    for name in ("metrics", "predictions", "profile"):
        (results / PATHS[name]).unlink()
    text = Page(build(results)).text
    for part in ("No answer yet: the runs have not been compared", "No means", "No comparison", "No learning curves"):
        assert text.count(part) == len(set(DATASETS.values()))


def test_statistics_of_one_task_missing(results):
    for name in ("means", "ranks", "omnibus", "pairwise"):
        rows = records.read(name, results / PATHS[name]).to_pandas()
        records.write(name, rows[rows["task"] != "segmentation"], results / PATHS[name])
    page = words(results)
    assert page.text.count("No answer yet") == page.text.count("No means") == 1
    assert not [row for row in page.rows if row.startswith("segmentation")]


def test_all_runs_failed(make):
    gone = {"status": "failed", "failure": "the node died", "train_s": None, **dict.fromkeys(METRIC.values())}
    page = Page(build(make(run_rows(VARIANTS, {"digits": "classification"}, **gone))))
    assert "the node died" in page.text
    assert "0 runs ended well, 15 failed" in page.text
    assert "Inconclusive: no variant is shown to be better or worse" in page.text


def test_one_variant(make):
    text = Page(build(make(run_rows({"vanilla": 1.0}, DATASETS)))).text
    assert text.count("vanilla is the only variant") == 2 * len(set(DATASETS.values()))


def test_one_seed_has_no_interval(make):
    assert "one seed" in words(make(run_rows(VARIANTS, {"digits": "classification"}, seeds=1))).text


def test_no_run_at_all(make):
    assert "the tables hold no run" in Page(build(make([]))).text


def test_no_cost_no_time(make):
    unknown = dict.fromkeys(("params", "macs", "macs_theoretical", "train_s", "device", "started_at", "finished_at"))
    text = Page(build(make(run_rows(VARIANTS, DATASETS, **unknown)))).text
    assert text.count("No figure of gain against cost") == len(set(DATASETS.values()))
    assert "not recorded" in text


def test_curves_of_more_datasets_than_a_figure_holds_are_several_figures(make):
    archive = {f"ucr/Member{n:02}": "timeseries" for n in range(14)}
    results = make(run_rows({"vanilla": 1.0, "odconv": 1.1}, archive, seeds=1))
    page = Page(build(results))
    links = [a["href"] for a in page.all("a") if "figures/" in a["href"]]
    curves = {f"learning-curves-timeseries-{n}.{kind}" for n in (1, 2) for kind in ("svg", "pdf")}
    assert curves <= {link.rpartition("/")[2] for link in links}
    assert all((results / link).is_file() for link in links)


def test_coverage_against_the_study(make):
    rows = run_rows({"vanilla": 1.0, "hand": 1.1}, {"digits": "classification"})
    results = make([row for row in rows if (row["variant"], row["seed"]) != ("hand", 2)])
    (results / "study.yaml").write_text(STUDY.replace("{datasets}", "digits, ucr/GunPoint"))
    text = " ".join(words(results).text.split())
    assert "5 of 12 runs ended well, 7 missing" in text
    assert "digits Classification 6 5 0 1" in text
    assert "ucr/GunPoint not known: no run yet 6 0 0 6" in text
    assert "All 12 5 0 7" in text
    assert "digits, hand, seed 2" in text


def test_complete_study_and_runs_beside_it(make):
    results = make(run_rows({"vanilla": 1.0, "hand": 1.1, "other": 1.2}, {"digits": "classification"}))
    (results / "study.yaml").write_text(STUDY.replace("{datasets}", "digits"))
    text = words(results).text
    assert "3 runs in the tables are not part of study.yaml" in text
    assert "6 of 6 runs ended well" in text
