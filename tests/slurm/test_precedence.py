"""Who has the last word where several have one: a person, the program, Snakemake, Slurm."""

from daemons import wait_until
from workflows import Workflow


def test_a_person_who_cancels_is_stronger_than_a_program_that_would_continue(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule a:
            output: "a.txt"
            shell: "trap 'exit 75' TERM; echo x >>starts; sleep 60 & wait; touch {output}"
    """)  # fmt: skip
    with workflow.start() as driver:
        wait_until(lambda: (workflow.folder / "starts").exists(), "the start")
        slurm.run("scancel", driver.output.split("Submitted job ")[1].split(":")[0])
        done = driver.end()
    assert done.code == 1 and "CANCELLED: cancelled by somebody" in done.output
    assert workflow.read("starts") == "x\n" and len(slurm.calls("sbatch")) == 1


def test_snakemakes_retries_come_before_the_failure_command(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env, """
        rule a:
            output: "a.txt"
            retries: 1
            resources: failure_command="echo given up >a.txt; touch last_word"
            shell: "echo x >>starts; [ $(wc -l <starts) = 2 ] && echo made >{output}"
    """)  # fmt: skip
    workflow.succeed()
    assert workflow.read("a.txt") == "made\n" and workflow.read("starts") == "x\nx\n"
    assert not (workflow.folder / "last_word").exists()


def test_slurm_gives_the_gpus_whatever_the_driver_sees(slurm, tmp_path):
    workflow = Workflow(tmp_path / "w", slurm.env | {"CUDA_VISIBLE_DEVICES": "7"}, """
        rule a:
            output: "a.txt"
            resources: gpus_per_node=2
            shell: "echo $CUDA_VISIBLE_DEVICES >{output}"
    """)  # fmt: skip
    workflow.succeed()
    assert workflow.read("a.txt") == "0,1\n"
