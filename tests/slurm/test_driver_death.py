"""A driver that dies: the next one finds its jobs, submits none of them twice, and tells Snakemake how they ended."""

import json
import os

import pytest
from daemons import wait_until
from workflows import Workflow

AGAIN = ("--rerun-incomplete", "--nolock")
# The first to start is quick, the others run until the file `go` is there; there is room for two at a time.
WORKFLOW = """
    rule all:
        input: expand("{i}.txt", i=range(6))
    rule one:
        output: "{i}.txt"
        resources: slurm_extra="--nodelist=n1", mem_mb=1900
        shell: "echo $SNAKEMAKE_SUBMITIT_ATTEMPT >> {wildcards.i}.starts; "
               "mkdir first 2> /dev/null || while [ ! -e go ]; do sleep 0.2; done; echo {wildcards.i} > {output}"
"""


def starts(workflow):
    """How often each job started."""
    return {int(file.stem): len(file.read_text().split()) for file in workflow.folder.glob("*.starts")}


def wait_for_starts(workflow, count):
    wait_until(lambda: len(starts(workflow)) >= count, f"{count} jobs to start")


def journal(workflow):
    return workflow.folder / ".snakemake/submitit/journal.jsonl"


def go(workflow):
    (workflow.folder / "go").touch()


def test_kill_in_the_middle(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, WORKFLOW)
    with workflow.start() as driver:
        wait_for_starts(workflow, 3)
        driver.kill()
    before = slurm.run("squeue", "-h", "-r", "-o", "%i %T").splitlines()
    assert len(before) >= 4, "jobs outlive their driver"
    slurm.calls.clear()
    with workflow.start(*AGAIN) as driver:
        driver.wait_for("taken over")
        go(workflow)
        done = driver.end()
    assert done.code == 0, done.output
    assert slurm.calls("sbatch") == []
    assert slurm.calls("scancel") == []
    assert starts(workflow) == dict.fromkeys(range(6), 1)
    assert [workflow.read(f"{i}.txt") for i in range(6)] == [f"{i}\n" for i in range(6)]
    assert "Nothing to be done" in workflow.succeed(*AGAIN)
    assert not list(journal(workflow).parent.glob("batches/*"))


def test_all_end_while_nobody_looks(slurm, tmp_path):
    """Good ones are recognised, a failed one runs again."""
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: expand("{i}.txt", i=range(4))
        rule one:
            output: "{i}.txt"
            shell: "echo $SNAKEMAKE_SUBMITIT_ATTEMPT >> {wildcards.i}.starts; while [ ! -e go ]; do sleep 0.1; done; "
                   "echo x > {output}; test {wildcards.i} != 3 -o -e good || exit 1"
    """)  # fmt: skip
    with workflow.start() as driver:
        wait_for_starts(workflow, 4)
        driver.kill()
    go(workflow)
    wait_until(lambda: not slurm.run("squeue", "-h"), "the jobs to end")
    (workflow.folder / "good").touch()
    slurm.calls.clear()
    workflow.succeed(*AGAIN)
    assert starts(workflow) == {0: 1, 1: 1, 2: 1, 3: 2}
    assert len(slurm.calls("sbatch")) == 1


@pytest.mark.parametrize("arrived", [True, False])
def test_kill_between_sbatch_and_the_journal(slurm, tmp_path, arrived):
    workflow = Workflow(tmp_path / "w", slurm.env, WORKFLOW)
    with workflow.start() as driver:
        wait_for_starts(workflow, 3)
        driver.kill()
    begun = {i for i in starts(workflow) if not (workflow.folder / f"{i}.txt").exists()}
    lines = journal(workflow).read_text().splitlines(keepends=True)
    assert json.loads(lines[1])["event"] == "submitted"
    journal(workflow).write_text(lines[0])
    if not arrived:  # as if sbatch had never been called
        slurm.run("scancel", f"--user={slurm.run('id', '-u')}")
        wait_until(lambda: not slurm.run("squeue", "-h"), "the jobs to end")
    slurm.calls.clear()
    with workflow.start(*AGAIN) as driver:
        driver.wait_for("taken over" if arrived else "Submitted")
        go(workflow)
        done = driver.end()
    assert done.code == 0, done.output
    assert bool(slurm.calls("sbatch")) is not arrived
    assert starts(workflow) == {i: 1 if arrived else 1 + (i in begun) for i in range(6)}


CHANGING = """
    rule one:
        output: "a.txt"
        params: word=config["word"]
        shell: "echo {params.word} >> one.starts; while [ ! -e go ]; do sleep 0.2; done; echo {params.word} > {output}"
"""


@pytest.mark.parametrize(
    ("options", "cancelled"), [(("word=new",), True), (("word=old", "-F"), True), (("word=old",), False)]
)
def test_a_job_that_is_to_do_something_else_now(slurm, tmp_path, options, cancelled):
    workflow = Workflow(tmp_path / "w", slurm.env, CHANGING)
    with workflow.start("--config", "word=old") as driver:
        wait_until(lambda: (workflow.folder / "one.starts").exists(), "the job to start")
        driver.kill()
    slurm.calls.clear()
    with workflow.start(*AGAIN, "--config", *options) as driver:
        driver.wait_for("Submitted job" if cancelled else "taken over")
        go(workflow)
        done = driver.end()
    assert done.code == 0, done.output
    assert len(slurm.calls("sbatch")) == cancelled
    assert len(slurm.calls("scancel")) == cancelled
    assert len(workflow.read("one.starts").split()) == 1 + cancelled
    assert workflow.read("a.txt") == options[0].removeprefix("word=") + "\n"
    assert not slurm.run("squeue", "-h")


def test_interrupt_cancels_all_with_one_call(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, WORKFLOW)
    with workflow.start() as driver:
        wait_for_starts(workflow, 3)
        driver.wait_for("1 of 7 steps")
        driver.interrupt()
        done = driver.end()
    assert done.code == 1
    assert len(slurm.calls("scancel")) == 1
    wait_until(lambda: not slurm.run("squeue", "-h"), "the jobs to end")
    cut = {i for i in starts(workflow) if not (workflow.folder / f"{i}.txt").exists()}
    go(workflow)
    workflow.succeed("--rerun-incomplete")  # the folder is not locked
    assert starts(workflow) == {i: 1 + (i in cut) for i in range(6)}
    assert len(cut) == 2


def test_interrupt_may_leave_the_jobs_to_the_next_start(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, WORKFLOW)
    with workflow.start("--submitit-on-interrupt", "leave") as driver:
        wait_for_starts(workflow, 3)
        driver.interrupt()
        done = driver.end()
    assert done.code == 1
    assert "to the next start" in done.output
    assert slurm.calls("scancel") == []
    go(workflow)
    slurm.calls.clear()
    assert "taken over" in workflow.succeed("--rerun-incomplete")
    assert slurm.calls("sbatch") == []
    assert starts(workflow) == dict.fromkeys(range(6), 1)


def test_the_same_on_this_machine(tmp_path):
    workflow = Workflow(tmp_path / "w", dict(os.environ), WORKFLOW)
    options = ("--submitit-cluster", "local", "--cores", "2")
    try:
        with workflow.start(*options) as driver:
            wait_for_starts(workflow, 3)
            driver.wait_for("1 of 7 steps")
            driver.kill()
        with workflow.start(*options, *AGAIN) as driver:
            driver.wait_for("taken over")
            go(workflow)
            done = driver.end()
        assert done.code == 0, done.output
        assert starts(workflow) == dict.fromkeys(range(6), 1)
    finally:
        go(workflow)  # a job without a driver ends by itself
