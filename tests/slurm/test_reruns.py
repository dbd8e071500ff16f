"""What is run again, and what is not: Snakemake's own rules hold for jobs of the executor."""

import pytest
from daemons import wait_until
from workflows import Workflow


@pytest.fixture
def chain(slurm, tmp_path):
    return Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: "c.txt"
        rule a:
            output: "a.txt"
            params: text=config.get("text", "first")
            shell: "echo {params.text} | tee -a runs.txt >{output}"
        rule b:
            input: "a.txt"
            output: "b.txt"
            shell: "cat {input} >{output}"
        rule c:
            input: "b.txt"
            output: "c.txt"
            shell: "cat {input} >{output}"
        """,
    )


def test_until_and_changed_params_and_nothing_to_be_done(slurm, chain):
    folder = chain.folder
    chain.succeed("--until", "b")
    assert (folder / "b.txt").exists()
    assert not (folder / "c.txt").exists()
    chain.succeed()
    assert chain.read("c.txt") == "first\n"
    slurm.calls.clear()
    assert "Nothing to be done" in chain.succeed()
    assert slurm.calls("sbatch", "squeue") == []
    chain.succeed("--rerun-triggers", "params", "--config", "text=second")
    assert chain.read("c.txt") == "second\n"
    assert chain.read("runs.txt").split() == ["first", "second"]
    assert list((folder / ".snakemake/incomplete").iterdir()) == []


def test_what_was_cut_off_is_marked_as_incomplete(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule long:
            output: "long.txt"
            shell: "echo half >{output}; while ! test -e go; do sleep 0.1; done; echo whole >{output}"
        """,
    )
    with flow.start() as snakemake:
        snakemake.wait_for("Submitted job")
        job = slurm.run("squeue", "-h", "-o", "%i")
        wait_until((tmp_path / "long.txt").exists, "the job's half output")
        snakemake.kill()
    slurm.run("scancel", job)
    slurm.wait_for_state(job, "CANCELLED")
    output = flow.fail("--nolock")
    assert "Incomplete" in output
    assert "long.txt" in output
    flow.write("go", "")
    flow.succeed("--nolock", "--rerun-incomplete")
    assert flow.read("long.txt") == "whole\n"
    assert list((tmp_path / ".snakemake/incomplete").iterdir()) == []
