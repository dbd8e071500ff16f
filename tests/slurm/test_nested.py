"""Rules that need Snakemake itself on the node get it: scripts, `run`, shadow folders, groups, wrappers."""

import logging

import pytest
from snakemake.api import (
    DeploymentSettings,
    OutputSettings,
    ResourceSettings,
    SnakemakeApi,
    StorageSettings,
    WorkflowSettings,
)  # fmt: skip
from snakemake.settings.types import DeploymentMethod
from workflows import Workflow

from snakemake_executor_plugin_submitit.direct import why_nested

NESTED = "Building DAG of jobs"


def test_what_is_not_a_plain_command_runs_in_snakemake(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: "run.txt", "script.txt", "shadow.txt", "second.txt", "wrapped.txt", "plain.txt"
        rule run:
            output: "run.txt"
            threads: 2
            run:
                import os
                open(output[0], "w").write(f"{threads} {os.environ['SLURM_JOB_ID']}")
        rule script:
            output: "script.txt"
            params: text="a 'b' $c"
            log: "own/script.log"
            script: "scripts/write.py"
        rule shadow:
            output: "shadow.txt"
            shadow: "minimal"
            shell: "echo left >behind.txt; pwd >{output}"
        rule first:
            output: "first.txt"
            group: "both"
            shell: "echo $SLURM_JOB_ID >{output}"
        rule second:
            input: "first.txt"
            output: "second.txt"
            group: "both"
            shell: "cat {input} >{output}; echo $SLURM_JOB_ID >>{output}"
        rule wrapped:
            output: "wrapped.txt"
            wrapper: "file:wrappers/copy"
        rule plain:
            output: "plain.txt"
            shell: "touch {output}"
        """,
    )
    flow.write(
        "scripts/write.py",
        """
        from pathlib import Path
        Path(snakemake.output[0]).write_text(snakemake.params.text)
        Path(snakemake.log[0]).write_text("its log")
        """,
    )
    flow.write("wrappers/copy/wrapper.py", 'open(snakemake.output[0], "w").write("wrapped")\n')
    flow.write("wrappers/copy/environment.yaml", "channels: [conda-forge]\n")
    flow.succeed()
    threads, job = flow.read("run.txt").split()
    assert threads == "2"
    assert job.isdigit()
    assert flow.read("script.txt") == "a 'b' $c"
    assert flow.read("own/script.log") == "its log"
    assert "/.snakemake/shadow/" in flow.read("shadow.txt")
    assert not (tmp_path / "behind.txt").exists()
    first, second = flow.read("second.txt").split()
    assert first == second, "a group is one job"
    assert flow.read("wrapped.txt") == "wrapped"
    for rule in ("run", "script", "shadow", "wrapped"):
        assert NESTED in flow.log(rule, rule), rule
    assert NESTED not in flow.log("plain", "plain")


def test_a_failing_script_is_told_like_any_other(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule script:
            output: "script.txt"
            script: "fail.py"
        """,
    )
    flow.write("fail.py", 'open(snakemake.output[0], "w").close()\nraise SystemExit("my own words")\n')
    output = flow.fail()
    assert "EXIT_CODE: exit code 1" in output
    assert "fail.py' returned non-zero exit status 1" in output, "Snakemake's own last lines"
    assert "my own words" in flow.log("script", "script")
    assert not (tmp_path / "script.txt").exists()


DEPLOYED = """
    rule all:
        input: "conda.txt", "image.txt", "module.txt", "cached.txt", "repeated.txt", "plain.txt"
    rule conda:
        output: "conda.txt"
        conda: "env.yaml"
        shell: "touch {output}"
    rule image:
        output: "image.txt"
        container: "docker://debian"
        shell: "touch {output}"
    rule module:
        output: "module.txt"
        envmodules: "bio/bwa"
        shell: "touch {output}"
    rule cached:
        output: "cached.txt"
        cache: True
        shell: "touch {output}"
    rule repeated:
        output: "repeated.txt"
        benchmark: repeat("bench.tsv", 3)
        shell: "touch {output}"
    rule plain:
        output: "plain.txt"
        shell: "touch {output}"
"""


def reasons(flow, methods):
    """{rule: why it is nested} of Snakemake's own job objects, with these --software-deployment-methods."""
    with SnakemakeApi(OutputSettings(quiet=set())) as api:
        workflow = api.workflow(
            snakefile=flow.folder / "Snakefile",
            workdir=flow.folder,
            resource_settings=ResourceSettings(cores=1),
            storage_settings=StorageSettings(),
            workflow_settings=WorkflowSettings(),
            deployment_settings=DeploymentSettings(deployment_method=methods),
        )
        workflow.dag().summary()  # the shortest way to jobs
        inner = workflow._workflow
        return {job.rule.name: why_nested(job, inner) for job in inner.dag.jobs if job.rule.name != "all"}


@pytest.mark.parametrize(
    ("methods", "nested"),
    [
        (set(), {}),
        ({DeploymentMethod.CONDA}, {"conda": "conda"}),
        ({DeploymentMethod.APPTAINER}, {"image": "a container"}),
        ({DeploymentMethod.ENV_MODULES}, {"module": "environment modules"}),
    ],
)
def test_deployments_need_snakemake_only_where_they_are_used(tmp_path, monkeypatch, methods, nested):
    monkeypatch.chdir(tmp_path)
    flow = Workflow(tmp_path, {}, DEPLOYED)
    flow.write("env.yaml", "channels: [conda-forge]\ndependencies: [bwa]\n")
    found = reasons(flow, methods)
    logging.getLogger().handlers.clear()
    assert found["repeated"] == "benchmark repeats"
    del found["repeated"]
    assert {rule: why for rule, why in found.items() if why} == nested
