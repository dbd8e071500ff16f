"""The executor's rules that need no cluster: requests, ids of arrays, causes, the journal's torn lines."""

import json

import pytest
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_submitit import causes, journal, resources
from snakemake_executor_plugin_submitit.item import Status
from snakemake_executor_plugin_submitit.resources import Request
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.slurm import expand


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("12", ["12"]),
        ("12_3", ["12_3"]),
        ("12_[0-2,7%4]", ["12_0", "12_1", "12_2", "12_7"]),
        ("12_[5]", ["12_5"]),
    ],
)
def test_ids_of_pending_arrays(name, names):
    assert expand(name) == names


def test_a_packs_request():
    one = Request(runtime=10, mem_mb=100, pack=16, pack_concurrency=4)
    full, small = one.of_pack(10), one.of_pack(2)
    assert (full.runtime, full.mem_mb, full.pack_concurrency) == (30, 400, 4)
    assert (small.runtime, small.mem_mb, small.pack_concurrency) == (10, 200, 2)
    assert one.more(memory=1.5).mem_mb == 150
    assert Request().more(memory=2, runtime=2) == Request()


def test_options_of_slurm_extra():
    found = resources.extra("--reservation=x --exclusive --licenses 'a b'")
    assert found == {"reservation": "x", "exclusive": True, "licenses": "a b"}
    for text in ("-x n1", "word", "--wrap=true", "--a 'b"):
        with pytest.raises(WorkflowError, match="slurm_extra"):
            resources.extra(text)


def test_threads_are_cpus_unless_told():
    assert resources.read({}, 3, "r", frozenset()).cpus_per_task == 3
    assert resources.read({"cpus_per_task": 2}, 3, "r", frozenset()).cpus_per_task == 2
    assert resources.read({"gpus_per_nod": 1}, 1, "r", frozenset({"gpus_per_nod"})).gpus_per_node == 0


def test_causes_of_silent_jobs():
    stopped = {0: Status("stopped", 75, causes.TIMEOUT)}
    killed = {0: Status("failed", -9, causes.EXIT_CODE)}
    assert causes.of_job("OUT_OF_MEMORY", {}, True) == (causes.OUT_OF_MEMORY, False)
    assert causes.of_job("FAILED", {}, False) == (causes.NOT_STARTED, False)
    assert causes.of_job("CANCELLED by 0", {}, True) == (causes.CANCELLED, False)
    assert causes.of_job("COMPLETED", stopped, True) == (causes.TIMEOUT, True)
    assert causes.of_job("FAILED", killed, True) == (causes.EXIT_CODE, False)


def test_each_cause_is_forgiven_as_often_as_set():
    settings = ExecutorSettings(oom_retries=1, lost_retries=1)
    history, request = causes.History(), Request(mem_mb=100)
    again = history.again(causes.OUT_OF_MEMORY, False, request, settings)
    assert again and again.mem_mb == 200
    assert history.again(causes.OUT_OF_MEMORY, False, again, settings) is None
    assert history.again(causes.NODE_FAIL, False, request, settings) == request
    assert history.again(causes.NODE_FAIL, False, request, settings) is None
    assert history.again(causes.CANCELLED, False, request, settings) is None
    assert history.again(causes.EXIT_CODE, False, request, settings) is None


def test_a_torn_journal(tmp_path):
    intent = {"event": "intent", "batch": "b", "tasks": [[["k", "d", "n", "r", "l", 1]] * 2], "request": {}}
    submitted = {"event": "submitted", "batch": "b", "cluster": "slurm", "id": "7", "array": False}
    reported = {"event": "reported", "batch": "b", "items": [[0, 1]]}
    lines = [json.dumps(event) for event in (intent, submitted, reported)]
    file = tmp_path / "journal.jsonl"
    file.write_text("\n".join(lines) + '\n{"event": "repor')
    (batch,) = journal.read(tmp_path)
    assert (batch.job_id, batch.reported) == ("7", {(0, 1)})
    file.write_text("\n".join([*lines, json.dumps(reported | {"items": [[0, 0]]})]))
    assert journal.read(tmp_path) == []


def test_one_driver_at_a_time(tmp_path):
    """Locks of one process do not shut each other out: another process must try."""
    import subprocess
    import sys

    held = journal.Journal(tmp_path)
    attempt = "import sys; from pathlib import Path; from snakemake_executor_plugin_submitit.journal import Journal; "
    attempt += "Journal(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", attempt, str(tmp_path)], capture_output=True, text=True)
    assert "BlockingIOError: another Snakemake with this executor is at work here" in done.stderr
    held.close()
    assert subprocess.run([sys.executable, "-c", attempt, str(tmp_path)]).returncode == 0
