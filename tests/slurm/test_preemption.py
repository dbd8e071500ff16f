"""Jobs that are taken from their node before they have finished: stopped in good order, run again, nothing lost."""

import time

import pytest
from daemons import wait_until
from programs import COUNTER, starts
from workflows import Workflow, interpreter

PYTHON = interpreter()
COUNT = f"""
    rule count:
        output: "a.txt"
        resources: slurm_partition="low", slurm_extra="--nodelist=n1 --exclusive", runtime=100
        shell: "{PYTHON} counter.py a 100"
"""


def counting(folder, env, snakefile=COUNT):
    workflow = Workflow(folder, env, snakefile)
    workflow.write("counter.py", COUNTER)
    return workflow


def wait_for_start(workflow, name="a"):
    file = workflow.folder / f"{name}.starts"
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), f"the first line of {file}")


def preempt(cluster, node="n1"):
    """Take a node with a job of higher priority, for a moment."""
    options = ["--parsable", "--partition=high", f"--nodelist={node}", "--exclusive", "--output=/dev/null"]
    job = cluster.run("sbatch", *options, "--wrap", "true")
    cluster.wait_for_state(job, "COMPLETED")


def test_a_preempted_job_saves_and_goes_on_where_it_was(slurm, tmp_path):
    workflow = counting(tmp_path / "w", slurm.env)
    with workflow.start() as driver:
        wait_for_start(workflow)
        asked = time.time()
        preempt(slurm)
        done = driver.end()
    assert done.code == 0, done.output
    (first, zero), (second, saved) = starts(workflow, "a")
    assert (first, zero, second) == (1, 0, 2)
    assert 0 < saved < 100
    (first, _), (again, started) = (map(float, line.split()) for line in workflow.read("a.queued").splitlines())
    assert first >= 0
    assert 0 < again < started - asked, "the second wait is from the preemption on, not from the submission"
    assert workflow.read("a.txt") == "100\n"
    assert "stopped: exit code 75" in workflow.log("count", "count")
    assert "attempt 2" in workflow.log("count", "count"), "both starts are in one log"
    mine = [call for call in slurm.calls("sbatch") if "--wrap" not in call.words]
    assert len(mine) == 1, "Slurm has requeued it, nobody had to submit it again"
    assert slurm.calls("scancel") == []


def test_a_preempted_job_that_slurm_may_not_requeue_is_submitted_again(slurm, tmp_path):
    """As in a partition with PreemptMode=CANCEL."""
    workflow = counting(tmp_path / "w", slurm.env)
    with workflow.start() as driver:
        wait_for_start(workflow)
        job = next(line.split()[2].rstrip(":") for line in driver.output.splitlines() if "Submitted job" in line)
        slurm.run("scontrol", "update", f"jobid={job}", "requeue=0")
        preempt(slurm)
        done = driver.end()
    assert done.code == 0, done.output
    assert "PREEMPTED" in done.output
    assert [attempt for attempt, _ in starts(workflow, "a")] == [1, 2]
    assert workflow.read("a.txt") == "100\n"


@pytest.mark.parametrize("seconds", ["1", "600"])
def test_a_dead_nodes_job_runs_again(slurm, tmp_path, seconds):
    """Whether or not somebody asks Slurm meanwhile."""
    workflow = counting(tmp_path / "w", slurm.env)
    with workflow.start("--submitit-state-seconds", seconds) as driver:
        wait_for_start(workflow)
        slurm.kill_node("n1")
        slurm.start_node("n1")
        done = driver.end()
    assert done.code == 0, done.output
    assert starts(workflow, "a") == [(1, 0), (2, 0)], "it could save nothing"
    assert workflow.read("a.txt") == "100\n"
