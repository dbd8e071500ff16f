"""The last word on a run whose job was lost: `dynconv fail`, as a rule's failure_command."""

import json
import os
import subprocess
import sys

import pytest

from dynconv import records
from dynconv.cli import main
from dynconv.collect import collect
from dynconv.study import RunKey, load

STUDY = """
name: lost
variants: [vanilla, odconv]
datasets: [digits]
seeds: [0, 1]
on_failure: {on_failure}
recipes:
  classification: {{width: 0.125, epochs: 1, batch_size: 64, lr: 0.02}}
"""
KEY = RunKey("digits", "odconv", 1)


class Lost:
    """A study in an empty folder, and what a driver does when a job of it failed for good."""

    def __init__(self, folder, on_failure):
        self.study, self.data, self.out = folder / "s.yaml", folder / "data", folder / "runs" / KEY.run_id
        self.failures, self.file = folder / "failures", folder / "failures" / f"{KEY.run_id}.json"
        self.study.write_text(STUDY.format(on_failure=on_failure))

    def words(self, command, *more):
        words = [command, "--study", self.study, "--dataset", KEY.dataset, "--variant", KEY.variant, "--seed", KEY.seed]
        return [str(word) for word in [*words, "--out", self.out, "--data", self.data, *more]]

    def train(self, **env):
        more = ("--failures", self.failures, "--device", "cpu", "--threads", 1, "--toy")
        command = [sys.executable, "-m", "dynconv.cli", *self.words("train", *more)]
        return subprocess.run(command, env=os.environ | env, capture_output=True, text=True)

    def fail(self, cause="OUT_OF_MEMORY", attempt=2, **options):
        told = {"CAUSE": cause, "MESSAGE": "used more memory than it asked for (mem_mb=400)", "JOB_ID": "7_3"}
        told |= {"NODE": "node12", "ATTEMPT": str(attempt), "LOG": "the.log"}
        env = os.environ | {f"SNAKEMAKE_SUBMITIT_{name}": value for name, value in told.items()}
        command = [sys.executable, "-m", "dynconv.cli", *self.words("fail", "--failures", self.failures)]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def row(self):
        return records.read("runs", self.out / "run.parquet").to_pylist()[0]


@pytest.fixture
def lost(tmp_path):
    return lambda on_failure: Lost(tmp_path, on_failure)


def test_a_run_that_left_nothing_becomes_a_failed_row(lost):
    lost = lost("record")
    done = lost.fail()
    cause = "OUT_OF_MEMORY: used more memory than it asked for (mem_mb=400)"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{KEY.run_id}: failed  {cause}\n", "")
    row, study = lost.row(), load(lost.study)
    expected = {"status": "failed", "failure": cause, "attempt": 2, "slurm_job_id": "7_3", "hostname": "node12"}
    expected |= {"task": "classification", "accuracy": None, "device": None, "dataset_hash": None, "study": "lost"}
    expected |= {"run_hash": study.run_hash("digits", "classification", "odconv"), "started_at": None}
    assert {name: row[name] for name in expected} == expected and row["finished_at"]
    for name in ("metrics", "predictions"):
        assert len(records.read(name, lost.out / f"{name}.parquet")) == 0
    assert json.loads(lost.file.read_text())["failure"] == cause
    assert main(["prepare", "digits", "--data", str(lost.data), "--toy"]) == 0
    assert lost.fail("NODE_FAIL").returncode == 0
    meta = json.loads((lost.data / "digits/meta.json").read_text())
    assert lost.row()["dataset_hash"] == meta["dataset_hash"] and lost.row()["failure"].startswith("NODE_FAIL: ")


def test_with_stop_there_is_a_record_but_no_row(lost, tmp_path):
    lost = lost("stop")
    assert lost.fail("TIMEOUT").returncode == 1
    assert not lost.out.exists()
    (tmp_path / "runs").mkdir()
    collect(tmp_path / "runs", tmp_path / "tables", None, lost.failures, load(lost.study))
    row = records.read("runs", tmp_path / "tables/runs.parquet").to_pylist()[0]
    assert row["run_id"] == KEY.run_id and row["failure"].startswith("TIMEOUT: ") and row["hostname"] == "node12"


def test_what_the_dying_run_said_is_kept(lost):
    lost = lost("stop")
    assert main(["prepare", "digits", "--data", str(lost.data), "--toy"]) == 0
    left = {"row": None, "failure": "RuntimeError: boom", "traceback": "Traceback ...", "started_at": None}
    assert lost.train().returncode == 0
    left["row"] = {k: v for k, v in lost.row().items() if k not in ("started_at", "finished_at")} | {"attempt": 2}
    (lost.out / "run.parquet").unlink()
    lost.file.parent.mkdir(parents=True)
    for cause, attempt, failure in (
        ("EXIT_CODE", 2, "RuntimeError: boom"),
        ("OUT_OF_MEMORY", 2, "OUT_OF_MEMORY: used more memory than it asked for (mem_mb=400)"),
        ("EXIT_CODE", 3, "EXIT_CODE: used more memory than it asked for (mem_mb=400)"),
    ):
        lost.file.write_text(json.dumps(left))
        assert lost.fail(cause, attempt).returncode == 1
        found = json.loads(lost.file.read_text())
        assert found["failure"] == failure
        mine = attempt == 2
        assert found["traceback"] == ("Traceback ..." if mine else None)
        assert found["row"]["attempt"] == attempt and ("device" in found["row"]) == mine


def test_a_run_that_was_complete_is_left_as_it_is(lost):
    lost = lost("record")
    assert main(["prepare", "digits", "--data", str(lost.data), "--toy"]) == 0
    assert lost.train(SNAKEMAKE_SUBMITIT_ATTEMPT="2").returncode == 0
    done = lost.fail("NODE_FAIL", attempt=2)
    assert done.returncode == 0 and "complete" in done.stdout
    assert lost.row()["status"] == "ok" and not lost.file.exists()
    assert lost.fail("NODE_FAIL", attempt=3).returncode == 0  # a later start ought to have written it anew
    assert lost.row()["status"] == "failed"


def test_a_start_forgets_what_an_earlier_one_left(lost):
    lost = lost("stop")
    assert main(["prepare", "digits", "--data", str(lost.data), "--toy"]) == 0
    assert lost.fail("TIMEOUT").returncode == 1 and lost.file.exists()
    assert lost.train().returncode == 0 and not lost.file.exists()


def test_it_speaks_only_of_jobs_that_failed(lost, monkeypatch, capsys):
    monkeypatch.delenv("SNAKEMAKE_SUBMITIT_CAUSE", raising=False)
    lost = lost("record")
    assert main(lost.words("fail", "--failures", lost.failures)) == 2
    assert "SNAKEMAKE_SUBMITIT_CAUSE is not set" in capsys.readouterr().err and not lost.out.exists()


def test_it_needs_no_torch():
    code = "import sys, dynconv.failure; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
