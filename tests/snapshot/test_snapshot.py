"""`dynconv snapshot`: what is finished, what is not, and why, in a folder of its own."""

import json
from pathlib import Path

import pytest
from half_way import die, finish, row_of, rows, study_in, submit

from dynconv import records
from dynconv.cli import main
from dynconv.report.results import load
from dynconv.study import RunKey

EVIL = "<script>alert('x')</script> & 100 %"


def tree(folder, but):
    """Every path below `folder` with its bytes and time; `but` excepted."""
    files = (path for path in folder.rglob("*") if path.is_file() and but not in path.parents)
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def snapshot(folder, *words):
    assert main(["snapshot", "--study", str(folder / "study.yaml"), *words]) == 0
    out = folder / "results/snapshot"
    return json.loads((out / "snapshot.json").read_text()), (out / "report.html").read_text()


def test_half_way(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = study_in(tmp_path, seeds=3)
    keys = list(study.runs())
    digits, series = keys[:6], keys[6:]
    for key in digits[:4]:
        finish(study, key, accuracy=0.7 + 0.01 * key.seed)
    finish(study, digits[4], status="failed", failure=EVIL, accuracy=None)
    (finish(study, digits[5]) / "metrics.parquet").write_bytes(b"PAR1")
    finish(study, series[0], run_hash="of another recipe")
    (finish(study, series[1]) / "predictions.parquet").unlink()
    die(study, series[2], "OUT_OF_MEMORY: " + EVIL)
    die(study, series[3], "of an earlier try")
    submit(tmp_path, [series[3], series[4]])
    Path("results/profile/digits").mkdir(parents=True)
    Path("results/profile/digits/vanilla.parquet").write_bytes(b"half")
    before = tree(tmp_path, Path("none"))

    said, page = snapshot(tmp_path)

    out = tmp_path / "results/snapshot"
    assert tree(tmp_path, out) == before
    states = {run["run"]: run["state"] for run in said["unfinished"]}
    assert states == {
        digits[5].run_id: "missing",
        series[0].run_id: "outdated",
        series[1].run_id: "missing",
        series[2].run_id: "died",
        series[3].run_id: "running",
        series[4].run_id: "queued",
        series[5].run_id: "missing",
    }
    counts = {"ok": 4, "failed": 1, "running": 1, "queued": 1, "died": 1, "outdated": 1, "missing": 3}
    assert said["counts"] == counts and said["expected"] == 12 and said["complete"] is False
    assert said["taken_at"].endswith("Z") and load(out).snapshot == said
    notes = "\n".join(said["notes"])
    assert f"1 run ({series[0].run_id}): made by an earlier recipe" in notes
    assert f"1 run ({series[1].run_id}): files changed while they were read" in notes
    assert f"{digits[5].run_id}/metrics: not a readable Parquet file" in notes
    assert "profile of vanilla on digits: left out" in notes and "4 of 4 networks have no profile yet" in notes
    assert "not compared: task 'timeseries' has 'vanilla' only" in notes and "the Bayesian part is left out" in notes
    printed = capsys.readouterr().out
    assert (
        all(f"note: {note}" in printed for note in said["notes"]) and "4 of 12 runs ok, 1 failed, 1 running" in printed
    )
    assert "partial: runs are still to come" in printed

    taken = {row["run_id"]: row["status"] for row in rows(out, "runs")}
    assert taken == {k.run_id: "ok" for k in digits[:4]} | {digits[4].run_id: "failed", series[2].run_id: "failed"}
    assert {row["run_id"] for row in rows(out, "metrics")} == {key.run_id for key in digits[:5]}
    assert {row["task"] for row in rows(out, "pairwise")} == {"classification"}
    assert rows(out, "posterior") == []

    assert page.index("Snapshot: partial.") < page.index('id="answer"')
    assert "4 of 12 runs ended well, 1 failed, 1 died, 1 running, 1 queued, 1 outdated, 3 missing" in page
    assert series[4].run_id in page and "88_0" in page and "n7" in page
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def none(study):
    return 0


def all_failed(study):
    for key in study.runs():
        finish(study, key, status="failed", failure="loss is NaN", accuracy=None)
    return 0


def only_the_control(study):
    keys = [key for key in study.runs() if key.variant == "vanilla"]
    for key in keys:
        finish(study, key)
    return len(keys)


def one_dataset(study):
    keys = [key for key in study.runs() if key.dataset == "digits"]
    for key in keys:
        finish(study, key)
    return len(keys)


@pytest.mark.parametrize("made", [none, all_failed, only_the_control, one_dataset], ids=lambda made: made.__name__)
def test_whatever_there_is(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    ok = made(study_in(tmp_path))
    said, page = snapshot(tmp_path)
    assert said["counts"]["ok"] == ok and f"{ok} of 8 runs ended well" in page
    assert said["complete"] is (made is all_failed)
    assert ("Snapshot: complete." in page) is (made is all_failed)
    assert ("Snapshot: partial." in page) is (made is not all_failed)
    if made is none:
        assert "no run is finished: nothing was compared" in said["notes"] and not (tmp_path / "results/runs").exists()
    if made is only_the_control:
        assert sum("not compared" in note for note in said["notes"]) == 2
    if made is one_dataset:
        assert "not compared: task 'timeseries' has no run in the table yet" in said["notes"]
        assert rows(tmp_path / "results/snapshot", "pairwise")


def test_a_complete_one_has_the_tables_of_the_pipeline(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = study_in(tmp_path)
    for key in study.runs():
        finish(study, key)
    said, page = snapshot(tmp_path, "--posterior")
    assert said["complete"] and said["unfinished"] == [] and "Snapshot: complete." in page
    assert capsys.readouterr().out.splitlines()[-2:] == ["complete", str(tmp_path / "results/snapshot/report.html")]
    assert main(["collect", "results/runs", "--out", "whole", "--study", "study.yaml"]) == 0
    for name in ("runs", "metrics", "predictions", "diagnostics"):
        table = records.read(name, tmp_path / f"results/snapshot/tables/{name}.parquet")
        assert table.equals(records.read(name, tmp_path / f"whole/{name}.parquet")), name
    assert rows(tmp_path / "results/snapshot", "posterior")
    # Other commands know nothing of it.
    assert main(["clean", "--study", "study.yaml"]) == 0
    assert main(["list", "runs", "--study", "study.yaml"]) == 0
    listed = capsys.readouterr().out
    assert "8 of 8 runs ok" in listed and "snapshot" not in listed


def test_the_plain_list_survives_a_run_that_is_made_again(tmp_path, monkeypatch):
    """Between looking for a file and reading it, Snakemake may have deleted it."""
    from dynconv import run_rows

    study = study_in(tmp_path)
    key = next(study.runs())
    out = finish(study, key)
    found = run_rows.files(Path(study.results))
    (out / "run.parquet").unlink()
    assert list(found) == [key.run_id] and run_rows.read(Path(study.results), found, ["status"]) == {}


def test_names_in_the_folder_are_those_of_the_study(tmp_path):
    """A run in another run's folder is left out, and said."""
    from dynconv.snapshot.gather import gather

    study = study_in(tmp_path)
    first, second = list(study.runs())[:2]
    finish(study, first)
    records.write("runs", [row_of(study, first)], finish(study, second) / "run.parquet")
    hashes = {(d.name, v.name): {None} for d in study.datasets for v in study.variants}
    hashes[first.dataset, first.variant] = {row_of(study, first)["run_hash"]}
    found = gather(Path(study.results, "runs"), [first, second], hashes, lambda found: [], tmp_path / "tables")
    assert found.status == {first.run_id: "ok"} and "another run" in found.damaged[second.run_id]
    assert isinstance(first, RunKey)
