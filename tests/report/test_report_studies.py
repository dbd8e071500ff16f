"""Studies side by side: changes are those of the tables, differences are told, what cannot be compared is not."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_example import DATASETS, FAILED, METRIC, VARIANTS, run_rows, write
from report_page import Page
from test_report_trace import EXACT, traced

from dynconv import records
from dynconv.cli import main
from dynconv.report.studies.build import build
from dynconv.report.studies.changes import task_changes
from dynconv.report.studies.side import sides

OLD = Path(__file__).parents[1] / "old_results"


def change(folder, edit):
    """Let `edit` change the runs of a results folder."""
    path = folder / "tables/runs.parquet"
    runs = records.read("runs", path).to_pandas()
    records.write("runs", edit(runs), path)
    return folder


@pytest.fixture(scope="module")
def pair(built, tmp_path_factory):
    """The usual folder, and one whose odconv is better by some, whose shapes_voc ran elsewhere and whose GunPoint
    is other data; without one seed of soft_global."""
    folder = Path(shutil.copytree(built, tmp_path_factory.mktemp("after") / "b"))

    def edit(runs):
        better = (runs["variant"] == "odconv") & (runs["task"] == "timeseries")
        runs.loc[better, "accuracy"] += np.random.default_rng(0).normal(0.02, 0.01, better.sum())
        runs.loc[runs["task"] == "segmentation", "device"] = "Another GPU"
        runs.loc[runs["task"] == "classification", "train_s"] *= 2
        runs.loc[runs["dataset"] == "ucr/GunPoint", "dataset_hash"] = "other"
        runs["git_sha"] = "fedcba9"
        runs.loc[runs["variant"] == "soft_local", "run_hash"] = "other"
        return runs[(runs["variant"] != "soft_global") | (runs["seed"] != 2)]

    pairwise = records.read("pairwise", folder / "stats/pairwise.parquet").to_pandas()
    pairwise.loc[(pairwise["variant_a"] == "odconv") & (pairwise["task"] == "timeseries"), "verdict"] = "superior"
    records.write("pairwise", pairwise, folder / "stats/pairwise.parquet")
    return built, change(folder, edit)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A folder with one dataset, for reading."""
    return write(tmp_path_factory.mktemp("one"), run_rows(VARIANTS, {"digits": "classification"}))


@pytest.fixture(scope="module")
def loaded(pair):
    return sides(pair)


@pytest.fixture(scope="module")
def page(pair, tmp_path_factory):
    return Page(build(pair, tmp_path_factory.mktemp("page") / "comparison.html"))


def joined(pair, task):
    frames = [records.read("runs", folder / "tables/runs.parquet").to_pandas() for folder in pair]
    frames = [frame[(frame["status"] == "ok") & (frame["task"] == task)] for frame in frames]
    return frames[0].merge(frames[1], on=["dataset", "variant", "seed"])


def shown(cells):
    return [float(cell["data-value"]) if "data-value" in cell else None for cell in cells]


@pytest.mark.parametrize("task", ["classification", "segmentation", "timeseries"])
def test_changes_are_those_of_the_matched_runs(pair, page, task):
    both = joined(pair, task)
    both = both[both["dataset"] != "ucr/GunPoint"]
    metric = METRIC[task]
    for variant in VARIANTS:
        own = both[both["variant"] == variant]
        means = own.groupby("dataset")[[f"{metric}_x", f"{metric}_y"]].mean()
        _, a, b, diff, datasets, runs, same, time = page.rows[f"AB/{task}/{variant}"]
        assert shown([a, b]) == pytest.approx(means.mean().tolist(), abs=1e-12)
        assert shown([diff])[0] == pytest.approx((means[f"{metric}_y"] - means[f"{metric}_x"]).mean(), abs=1e-12)
        assert shown([datasets, runs]) == [len(means), len(own)]
        assert shown([same])[0] == (own[f"{metric}_x"] == own[f"{metric}_y"]).sum()
        expected = {"classification": 2.0, "segmentation": None, "timeseries": 1.0}[task]
        assert shown([time])[0] == (expected and pytest.approx(expected))
        low, high = float(diff["data-low"]), float(diff["data-high"])
        assert low <= shown([diff])[0] <= high and ("(seeds)" in diff["text"]) == (len(means) == 1)
        if variant != "odconv" or task != "timeseries":
            assert (low, high) == (0, 0)


def test_the_interval_is_students_over_datasets(pair, loaded):
    from scipy import stats

    a, b = loaded
    (odconv,) = (c for c in task_changes(a, b, "timeseries", VARIANTS).changes if c.variant == "odconv")
    both = joined(pair, "timeseries")
    both = both[(both["variant"] == "odconv") & (both["dataset"] != "ucr/GunPoint")]
    diff = both.groupby("dataset")["accuracy_y"].mean() - both.groupby("dataset")["accuracy_x"].mean()
    expected = stats.t.interval(0.95, len(diff) - 1, diff.mean(), stats.sem(diff))
    assert (odconv.low, odconv.high) == pytest.approx(expected, abs=1e-11) and odconv.over == "datasets"


