"""Names that a shell, a file system or Slurm would stumble over, and files that others could have written."""

import hashlib

import pytest
from workflows import Workflow

STRANGE = {
    "space": "a b",
    "quote": 'it\'s "so"',
    "dollar": "$HOME;true",
    "percent": "100%j %A",
    "unicode": "Größe-日本",
    "newline": "one\ntwo",
    "star": "*?[x]",
    "dash": "--help",
}


def test_strange_values_of_wildcards_params_and_the_folders_name(slurm, tmp_path):
    flow = Workflow(
        tmp_path / 'it\'s $HOME; "a" größe & 日本',
        slurm.env,
        f"""
        VALUES = {STRANGE!r}
        rule all:
            input: [f"out/{{value}}/x.txt" for value in VALUES.values()]
        rule one:
            output: "out/{{value}}/x.txt"
            wildcard_constraints: value="(.|\\\\n)+"
            params: text=lambda wildcards: f"<{{wildcards.value}}>"
            resources: pack=4
            shell: "printf '%s' {{params.text:q}} >{{output:q}}; printf 'log of %s' {{wildcards.value:q}}"
        """,
    )
    flow.succeed()
    for value in STRANGE.values():
        assert flow.read(f"out/{value}/x.txt") == f"<{value}>"
    logs = [file.read_text(encoding="utf-8") for file in (flow.folder / "logs/slurm/one").iterdir()]
    assert len(logs) == len(STRANGE), "one log each"
    assert all(any(f"log of {value}" in log for log in logs) for value in STRANGE.values())


@pytest.mark.parametrize("folder", ["100%", "back\\slash", "line\nend"])
def test_a_folder_in_which_slurm_cannot_write_logs(slurm, tmp_path, folder):
    flow = Workflow(tmp_path / folder, slurm.env, 'rule one:\n    output: "x"\n    shell: "touch {output}"\n')
    assert "Slurm cannot write logs below a folder with a newline, \\ or %" in flow.fail()
    assert slurm.calls("sbatch") == []


def test_names_that_are_too_long_or_alike(slurm, tmp_path):
    """Longer than a file's name may be: cut, and yet each job has a log of its own."""
    values = ["ü" * 150 + end for end in ("a", "b")]
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        import hashlib
        VALUES = ["ü" * 150 + end for end in ("a", "b")]
        NAMES = {hashlib.md5(value.encode()).hexdigest(): value for value in VALUES}
        rule all:
            input: expand("out/{name}", name=NAMES)
        rule one:
            output: "out/{name}"
            resources: job_name=lambda wildcards: NAMES[wildcards.name]
            shell: "echo {wildcards.name}; touch {output}"
        """,
    )
    flow.succeed()
    logs = [file.read_text(encoding="utf-8") for file in (tmp_path / "logs/slurm/one").iterdir()]
    assert len(logs) == 2
    names = {hashlib.md5(value.encode()).hexdigest() for value in values}
    assert {name for name in names for log in logs if name in log} == names


@pytest.mark.parametrize("opened", ["folder", "file"])
def test_files_that_others_can_write_are_not_run(slurm, tmp_path, opened):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule one:
            output: "one.txt"
            resources: slurm_extra="--hold"
            shell: "touch {output}"
        """,
    )
    with flow.start("--submitit-lost-retries", "0") as snakemake:
        snakemake.wait_for("Submitted job")
        (task,) = flow.tasks()
        place = task.parent if opened == "folder" else task
        place.chmod(place.stat().st_mode | 0o022)
        slurm.run("scontrol", "release", slurm.run("squeue", "-h", "-o", "%i"))
        done = snakemake.end()
    assert done.code == 1
    assert "must belong to this user and be writable by nobody else" in done.output
    assert not (tmp_path / "one.txt").exists()
