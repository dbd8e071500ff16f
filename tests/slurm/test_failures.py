"""Each cause of a failure has its own consequence: more memory, more time, another node, or an end with a reason."""

import memory
import pytest
from daemons import wait_until
from workflows import Workflow, interpreter

PYTHON = interpreter()
START = "echo $SNAKEMAKE_SUBMITIT_ATTEMPT >> {rule}.starts;"
EAT = f"{PYTHON} -c 'block = bytearray(300 << 20)'"  # more than 100 MB, less than 400 MB
LAST_WORD = 'failure_command="echo $SNAKEMAKE_SUBMITIT_CAUSE, $SNAKEMAKE_SUBMITIT_MESSAGE > last_word"'
real_memory_limits = pytest.mark.skipif(not memory.usable(), reason="no memory controller (cgroup v1) for the nodes")


def attempts(workflow, rule):
    """The attempt number of each start."""
    file = workflow.folder / f"{rule}.starts"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def submitted(cluster):
    return len(cluster.calls("sbatch"))


def asked_for(output, words):
    return [line for line in output.splitlines() if words in line]


@real_memory_limits
def test_out_of_memory_gets_more_memory(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule eat:
            output: "a.txt"
            resources: mem_mb=100
            shell: "{START} {EAT}; touch {{output}}"
    """)  # fmt: skip
    said = workflow.succeed()
    assert "OUT_OF_MEMORY" in said
    assert asked_for(said, "again with mem_mb=200")
    assert asked_for(said, "again with mem_mb=400")
    assert attempts(workflow, "eat") == [1, 2, 3]


@real_memory_limits
def test_out_of_memory_for_good(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule eat:
            output: "a.txt"
            resources: mem_mb=100, {LAST_WORD}
            shell: "{START} touch {{output}}; {EAT}"
    """)  # fmt: skip
    said = workflow.fail("--submitit-oom-retries", "1")
    assert "OUT_OF_MEMORY: used more memory than it asked for (mem_mb=200)" in said
    assert attempts(workflow, "eat") == [1, 2]
    assert workflow.read("last_word").startswith("OUT_OF_MEMORY, used more memory than it asked for")
    assert not (workflow.folder / "a.txt").exists(), "what a failed job left is no result"


@real_memory_limits
def test_out_of_memory_of_one_rank_of_several(slurm, tmp_path):
    """Slurm calls such a job FAILED."""
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule eat:
            output: "a.txt"
            resources: mem_mb=100, tasks_per_node=2
            shell: "{START} test $RANK = 0 || {EAT}; touch {{output}}"
    """)  # fmt: skip
    said = workflow.fail("--submitit-oom-retries", "0")
    assert "OUT_OF_MEMORY: used more memory than it asked for (mem_mb=100)" in said


@real_memory_limits
def test_snakemakes_retries_are_not_multiplied(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule eat:
            output: "a.txt"
            resources: mem_mb=100
            retries: 2
            shell: "{START} {EAT}; touch {{output}}"
    """)  # fmt: skip
    workflow.fail()
    assert attempts(workflow, "eat") == [1, 2, 3]


@real_memory_limits
def test_the_kernel_kills_one_item_of_a_pack(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule all:
            input: expand("{{i}}.txt", i=range(4))
        rule eat:
            output: "{{i}}.txt"
            resources: mem_mb=100, pack=4
            shell: "echo $SNAKEMAKE_SUBMITIT_ATTEMPT $SLURM_JOB_ID >> {{wildcards.i}}.starts; "
                   "test {{wildcards.i}} != 1 || {EAT}; touch {{output}}"
    """)  # fmt: skip
    said = workflow.succeed("--submitit-memory-factor", "4")
    assert len(asked_for(said, "OUT_OF_MEMORY")) == 1
    assert asked_for(said, "eat 1: OUT_OF_MEMORY")
    assert asked_for(said, "again with mem_mb=400")
    ran = {i: [line.split() for line in workflow.read(f"{i}.starts").splitlines()] for i in range(4)}
    assert [len(lines) for lines in ran.values()] == [1, 2, 1, 1]
    assert ran[1][1][0] == "2"
    assert ran[0][0][1] == ran[1][0][1] == ran[2][0][1] == ran[3][0][1] != ran[1][1][1]


def test_an_exit_code_is_told_with_the_log_and_not_tried_again(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule broken:
            output: "{{name}}.txt"
            resources: {LAST_WORD}
            shell: "{START} echo the reason; exit 3"
    """)  # fmt: skip
    said = workflow.fail("x.txt")
    assert "EXIT_CODE: exit code 3; job" in said
    assert "log: logs/slurm/broken/x.log" in said
    assert "    the reason\n" in said
    assert attempts(workflow, "broken") == [1]
    assert submitted(slurm) == 1
    assert workflow.read("last_word").startswith("EXIT_CODE, exit code 3; job ")