def test_both_studies_stand_beside_each_other(pair, page):
    for label, folder in zip("AB", pair, strict=True):
        pairwise = records.read("pairwise", folder / "stats/pairwise.parquet").to_pandas()
        means = records.read("means", folder / "stats/means.parquet").to_pandas()
        for row in pairwise[pairwise["family"] == "primary"].itertuples():
            cells = page.rows[f"{label}/{row.task}/{row.variant_a}"]
            assert cells[1]["text"] == label and cells[2]["text"] == row.verdict
            assert cells[2]["data-source"] == f"{label}/stats/pairwise.parquet"
            where = json.loads(cells[3]["data-where"])
            assert where == {"task": row.task, "variant_a": row.variant_a, "variant_b": row.variant_b}
            assert shown(cells[3:5]) == [row.mean_diff, row.p_adjusted]
            own = means[(means["task"] == row.task) & (means["variant"] == row.variant_a)]["mean"]
            assert shown(cells[5:6])[0] == pytest.approx(own.mean(), abs=1e-12)
    assert len(page.rows) == 2 * 15 + 15 + len(re.findall(r'<tr[^>]* data-row="[a-z_]+">', page.source))


def test_every_number_says_where_it_comes_from(pair, page):
    """Those that are of one study stand there; the page's other test computes those that are of both."""
    frames, exact = {}, 0
    for sources, column, where, how, value in traced(page):
        assert sources and column
        for source in sources.split():
            label, _, path = source.partition("/")
            if source not in frames:
                frames[source] = records.read(Path(path).stem, dict(zip("AB", pair, strict=True))[label] / path)
            rows = frames[source].to_pandas()
            for key, wanted in where.items():
                rows = rows[rows[key] == wanted]
            assert len(rows) and column in rows, (source, where)
            if how is None or how in EXACT:
                found = rows[column].agg(how) if how else rows[column].item()
                assert found == pytest.approx(value), (source, column, where, how)
                exact += 1
    assert exact > 100


def test_what_has_changed_is_told_first(page):
    text = " ".join(page.text.split())
    assert "The verdict of odconv is inconclusive in A and superior in B." in text
    assert "All 13 runs that A and B share have the very same accuracy: nothing has changed." in text
    assert "The largest mean change is that of odconv (+" in text and "positive where B is better" in text
    assert "No verdict differs, of 4." in text and "Without a peer: 1 of A, 0 of B" in text


def test_what_differs_is_warned_of(page):
    text = " ".join(page.text.split())
    for words in (
        "A and B ran on different hardware (Example CPU; Another GPU and Example CPU): training times are compared",
        "A and B hold different data of ucr/GunPoint: a metric there is not of the same task",
        "Left out, for other data: ucr/GunPoint.",
        "Recipe or options of soft_local on digits, soft_local on shapes_voc, ",
    ):
        assert words in text, words
    assert page.source.index('class="warning"') < page.source.index('class="headline"')
    facts = {name: [cell["text"].strip() for cell in cells] for name, cells in page.rows.items() if "/" not in name}
    assert facts["git_sha"][1:] == ["differs", "0123abc", "fedcba9"]
    assert facts["torch_version"][1:] == ["same", "2.14.1", "2.14.1"]
    assert facts["dataset_hash"][3] == "the same as A's for 4 of 5 that both havediffers: ucr/GunPoint"
    assert facts["run_hash"][3].count("differs: soft_local on ") == len(DATASETS)


def test_the_page_needs_nothing_else_and_is_the_same_every_time(pair, page, tmp_path):
    assert not [t for t, a in page.tags if "src" in a] and "http" not in page.source.replace("http-equiv", "").replace(
        "http://www.w3.org/", ""
    )
    anchors = {a["id"] for _, a in page.tags if "id" in a}
    assert {a["href"][1:] for a in page.all("a")} <= anchors and all(a["href"].startswith("#") for a in page.all("a"))
    figures = [a["aria-label"] for a in page.all("svg")]
    assert len(figures) == 3 and any(label.startswith("timeseries: mean accuracy in A against B") for label in figures)
    assert build(pair, tmp_path / "again.html").read_text() == page.source


