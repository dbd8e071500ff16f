"""`dynconv list runs`: each run's state is that of its job, its row or its failure record, and nothing is cut off."""

import json
import os
import re
import time

import pytest
import yaml

from dynconv import records
from dynconv.cli import main
from dynconv.errors import DynconvError
from dynconv.listing_runs import table
from dynconv.study import parse
from snakemake_executor_plugin_submitit.item import write
from snakemake_executor_plugin_submitit.journal import FOLDER, Batch, Entry, Journal

STUDY = {"name": "s", "variants": ["vanilla", "odconv"], "datasets": ["digits"], "seeds": 4}
CAUSE = "OUT_OF_MEMORY: asked for 4 GB [conv1], twice, and the node had no more to give"


def row(run_id, **values):
    dataset, variant, seed = run_id.rsplit("/", 2)
    keys = {"run_id": run_id, "dataset": dataset, "variant": variant, "seed": int(seed.removeprefix("seed"))}
    return keys | {"task": "classification", "status": "ok", "attempt": 1} | values


def died(results, run_id, at):
    file = results / "failures" / f"{run_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"row": row(run_id, slurm_job_id="77_1", hostname="n3", attempt=3), "failure": CAUSE}
    file.write_text(json.dumps(content))
    os.utime(file, (at, at))
    return file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Eight runs: ok, failed, died, died after an older row, two running, queued and missing."""
    monkeypatch.chdir(tmp_path)
    results, now = tmp_path / "results", time.time()

    def done(run_id, **values):
        records.write("runs", [row(run_id, **values)], results / "runs" / run_id / "run.parquet")

    done("digits/vanilla/seed0", accuracy=0.75, train_s=3661.4, hostname="n1", slurm_job_id="5", attempt=2)
    done("digits/vanilla/seed1", status="failed", failure="loss is NaN")
    died(results, "digits/vanilla/seed1", now - 100)  # of an earlier try
    died(results, "digits/vanilla/seed2", now)
    done("digits/vanilla/seed3", accuracy=0.5)
    died(results, "digits/vanilla/seed3", now + 100)
    # An array of one pack of two at a time and of a job that waits, as the executor keeps account of it.
    place = tmp_path / FOLDER
    place.mkdir(parents=True)
    entries = [
        Entry(name, "", f"digits/odconv/seed{seed}", rule, f"logs/slurm/{name}.log", 1)
        for seed, name, rule in ((0, "a", "train_odconv"), (1, "b", "train_odconv"), (2, "c", "train_odconv"))
    ]
    entries.append(Entry("d", "", "digits/odconv/seed3", "profile", "logs/slurm/d.log", 1))  # trains nothing
    batch = Batch("one", place / "batches/one", [entries[:2], entries[2:]], {"pack_concurrency": 2})
    (batch.folder / "status").mkdir(parents=True)
    write(batch.folder / "status/0.start.json", {"time": now - 60, "node": "n7", "restart": 1})
    journal = Journal(place)
    journal.intend(batch)
    batch.cluster, batch.job_id, batch.array = "slurm", "88", True
    journal.submitted(batch)
    journal.close()
    return tmp_path


def test_states(folder):
    lines = {line.run: line for line in table(parse(STUDY, "s"), folder / "results", folder)}
    assert {name.removeprefix("digits/"): line.state for name, line in lines.items()} == {
        "vanilla/seed0": "ok",
        "vanilla/seed1": "failed",
        "vanilla/seed2": "died",
        "vanilla/seed3": "died",
        "odconv/seed0": "running",
        "odconv/seed1": "running",
        "odconv/seed2": "queued",
        "odconv/seed3": "missing",
    }
    assert lines["digits/vanilla/seed0"].cells()[1:] == ["ok", "0.7500", "5", "n1", "2", "1:01:01", ""]
    assert lines["digits/vanilla/seed1"].cells()[-1] == "loss is NaN"
    assert lines["digits/vanilla/seed2"].cells()[1:] == ["died", "", "77_1", "n3", "3", "", CAUSE]
    running = lines["digits/odconv/seed1"]
    assert (running.job, running.node, running.attempt, running.note) == ("88_0", "n7", 2, "logs/slurm/b.log")
    assert 60 <= running.elapsed_s < 600
    queued = lines["digits/odconv/seed2"]
    assert (queued.job, queued.node, queued.elapsed_s, queued.note) == ("88_1", None, None, "logs/slurm/c.log")


def test_another_studys_job_does_not_hide_a_finished_run(folder):
    file = folder / "results/runs/digits/odconv/seed0/run.parquet"
    records.write("runs", [row("digits/odconv/seed0", accuracy=0.5)], file)
    states = {line.run: line.state for line in table(parse(STUDY, "s"), folder / "results", folder)}
    assert (states["digits/odconv/seed0"], states["digits/odconv/seed1"]) == ("ok", "running")


def test_a_folder_without_runs_is_listed_by_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "runs", "--results", "merged"]) == 2
    assert capsys.readouterr().err.endswith("merged: no such folder; valid: a results folder\n")
    rows = [row("digits/vanilla/seed0", accuracy=0.5), row("digits/vanilla/seed1", status="failed", failure="NaN")]
    records.write("runs", rows, tmp_path / "merged/tables/runs.parquet")
    assert listed(capsys, "--results", "merged")[-1] == "1 of 2 runs ok, 1 failed"


def listed(capsys, *words):
    assert main(["list", "runs", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_run_is_one_line_where_no_terminal_reads(folder, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    lines = listed(capsys, "--study", "study.yaml")
    assert lines[0].split() == ["run", "state", "metric", "job", "node", "attempt", "elapsed", "log", "or", "cause"]
    assert len(lines) == 1 + 8 + 1 and sum(CAUSE in line for line in lines) == 2
    assert lines[-1] == "1 of 8 runs ok, 1 failed, 2 running, 1 queued, 2 died, 1 missing"
    # Without a study: what the folder and the jobs know of.
    assert listed(capsys)[-1] == "1 of 7 runs ok, 1 failed, 2 running, 1 queued, 2 died"


@pytest.mark.parametrize("width", [100, 80])
def test_a_narrow_terminal_folds_and_cuts_nothing_off(folder, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = listed(capsys)
    assert max(map(len, lines)) <= width
    note = lines[0].index("log or cause")
    text = "".join(line[note:] for line in lines[1:-1])
    assert re.sub(r"\s", "", text).count(re.sub(r"\s", "", CAUSE)) == 2
    runs = "".join(line[: lines[0].index("state")] for line in lines[1:-1])
    assert re.sub(r"\s", "", runs).count("digits/odconv/seed2") == 1


def test_a_damaged_failure_record_is_named(folder):
    file = died(folder / "results", "digits/odconv/seed3", time.time())
    file.write_text("{}")
    with pytest.raises(DynconvError, match=r"failures/digits/odconv/seed3\.json: not a failure record: KeyError"):
        table(parse(STUDY, "s"), folder / "results", folder)
