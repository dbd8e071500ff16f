"""Merging results folders: the union of all runs, clashes refused by name, and a folder that can be reported on."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dynconv import records
from dynconv.cli import main
from dynconv.errors import DynconvError
from dynconv.merge.merge import merge

OLD = Path(__file__).parent / "old_results"
TIME = datetime(2025, 3, 1, tzinfo=UTC)
STUDY = "name: {name}\nvariants: [vanilla, odconv]\ndatasets: [digits, ucr/GunPoint]\nseeds: [{seeds}]\n"


def row(dataset, variant, seed, **changes):
    value = float(np.random.default_rng([seed, *variant.encode(), *dataset.encode()]).uniform(0.8, 0.9))
    task = "timeseries" if dataset.startswith("ucr") else "classification"
    keys = {"run_id": f"{dataset}/{variant}/seed{seed}", "dataset": dataset, "variant": variant, "seed": seed}
    said = {"task": task, "status": "ok", "accuracy": value, "started_at": TIME, "finished_at": TIME, "device": "CPU"}
    said |= {"run_hash": f"{dataset} {variant}", "dataset_hash": f"data of {dataset}", "dynconv_version": "0.1.0"}
    return keys | said | changes


def write(folder, rows, study=None):
    """A results folder with runs, their profile and, with `study`, its study.yaml."""
    for run in rows:
        keys = {name: run[name] for name in ("run_id", "dataset", "variant", "seed")}
        place = folder / "runs" / run["run_id"]
        metric = {"split": "test", "epoch": 1, "step": 1, "metric": "accuracy", "value": run["accuracy"]}
        records.write("runs", [run], place / "run.parquet")
        records.write("metrics", [keys | metric], place / "metrics.parquet")
        predictions = [keys | {"example_id": n, "target": 0, "prediction": n % 2} for n in range(3)]
        records.write("predictions", predictions, place / "predictions.parquet")
        profile = {name: run[name] for name in ("task", "dataset", "variant", "device")} | {"params": 7}
        records.write("profile", [profile], folder / "profile" / run["dataset"] / f"{run['variant']}.parquet")
    if study:
        (folder / "study.yaml").write_text(study)
    return folder


def rows_of(seeds, **changes):
    pairs = [(d, v) for d in ("digits", "ucr/GunPoint") for v in ("vanilla", "odconv")]
    return [row(*pair, seed, **changes) for pair in pairs for seed in seeds]


@pytest.fixture
def a(tmp_path):
    return write(tmp_path / "A", rows_of([0, 1]))


def table(folder, name="runs"):
    return records.read(name, folder / "tables" / f"{name}.parquet").to_pylist()


def only_tables(folder):
    """The folder as it is when its runs are gone."""
    out = folder.with_name(folder.name + "-tables")
    merge([folder], out)
    shutil.rmtree(folder / "runs")
    shutil.rmtree(folder / "profile")
    shutil.copytree(out / "tables", folder / "tables")
    return folder


@pytest.mark.parametrize("tables", [False, True])
def test_the_union_is_a_results_folder_of_its_own(a, tmp_path, tables, capsys):
    b = write(tmp_path / "B", rows_of([2, 3]))
    if tables:
        only_tables(b)
    out = tmp_path / "merged"
    assert main(["collect", str(a), str(b), "--out", str(out)]) == 0
    assert f"{out}/tables/runs.parquet: 16 rows" in capsys.readouterr().out
    assert [(r["dataset"], r["variant"], r["seed"]) for r in table(out)] == sorted(
        (d, v, s) for d in ("digits", "ucr/GunPoint") for v in ("vanilla", "odconv") for s in range(4)
    )
    assert {r["run_id"]: r["accuracy"] for r in table(out)} == {r["run_id"]: r["accuracy"] for r in rows_of(range(4))}
    assert len(table(out, "metrics")) == 16 and len(table(out, "predictions")) == 48 and len(table(out, "profile")) == 4
    assert not (out / "tables/trials.parquet").exists()
    if not tables:
        return
    stats, runs, predictions = out / "stats", out / "tables/runs.parquet", out / "tables/predictions.parquet"
    command = ["compare", runs, "--out", stats, "--predictions", predictions, "--no-posterior"]
    assert main([*map(str, command)]) == 0
    assert main(["report", "--results", str(out)]) == 0 and (out / "report.html").is_file()


def test_a_study_that_all_share_goes_along_and_orders_the_runs(tmp_path):
    study = STUDY.format(name="s", seeds="0, 1, 2, 3")
    a, b = write(tmp_path / "A", rows_of([0, 1]), study), write(tmp_path / "B", rows_of([2, 3]), study)
    merged = merge([b, a], tmp_path / "out")
    assert merged.study and merged.study.read_text() == study
    names = [r["run_id"] for r in table(tmp_path / "out")]
    assert names[:2] == ["digits/vanilla/seed0", "digits/vanilla/seed1"] and len(names) == 16


def test_other_studies_are_said_and_leave_none(tmp_path):
    a = write(tmp_path / "A", rows_of([0, 1, 9]), STUDY.format(name="s", seeds="0, 1"))
    b = write(tmp_path / "B", rows_of([2]), STUDY.format(name="t", seeds="2"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/study.yaml").write_text("of an earlier merge")
    merged = merge([a, b], tmp_path / "out")
    assert merged.study is None and not (tmp_path / "out/study.yaml").exists()
    said = " ".join(merged.notes)
    assert "no study.yaml is written" in said and "4 runs are not of its own study, s, and are left out" in said
    (tmp_path / "f.yaml").write_text(STUDY.format(name="u", seeds="0, 2"))
    merged = merge([a, b], tmp_path / "out", tmp_path / "f.yaml")
    assert {r["seed"] for r in table(tmp_path / "out")} == {0, 2} and merged.study


def test_a_folder_of_runs_alone_can_be_merged(a, tmp_path):
    b = write(tmp_path / "B", rows_of([2]))
    merge([a, b / "runs"], tmp_path / "out")
    assert len(table(tmp_path / "out")) == 12


def test_the_same_run_twice_counts_once(a, tmp_path):
    b = write(tmp_path / "B", rows_of([1, 2]))
    merged = merge([a, b], tmp_path / "out")
    assert len(table(tmp_path / "out")) == 12 and len(table(tmp_path / "out", "predictions")) == 36
    assert "4 runs in several folders with the same row: counted once" in merged.notes
    assert not merged.warnings


def test_clashing_runs_are_refused_by_name(a, tmp_path, capsys):
    b = write(tmp_path / "B", rows_of([1, 2], accuracy=0.123))
    assert main(["collect", str(a), str(b), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert f"4 runs clash, with other results in {a} and {b}: digits/odconv/seed1, digits/vanilla/seed1, " in error
    assert ", ...; valid: leave a folder out" in error and f"--prefer DIR (valid: {a}, {b})" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("which", ["A", "B"])
def test_one_folder_s_runs_can_be_preferred(a, tmp_path, which):
    b = write(tmp_path / "B", rows_of([1, 2], accuracy=0.123))
    c = write(tmp_path / "C", rows_of([1], accuracy=0.321))
    merged = merge([a, b, c], tmp_path / "out", prefer=tmp_path / which)
    found = {r["run_id"]: r["accuracy"] for r in table(tmp_path / "out")}
    assert len(found) == 12 and (found["digits/vanilla/seed1"] == 0.123) == (which == "B")
    assert f"4 runs clash: those of {tmp_path / which} count, as --prefer says" in merged.notes
    curves = [r["value"] for r in table(tmp_path / "out", "metrics") if r["run_id"] == "digits/vanilla/seed1"]
    assert curves == [found["digits/vanilla/seed1"]]


def lose(folder, run_id, cause="OUT_OF_MEMORY"):
    """As the run is when its job failed for good: a failure record, no files."""
    shutil.rmtree(folder / "runs" / run_id, ignore_errors=True)
    dataset, variant, seed = run_id.rsplit("/", 2)
    keys = {"run_id": run_id, "task": "classification", "dataset": dataset, "variant": variant}
    file = folder / "failures" / f"{run_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"row": keys | {"seed": int(seed[4:])}, "failure": cause}))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("tables", [False, True])
def test_a_lost_run_gives_way_to_one_that_came_to_an_end(a, tmp_path, order, tables):
    b = write(tmp_path / "B", rows_of([1]))
    lose(a, "digits/odconv/seed1")
    lose(b, "digits/vanilla/seed1")
    lose(a, "digits/vanilla/seed1")
    if tables:
        only_tables(a)
    merged = merge([a, b][::order], tmp_path / "out")
    found = {r["run_id"]: r["status"] for r in table(tmp_path / "out")}
    assert found["digits/odconv/seed1"] == "ok" and found["digits/vanilla/seed1"] == "failed" and len(found) == 8
    assert any("lost in one folder" in note for note in merged.notes)


def test_a_diverged_run_does_not_give_way(a, tmp_path):
    """A loss that became NaN is a result: to take the other run would be to choose by the outcome."""
    b = write(tmp_path / "B", [row("digits", "odconv", 1, status="failed", failure="loss is NaN", accuracy=None)])
    with pytest.raises(DynconvError, match=r"1 run clashes, .*: digits/odconv/seed1; valid: "):
        merge([a, b], tmp_path / "out")


def test_what_differs_is_a_warning(a, tmp_path, capsys):
    changes = {"device": "GPU", "run_hash": "other", "dynconv_version": "0.2.0", "plan_hash": "p"}
    b = write(tmp_path / "B", rows_of([2], **changes))
    for run in rows_of([3], dataset_hash="other", accuracy=None, miou=0.5):
        records.write("runs", [run], b / "runs" / run["run_id"] / "run.parquet")
        for name in ("metrics", "predictions"):
            records.write(name, [], b / "runs" / run["run_id"] / f"{name}.parquet")
    assert main(["collect", str(a), str(b), "--out", str(tmp_path / "out")]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    for words in (
        "the data of digits differ: ",
        "recipe or options differ (run_hash): odconv on digits, vanilla on digits, odconv on ucr/GunPoint and 1 more",
        f"the classification runs have other metrics: {a}: accuracy; {b}: accuracy, miou",
        f"(device): {a}: CPU; {b}: CPU, GPU",
        "versions of dynconv (dynconv_version)",
    ):
        assert sum(words in line for line in warnings) == 1, words
    assert not any("plan_hash" in line for line in warnings)  # A's runs record none


def test_one_network_profiled_twice_counts_as_the_first_has_it(a, tmp_path):
    b = write(tmp_path / "B", rows_of([2], device="GPU"))
    merged = merge([a, b], tmp_path / "out")
    assert {r["device"] for r in table(tmp_path / "out", "profile")} == {"CPU"}
    note = f"profile: 4 rows are not the same in {b} (GPU) as in {a} (CPU); those of the latter count"
    assert note in merged.notes
    merge([a, b], tmp_path / "out", prefer=b)
    assert {r["device"] for r in table(tmp_path / "out", "profile")} == {"GPU"}


def test_results_of_earlier_commits_are_merged(tmp_path):
    """As an older dynconv has left them: columns that came later are null."""
    old, older = OLD / "78ea04f", tmp_path / "older"
    shutil.copytree(OLD / "9769511", older, ignore=shutil.ignore_patterns("runs"))
    with pytest.raises(DynconvError, match="4 runs clash"):
        merge([old, older], tmp_path / "out")
    merged = merge([old, older], tmp_path / "out", prefer=older)
    assert len(table(tmp_path / "out")) == 4 and {r["plan_hash"] for r in table(tmp_path / "out")} == {None}
    assert merged.study and len(table(tmp_path / "out", "predictions")) == 4 * 445
    new = write(tmp_path / "new", [row("digits", "vanilla", seed) for seed in (7, 8)])
    merged = merge([OLD / "9769511/runs", new], tmp_path / "both")
    assert {r["run_id"] for r in table(tmp_path / "both")} == {f"digits/vanilla/seed{s}" for s in (0, 7, 8)}
    assert any(line.startswith("the data of digits differ") for line in merged.warnings)


def test_tables_without_curves_or_runs_are_told(a, tmp_path):
    only_tables(a)
    (a / "tables/predictions.parquet").unlink()
    strange = [{"run_id": "x", "dataset": "x", "variant": "x", "seed": 0, "split": "test", "epoch": 1, "step": 1}]
    rows = [*table(a, "metrics"), strange[0] | {"metric": "loss", "value": 1.0}]
    records.write("metrics", rows, a / "tables/metrics.parquet")
    merged = merge([a], tmp_path / "out")
    assert f"{a}/tables/predictions.parquet: no such file: the runs of {a} have no predictions" in merged.notes
    assert any("1 rows are of no run of tables/runs.parquet and are left out" in note for note in merged.notes)
    assert len(table(tmp_path / "out", "metrics")) == 8


def test_rows_of_runs_that_are_gone_are_counted(a, tmp_path):
    merge([a], tmp_path / "once")
    shutil.copytree(tmp_path / "once/tables", a / "tables")
    shutil.rmtree(a / "runs/digits/odconv/seed1")
    merged = merge([a], tmp_path / "out")
    assert any("1 rows are of runs that runs/ does not have" in note for note in merged.notes)
    assert len(table(tmp_path / "out")) == 7


def test_a_dataset_called_runs_is_a_dataset(tmp_path, capsys):
    b = write(tmp_path / "B", [row("runs", "vanilla", 0), row("digits", "vanilla", 0)])
    assert main(["collect", str(b / "runs"), "--out", str(tmp_path / "t")]) == 0
    assert len(records.read("runs", tmp_path / "t/runs.parquet")) == 2


def test_hostile_names_stay_names(a, tmp_path):
    name = "<script>alert(1)</script> & ' " + "long" * 40
    b = write(tmp_path / "B", [row("digits", "vanilla", 5, device=name, dataset_hash=name)])
    merged = merge([a, b], tmp_path / "out")
    assert any(name in line for line in merged.warnings) and name in {r["device"] for r in table(tmp_path / "out")}


def wrong(*words):
    return pytest.param(words[:-1], words[-1], id=words[-1][:40])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        wrong("A", "A", "--out", "out", "A stands more than once among the folders; valid: each once"),
        wrong("A", "A/../A", "--out", "out", "stands more than once"),
        wrong("A", "nowhere", "--out", "out", "nowhere: no such folder; valid: a results folder, or a folder of runs"),
        wrong("A", "empty", "--out", "out", "empty: no run here; valid: a folder with runs/ or tables/runs.parquet"),
        wrong("A", "B", "--out", "A", "--out A: is A, which is merged; valid: a new folder"),
        wrong("A", "B", "--out", "A/tables", "--out A/tables: is A, which is merged"),
        wrong("A", "--out", "B", "--out B: has runs of its own (runs/); valid: a new folder"),
        wrong("A", "B", "--out", "out", "--prefer", "C", "--prefer C: is none of the folders; valid: A, B"),
        wrong("A/runs", "--out", "out", "--prefer", "A", "--prefer: a single folder of runs has no clashes; valid: "),
        wrong("A", "B", "--out", "out", "--profiles", "A", "--profiles: a results folder has its own; valid: without"),
        wrong("A", "--out", "out", "--failures", "A", "--failures: a results folder has its own; valid: without"),
    ],
)
def test_bad_input_is_one_line(a, tmp_path, monkeypatch, capsys, arguments, words):
    write(tmp_path / "B", rows_of([2]))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["collect", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
