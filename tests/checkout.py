"""The checkout under test, and copies of it to play with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_project(to: Path) -> "Project":
    names = ["Snakefile", "workflow", "config", "cluster_profiles", "dynconv"]
    names += ["snakemake_executor_plugin_submitit", "snakemake_logger_plugin_dynconv"]
    to.mkdir(parents=True)
    for name in [*names, "environment.yml", "results/README.md"]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (to / name).parent.mkdir(exist_ok=True)
            shutil.copy(source, to / name)
    return Project(to)


class Project:
    """Runs the commands of a copied project."""

    def __init__(self, root: Path):
        self.root = root
        here = Path(sys.executable).parent
        # As if no environment were activated: the workflow finds its commands by itself.
        path = os.pathsep.join(word for word in os.environ["PATH"].split(os.pathsep) if Path(word) != here)
        # PYTHONPATH comes before the editable install: the copy's package is the one that runs.
        self.env = os.environ | {"PYTHONPATH": str(root), "PATH": path}
        self.env["OMP_NUM_THREADS"] = "1"

    def run(self, *words, ok=True) -> subprocess.CompletedProcess:
        """Run a command in the copy; `ok` asserts how it ends."""
        words = [str(word) for word in words]
        done = subprocess.run(words, cwd=self.root, env=self.env, capture_output=True, text=True, timeout=900)
        assert (done.returncode == 0) is ok, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def dynconv(self, *words, ok=True):
        return self.run(sys.executable, "-m", "dynconv.cli", *words, ok=ok)

    def snakemake(self, *words, ok=True):
        profile = "cluster_profiles/local"
        return self.run(sys.executable, "-m", "snakemake", "--profile", profile, "--cores", "2", *words, ok=ok)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file
