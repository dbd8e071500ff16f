"""Time limits.  Slurm looks at them every 30 s, so everything here waits side by side, in three workflows."""

from contextlib import ExitStack

from daemons import wait_until
from programs import COUNTER, starts
from workflows import Workflow, interpreter

PYTHON = interpreter()
START = "echo $SNAKEMAKE_SUBMITIT_ATTEMPT >> {wildcards.name}.starts"
SAVING = f"""
    rule saving:
        output: "a.txt"
        resources: runtime=1
        shell: "{PYTHON} counter.py a 900"
"""
# Both know nothing of signals, and are quick the second time.  A pack has the time of all its items: here 3 minutes.
SLOW_ONCE = f"""
    rule all:
        input: "alone.txt", expand("pack{{i}}.txt", i=range(3))
    rule alone:
        output: "{{name,alone}}.txt"
        resources: runtime=1
        shell: "{START}; test -e alone.late || {{{{ touch alone.late; sleep 600; }}}}; touch {{output}}"
    rule packed:
        output: "{{name,pack.}}.txt"
        resources: runtime=1, pack=3
        shell: "{START}; mkdir first 2> /dev/null || test -e pack.late || "
               "{{{{ touch pack.late; sleep 600; }}}}; touch {{output}}"
"""
SLOW = f"""
    rule slow:
        output: "{{name}}.txt"
        resources:
            runtime=1,
            failure_command="echo $SNAKEMAKE_SUBMITIT_CAUSE, $SNAKEMAKE_SUBMITIT_MESSAGE > last_word"
        shell: "{START}; touch {{output}}; sleep 600"
"""


def attempts(workflow, name):
    return [int(line) for line in workflow.read(f"{name}.starts").splitlines()]


def test_time_limits(slurm, tmp_path):
    asking = Workflow(tmp_path / "asking", slurm.env, SAVING)
    told = Workflow(tmp_path / "told", slurm.env_without_in_jobs("scontrol"), SAVING)
    once = Workflow(tmp_path / "once", slurm.env, SLOW_ONCE)
    slow = Workflow(tmp_path / "slow", slurm.env, SLOW)
    for workflow in (asking, told):
        workflow.write("counter.py", COUNTER)
    with ExitStack() as stack:
        first, second, third = [stack.enter_context(workflow.start()) for workflow in (asking, told, once)]
        fourth = stack.enter_context(slow.start("--submitit-timeout-retries", "0", "a.txt"))
        # So long does nobody want to wait for a pack: the administrator takes two minutes from it.
        wait_until(lambda: (once.folder / "pack.late").exists(), "the pack's second item to start")
        third.wait_for("x packed")
        pack = next(line for line in third.output.splitlines() if "x packed" in line).split()[2].rstrip(":")
        slurm.run("scontrol", "update", f"jobid={pack}", "timelimit=1")
        ends = [driver.end(240) for driver in (first, second, third, fourth)]
    assert [end.code for end in ends] == [0, 0, 0, 1], [end.output for end in ends]

    # A program that saves goes on where it was, in the same job where nodes may ask for it, else in a new one.
    for workflow, end, submissions in ((asking, ends[0], 1), (told, ends[1], 2)):
        assert workflow.read("a.txt") == "900\n"
        ran = starts(workflow, "a")
        assert [attempt for attempt, _ in ran] == [*range(1, len(ran) + 1)]
        assert len(ran) > 1
        assert ran[0][1] == 0 < ran[1][1]
        assert "stopped at" in workflow.log("saving", "saving")
        assert (end.output.count("Submitted job") == 1) is (submissions == 1)
        assert "runtime=2" not in end.output, "it needs no more time at once"

    # Another has to begin anew, with more time; in a pack, what has finished is not repeated.
    assert "alone alone: TIMEOUT" in ends[2].output
    assert attempts(once, "alone") == [1, 2]
    ran = [attempts(once, f"pack{i}") for i in range(3)]
    assert sorted(ran) == [[1], [1], [1, 2]], "one had finished, one was cut off, one had not begun"
    assert ends[2].output.count("again with runtime=2") == 2, "what had not begun gets no more time than before"

    assert "TIMEOUT: reached its time limit (runtime=1); job " in ends[3].output
    assert attempts(slow, "a") == [1]
    assert slow.read("last_word").startswith("TIMEOUT, reached its time limit (runtime=1)")
    assert not (slow.folder / "a.txt").exists(), "what it left half-done is no result, whatever the command says"


def test_a_program_that_never_gets_anywhere_is_given_up(slurm, tmp_path):
    """Requeues by Slurm and submissions by the driver count together."""
    workflow = Workflow(
        tmp_path / "w", slurm.env, 'rule one:\n    output: "a.txt"\n    shell: "echo x >> a.starts; exit 75"\n'
    )
    said = workflow.fail("--submitit-max-requeues", "1")
    assert "preempted too often" in said
    assert workflow.read("a.starts") == "x\nx\n"