def test_a_failure_command_can_make_good(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule after:
            input: "x.txt"
            output: "after.txt"
            shell: "cp {input} {output}"
        rule broken:
            output: "{name}.txt"
            resources: failure_command=lambda wildcards: f"echo $SNAKEMAKE_SUBMITIT_CAUSE > {wildcards.name}.txt"
            shell: "exit 3"
    """)  # fmt: skip
    said = workflow.succeed("after.txt")
    assert "The rule's failure_command has dealt with it." in said
    assert workflow.read("after.txt") == "EXIT_CODE\n"
    assert "Nothing to be done" in workflow.succeed("after.txt")


def test_a_failure_command_that_fails_or_makes_nothing_changes_nothing(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: "a.txt", "b.txt"
        rule a:
            output: "a.txt"
            resources: failure_command="true"
            shell: "exit 3"
        rule b:
            output: "b.txt"
            resources: failure_command="touch b.txt; exit 1"
            shell: "exit 4"
    """)  # fmt: skip
    said = workflow.fail("--keep-going")
    assert "EXIT_CODE: exit code 3" in said
    assert "EXIT_CODE: exit code 4" in said
    assert not (workflow.folder / "a.txt").exists()
    assert not (workflow.folder / "b.txt").exists()


def test_a_job_cancelled_by_hand_stays_cancelled(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule all:
            input: "running.txt", "waiting.txt"
        rule sleep:
            output: "{{name}}.txt"
            resources:
                slurm_extra=lambda wildcards: "--hold" if wildcards.name == "waiting" else "",
                failure_command="echo $SNAKEMAKE_SUBMITIT_CAUSE >> last_words"
            shell: "{START} sleep 600"
    """)  # fmt: skip
    with workflow.start("--keep-going") as driver:
        wait_until(lambda: attempts(workflow, "sleep"), "the job to start")
        wait_until(lambda: driver.output.count("Submitted job") == 2, "both jobs to be submitted")
        slurm.run("scancel", "--name=sleep")
        done = driver.end()
    assert done.code == 1
    assert done.output.count("CANCELLED: cancelled by somebody; job ") == 2
    assert workflow.read("last_words").split() == ["CANCELLED", "CANCELLED"]
    assert attempts(workflow, "sleep") == [1]
    assert submitted(slurm) == 2


def test_a_cancelled_element_of_an_array(slurm, tmp_path):
    """One that is cancelled while it waits is in none of Slurm's lists afterwards."""
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: "0.txt", "1.txt", "2.txt"
        rule sleep:
            output: "{i}.txt"
            resources: slurm_extra="--nodelist=n1 --exclusive"
            shell: "while [ ! -e go ]; do sleep 0.1; done; touch {output}"
    """)  # fmt: skip
    with workflow.start("--keep-going") as driver:
        driver.wait_for("Submitted array")
        array = driver.output.partition("Submitted array ")[2].split()[0]
        slurm.calls.clear()
        wait_until(lambda: len(slurm.calls("squeue")) > 1, "the driver to see it wait")
        slurm.run("scancel", f"{array}_2")
        driver.wait_for("CANCELLED: cancelled by somebody")
        (workflow.folder / "go").touch()
        done = driver.end()
    assert done.code == 1
    assert f"CANCELLED: cancelled by somebody; job {array}_2 on no node, attempt 1" in done.output
    assert len(list(workflow.folder.glob("?.txt"))) == 2
    assert submitted(slurm) == 0


def test_a_node_that_fails_too_often(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule sleep:
            output: "a.txt"
            resources: {LAST_WORD}, slurm_extra="--nodelist=n3"
            shell: "{START} sleep 600"
    """)  # fmt: skip
    with workflow.start("--submitit-lost-retries", "0") as driver:
        wait_until(lambda: attempts(workflow, "sleep"), "the job to start")
        job = driver.output.partition("Submitted job ")[2].split(":")[0]
        slurm.run("scontrol", "update", f"jobid={job}", "requeue=0")
        slurm.down_node("n3")
        done = driver.end()
    assert done.code == 1
    assert f"NODE_FAIL: its node failed or the cluster lost it; job {job} on n3, attempt 1" in done.output
    assert workflow.read("last_word").startswith("NODE_FAIL, its node failed")


def test_a_job_that_cannot_start(slurm, tmp_path):
    """Told as such, after one more try: it refuses its task, because others could have written it."""
    workflow = Workflow(tmp_path / "w", slurm.env, f"""
        rule a:
            output: "a.txt"
            resources: {LAST_WORD}, slurm_extra="--hold"
            shell: "{START} touch {{output}}"
    """)  # fmt: skip
    with workflow.start() as driver:
        for count in (1, 2):
            wait_until(lambda count=count: driver.output.count("Submitted job") == count, f"submission {count}")
            workflow.tasks()[0].chmod(0o666)
            slurm.run("scontrol", "release", driver.output.split("Submitted job ")[count].split(":")[0])
        done = driver.end()
    assert done.code == 1
    assert "NOT_STARTED: did not start" in done.output
    assert "must belong to this user and be writable by nobody else" in done.output
    assert workflow.read("last_word").startswith("NOT_STARTED, did not start")
    assert attempts(workflow, "a") == []
