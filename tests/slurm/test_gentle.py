"""Few questions to Slurm, and none that must be answered: files tell how jobs end."""

import itertools

import pytest
from daemons import wait_until
from workflows import Workflow

JOBS = """
    rule all:
        input: expand("{{i}}.txt", i=range({count}))
    rule one:
        output: "{{i}}.txt"
        shell: "echo x >> {{wildcards.i}}.starts; {wait} touch {{output}}"
"""
UNTIL_GO = "while [ ! -e go ]; do sleep 0.2; done;"
QUESTIONS = ("squeue", "sacct")


def workflow_of(folder, env, count, wait=""):
    return Workflow(folder, env, JOBS.format(count=count, wait=wait))


def started(workflow):
    return len(list(workflow.folder.glob("*.starts")))


def started_once(workflow, count):
    return [workflow.read(f"{i}.starts") for i in range(count)] == ["x\n"] * count


def from_driver(cluster, *names):
    return [call.name for call in cluster.calls(*names) if not call.job]


def test_good_jobs_are_noticed_without_a_question(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm.env, 12)
    workflow.succeed("--submitit-state-seconds", "600")
    assert from_driver(slurm, "sbatch", *QUESTIONS, "scancel") == ["sbatch"]


def test_failures_and_packs_are_noticed_without_a_question(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: expand("{i}.txt", i=range(8))
        rule one:
            output: "{i}.txt"
            resources: pack=4
            shell: "test {wildcards.i} != 5 && touch {output}"
    """)  # fmt: skip
    said = workflow.fail("--keep-going", "--submitit-state-seconds", "600")
    assert said.count("EXIT_CODE: exit code 1") == 1
    assert len(list(workflow.folder.glob("?.txt"))) == 7
    assert from_driver(slurm, *QUESTIONS) == []


def test_one_question_an_interval_whatever_the_number_of_jobs(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm.env, 12, UNTIL_GO)
    interval = 3
    with workflow.start("--submitit-state-seconds", interval) as driver:
        wait_until(lambda: len(slurm.calls("squeue")) >= 3, "three questions")
        (workflow.folder / "go").touch()
        done = driver.end()
    assert done.code == 0, done.output
    times = [call.time for call in slurm.calls("squeue")]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) > interval - 0.5, "one call for all twelve jobs, and no more often than asked for"
    assert from_driver(slurm, "sacct") == [], "squeue knows them all"


@pytest.mark.parametrize("kind", ["sacct hidden", "no accounting"])
def test_without_accounting(request, tmp_path, kind):
    name = "slurm" if kind == "sacct hidden" else "slurm_without_accounting"
    cluster = request.getfixturevalue(name)
    env = cluster.env_without("sacct") if kind == "sacct hidden" else cluster.env
    workflow = Workflow(tmp_path / "w", env, """
        rule all:
            input: "good.txt", "bad.txt", "killed.txt"
        rule one:
            output: "{name}.txt"
            shell: "case {wildcards.name} in bad) exit 3;; killed) touch begun; sleep 600;; esac; touch {output}"
    """)  # fmt: skip
    with workflow.start("--keep-going") as driver:
        wait_until(lambda: (workflow.folder / "begun").exists(), "the job to start")
        driver.wait_for("EXIT_CODE")
        cluster.run("scancel", "--name=one")
        done = driver.end()
    assert done.code == 1
    assert "EXIT_CODE: exit code 3" in done.output
    assert "CANCELLED: cancelled by somebody" in done.output
    assert (workflow.folder / "good.txt").exists()


def test_a_frozen_database_holds_nothing_up(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm.env, 4)
    with slurm.frozen("slurmdbd"):
        workflow.succeed()
    assert started_once(workflow, 4)


def test_a_controller_that_is_away_during_the_run(slurm, tmp_path):
    workflow = workflow_of(tmp_path / "w", slurm.env, 4, UNTIL_GO)
    with workflow.start() as driver:
        wait_until(lambda: started(workflow) == 4, "the jobs to start")
        slurm.stop_controller()
        driver.wait_for("the cluster does not answer")
        (workflow.folder / "go").touch()
        wait_until(lambda: len(list(workflow.folder.glob("*.txt"))) == 4, "the jobs to end")
        slurm.start_controller()
        done = driver.end()
    assert done.code == 0, done.output
    assert started_once(workflow, 4)
    assert done.output.count("Submitted ") == 1


def test_a_controller_that_is_away_during_the_submission(slurm, tmp_path):
    """The second round of jobs finds nobody to take it, waits, and is submitted once."""
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: "second.txt"
        rule first:
            output: "first.txt"
            shell: "touch begun; while [ ! -e go ]; do sleep 0.2; done; touch {output}"
        rule second:
            input: "first.txt"
            output: "second.txt"
            shell: "echo x >> second.starts; touch {output}"
    """)  # fmt: skip
    with workflow.start() as driver:
        wait_until(lambda: (workflow.folder / "begun").exists(), "the first job to start")
        slurm.stop_controller()
        (workflow.folder / "go").touch()
        driver.wait_for("Slurm does not take jobs now")
        slurm.start_controller()
        done = driver.end()
    assert done.code == 0, done.output
    assert workflow.read("second.starts") == "x\n"


def test_a_controller_that_freezes_during_the_submission(slurm, tmp_path):
    """Nobody can know whether a submission that got no answer has arrived."""
    workflow = workflow_of(tmp_path / "w", slurm.env, 3)
    with workflow.start("--submitit-gather-seconds", "2") as driver:
        driver.wait_for("Execute 3 jobs")
        with slurm.frozen("slurmctld"):
            driver.wait_for("Slurm does not take jobs now")
        done = driver.end()
    assert done.code == 0, done.output
    assert started_once(workflow, 3)
