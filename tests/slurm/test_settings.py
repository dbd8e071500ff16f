"""What cannot work is said in one line, before or at the first submission."""

import pytest
from cluster import Cluster
from workflows import Workflow

RULE = """
    rule one:
        output: "one.txt"
        resources: {resources}
        shell: "touch {{output}}"
"""


def refusal(flow, *options, env=None):
    """The one line of Snakemake's output that says what is wrong: after `WorkflowError:`, or argparse's own."""
    output = flow.fail(*options, env=env)
    assert "Traceback" not in output
    lines = output.splitlines()
    errors = [number for number, line in enumerate(lines) if line.strip() == "WorkflowError:"]
    return lines[errors[0] + 1] if errors else lines[-1]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ("pack=-1", ["rule one: resource pack -1: must be at least 1"]),
        ("pack=0", ["rule one: resource pack 0: must be at least 1"]),
        ("gpus_per_nodes=1", ["unknown resource 'gpus_per_nodes'", "did you mean gpus_per_node?", "slurm_partition"]),
        ("slurm_partitions='main'", ["did you mean slurm_partition?"]),
        ("mem_mb='much'", ["'mem_mb' must be assigned an int. Got 'much'"]),  # Snakemake's own
        ("gpus_per_node='two'", ["resource gpus_per_node 'two': must be a whole number"]),
        ("nodes=2, pack=4", ["packs are for one-task jobs"]),
        ("slurm_extra='--mem=3'", ["--mem is set by the executor", "mem_mb"]),
        ("slurm_extra='-x n1'", ["'-x' is not a long option"]),
        (r"qos='a\nb'", ["must be one line"]),
    ],
)
def test_a_bad_resource(slurm, tmp_path, resources, said):
    line = refusal(Workflow(tmp_path, slurm.env, RULE.format(resources=resources)))
    assert all(part in line for part in said), line
    assert slurm.calls("sbatch") == []


def test_a_partition_that_is_not_there(slurm, tmp_path):
    line = refusal(Workflow(tmp_path, slurm.env, RULE.format(resources="slurm_partition='gpu'")))
    assert "Slurm refused slurm_partition 'gpu': " in line
    assert "Invalid partition name" in line
    assert "(valid: high, low, main)" in line
    assert slurm.run("squeue", "-h") == ""


def test_a_request_that_no_node_can_fulfil(slurm, tmp_path):
    line = refusal(Workflow(tmp_path, slurm.env, RULE.format(resources="mem_mb=999999")))
    assert "Slurm refused a job that asks for {'mem_mb': 999999}: " in line
    assert "Requested node configuration is not available" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--submitit-cluster", "pbs"), "--submitit-cluster 'pbs': not known; valid: auto, slurm, local"),
        (("--submitit-array-size", "0"), "--submitit-array-size 0: must be at least 1"),
        (("--submitit-logdir", " "), "--submitit-logdir is empty; give a folder"),
        (("--shared-fs-usage", "none"), "If no shared filesystem is assumed"),  # Snakemake's own
        (("--shared-fs-usage", "input-output"), "needs a file system shared with the nodes (missing: persistence, s"),
    ],
)
def test_a_bad_setting(slurm, tmp_path, options, said):
    assert said in refusal(Workflow(tmp_path, slurm.env, RULE.format(resources="pack=1")), *options)
    assert slurm.calls("sbatch") == []


def test_a_key_of_a_profile_that_nobody_knows(slurm, tmp_path):
    flow = Workflow(tmp_path, slurm.env, RULE.format(resources="pack=1"))
    flow.write("profile/config.yaml", "submitit-arraysize: 3\n")
    line = refusal(flow, "--profile", "profile")
    assert "submitit-arraysize" in line
    assert slurm.calls("sbatch") == []


def test_no_slurm_at_all(slurm, tmp_path):
    env = slurm.env_without("sbatch", "squeue")
    line = refusal(Workflow(tmp_path, env, RULE.format(resources="pack=1")), "--submitit-cluster", "slurm")
    assert "sbatch, squeue not found on the PATH" in line
    assert "--submitit-cluster local" in line


def test_a_second_driver_in_the_same_folder(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule long:
            output: "long.txt"
            shell: "while ! test -e go; do sleep 0.1; done; touch {output}"
        rule other:
            output: "other.txt"
            shell: "touch {output}"
        """,
    )
    with flow.start("long") as first:
        first.wait_for("Submitted job")
        with flow.start("--nolock", "other", log="second.out") as second:
            done = second.end()
        assert done.code == 1
        assert f"another Snakemake with this executor is at work here (process {first.process.pid} on" in done.output
        flow.write("go", "")
        assert first.end().code == 0, first.output
    assert not (tmp_path / "other.txt").exists()


@pytest.fixture
def small(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("c"), nodes=1, accounting=True) as cluster:
        yield cluster


def test_an_account_and_a_controller_that_are_not_there(slurm, small, tmp_path):
    """`slurm` is named for its skip where there is no Slurm."""
    user = small.run("id", "-un")
    conf = small.conf.read_text(encoding="utf-8") + "AccountingStorageEnforce=associations\n"
    small.run("sacctmgr", "-i", "add", "account", "physics")
    small.run("sacctmgr", "-i", "add", "user", user, "account=physics", "cluster=test")
    small.stop_controller()
    small.conf.write_text(conf, encoding="utf-8")
    small.start_controller()
    flow = Workflow(tmp_path, small.env, RULE.format(resources="slurm_account='chemistry'"))
    line = refusal(flow)
    assert "Slurm refused slurm_account 'chemistry'" in line
    assert "(valid: physics" in line
    small.stop_controller()
    line = refusal(flow, env={"SLURM_CONF": str(small.conf)})
    assert "the Slurm controller does not answer" in line
    assert "Unable to contact slurm controller" in line
    small.start_controller()
