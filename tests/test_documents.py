"""What the documents say is so: links lead somewhere, commands exist, the environments agree."""

import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml
from checkout import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "results/README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith("https://"):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_dynconv_command_parses(document):
    from dynconv.cli import _parser

    for line in re.findall(r"^\$ (dynconv .*)$", document.read_text(), re.M):
        words = shlex.split(line, comments=True)[1:]
        assert _parser().parse_args(words).command == words[0]


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?\bmake ([a-z]+)`?", (ROOT / "README.md").read_text())):
        if target in ("and",):
            continue
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_readmes_python_reads_the_tables(tmp_path):
    from dynconv import records

    keys = {"run_id": "d/v/seed0", "task": "timeseries", "dataset": "d", "variant": "v", "seed": 0, "status": "ok"}
    records.write("runs", [keys], tmp_path / "results/tables/runs.parquet")
    metric = {"split": "train", "epoch": 1, "step": 1, "metric": "loss", "value": 0.5}
    keys = {name: keys[name] for name in ("run_id", "dataset", "variant", "seed")}
    records.write("metrics", [keys | metric], tmp_path / "results/tables/metrics.parquet")
    pair = {"task": "timeseries", "variant_a": "v", "variant_b": "w"}
    records.write("pairwise", [pair], tmp_path / "results/stats/pairwise.parquet")
    for document in ("README.md", "results/README.md"):
        for code in re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S):
            subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_within_its_range():
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {normal(name): version for name, version in pins().items()}
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    for requirement in map(Requirement, project["dependencies"] + extras):
        if requirement.name == project["name"]:
            continue  # an extra that is made of others
        version = pinned.get(normal(requirement.name))
        assert version, f"{requirement.name} has no pin in constraints.txt"
        assert requirement.specifier.contains(version), f"{requirement} excludes the pin {version}"


def test_conda_installs_what_pip_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(line for line in environment["dependencies"] if isinstance(line, str) and line.startswith("python"))
    assert python == f"python{project['requires-python']}"
    pip = next(line["pip"] for line in environment["dependencies"] if isinstance(line, dict))
    assert pip == ["--constraint constraints.txt", "--editable .[dev]"]
    assert "--constraint constraints.txt --editable '.[dev]'" in (ROOT / "Makefile").read_text()


def test_files_stay_small():
    files = [*ROOT.glob("dynconv/**/*.py"), *ROOT.glob("workflow/**/*.smk"), ROOT / "Snakefile"]
    long = {str(file.relative_to(ROOT)): n for file in files if (n := len(file.read_text().splitlines())) > 270}
    assert not long, "one idea a file"