def test_three_studies_are_held_against_the_first_and_a_folder_against_itself(one, tmp_path):
    b = change(Path(shutil.copytree(one, tmp_path / "b")), lambda runs: runs.assign(accuracy=runs["accuracy"] - 0.25))
    page = Page(build([one, b, one], tmp_path / "c.html"))
    assert {"C/classification/odconv", "AB/classification/odconv", "AC/classification/odconv"} <= page.rows.keys()
    assert "BC/classification/odconv" not in page.rows
    assert shown(page.rows["AB/classification/odconv"][3:4]) == [-0.25]
    assert shown(page.rows["AC/classification/odconv"][3:4]) == [0.0]
    assert "A and C share have the very same accuracy: nothing has changed." in page.text
    assert "A and B share have the very same accuracy: nothing" not in page.text
    assert "A and C are the same folder." in page.text and "A and B are" not in page.text
    assert "differs:" not in page.text


def test_a_study_without_statistics_or_runs_in_common(one, tmp_path):
    b = Path(shutil.copytree(one, tmp_path / "b"))
    shutil.rmtree(b / "stats")
    change(b, lambda runs: runs.assign(seed=runs["seed"] + 10, run_id=runs["run_id"] + "0"))
    text = " ".join(Page(build([one, b], tmp_path / "c.html")).text.split())
    assert "B has not been compared (no stats/pairwise.parquet)" in text
    assert "they share no run (dataset, variant and seed) that ended well in both" in text
    assert Page(build([b, one], tmp_path / "d.html")).rows  # the other way round


def test_other_tasks_and_metrics_are_not_compared(one, tmp_path):
    a = one
    b = write(tmp_path / "b", run_rows(VARIANTS, {"shapes_voc": "segmentation"}))
    page = Page(build([a, b], tmp_path / "c.html"))
    text = " ".join(page.text.split())
    assert "B has nothing of this task" in text and "A has nothing of this task" in text
    assert "A/segmentation/odconv" in page.rows and "AB/classification/odconv" not in page.rows
    c = Path(shutil.copytree(a, tmp_path / "c"))
    for name in ("means", "pairwise"):
        table = records.read(name, c / f"stats/{name}.parquet").to_pandas().assign(metric="loss")
        records.write(name, table, c / f"stats/{name}.parquet")
    assert "A is about accuracy, B about loss" in Page(build([a, c], tmp_path / "d.html")).text


def test_a_smaller_loss_is_better(one, tmp_path):
    a = change(Path(shutil.copytree(one, tmp_path / "a")), lambda runs: runs.assign(loss=1.0))
    for name in ("means", "pairwise"):
        table = records.read(name, a / f"stats/{name}.parquet").to_pandas().assign(metric="loss")
        records.write(name, table, a / f"stats/{name}.parquet")
    b = change(Path(shutil.copytree(a, tmp_path / "b")), lambda runs: runs.assign(loss=runs["loss"] * 0.75))
    one, two = sides([a, b])
    found = task_changes(one, two, "classification", VARIANTS)
    assert {c.diff for c in found.changes} == {0.25} and found.n_same == 0


def test_results_of_an_earlier_commit_stand_beside_others(one, tmp_path):
    page = Page(build([OLD / "9769511", one], tmp_path / "c.html"))
    assert "A/classification/odconv" in page.rows
    assert "hold different data of digits" in page.text


def test_hostile_names_stay_names(tmp_path):
    evil = "<script>alert(1)</script>\"'&" + "x" * 200
    rows = run_rows({"vanilla": 1.0, evil: 1.0}, {evil: "classification"}, device=evil, git_sha=evil)
    a = write(tmp_path / evil.replace("/", "_")[:60], rows)
    b = change(Path(shutil.copytree(a, tmp_path / "b")), lambda runs: runs.assign(accuracy=0.5, dataset_hash=None))
    page = Page(build([a, b], tmp_path / "c.html"))
    assert len(page.all("script")) == 1 and "<script>alert" not in page.source
    assert any(json.loads(x["data-where"]).get("dataset") == evil for x in page.all("tr") if "data-where" in x)


def test_as_it_is_typed(one, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a = str(one)
    assert main(["report", "--results", a, "--results", a]) == 0
    assert capsys.readouterr().out.strip() == "comparison.html" and Path("comparison.html").is_file()
    assert main(["report", "--results", a, "--results", str(tmp_path)]) == 2
    assert "runs.parquet: no such file; `dynconv collect` writes it" in capsys.readouterr().err
    assert main(["report", *["--results", a] * 27]) == 2
    assert "27 results folders side by side; valid: 2 to 26" in capsys.readouterr().err


def test_failed_runs_are_no_peers(loaded):
    a, b = loaded
    found = task_changes(a, b, "classification", VARIANTS)
    lost = [key for key in FAILED if key[0] == "digits"]
    assert len(lost) == 1 and found.n_runs == 15 - len(lost) - 1
    assert isinstance(found.cells, pd.DataFrame) and set(found.cells["n_seeds"]) == {2, 3}
