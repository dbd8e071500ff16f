"""Packs that end before their items have begun."""

from daemons import wait_until
from workflows import Workflow


def test_a_pack_that_cannot_start_or_is_cancelled_is_not_tried_for_ever(slurm, tmp_path):
    """None of its items had begun, and yet none is free to begin again and again."""
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule all:
            input: "0.txt", "1.txt"
        rule a:
            output: "{n}.txt"
            resources: pack=2, slurm_extra="--hold"
            shell: "touch {output}"
    """)  # fmt: skip
    options = ("--keep-going", "--max-jobs-per-timespan", "100/1s")
    with workflow.start(*options) as driver:
        for count in (1, 2):
            wait_until(lambda count=count: driver.output.count("Submitted job") == count, f"submission {count}")
            workflow.tasks()[0].chmod(0o666)
            slurm.run("scontrol", "release", driver.output.split("Submitted job ")[count].split(":")[0])
        done = driver.end()
    assert done.code == 1 and done.output.count("NOT_STARTED: did not start") == 2

    slurm.calls.clear()
    with workflow.start(*options) as driver:
        wait_until(lambda: driver.output.count("Submitted job") == 1, "the submission")
        slurm.run("scancel", driver.output.split("Submitted job ")[1].split(":")[0])
        done = driver.end()
    assert done.code == 1 and done.output.count("CANCELLED: cancelled by somebody") == 2
    assert len(slurm.calls("sbatch")) == 1
