"""The ways to run the workflow: this executor's, the peer's, and their options."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEER = Path(__file__).resolve().parent / ".venv"
PACK = 16
WORKFLOW = """rule all:
    input: [f"out/{k}" for k in range(int(config["jobs"]))]

rule job:
    output: "out/{k}"
    resources: slurm_partition="main", runtime=10, mem_mb=1000
    shell: "true; touch {output}"
"""
# As cluster_profiles/slurm has it: all that is ready is submitted at once.
_QUICK = ("--scheduler", "greedy", "--max-jobs-per-timespan", "10000/1s")
# The first is what the peer's interval between two questions returns to; no account saves it questions to sacct.
_TUNED = (
    *_QUICK, "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "5",
    "--slurm-no-account",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One way: the Snakemake that runs it, and the options that make it so."""

    name: str
    words: tuple[str, ...]
    peer: bool = False

    def command(self, jobs: int) -> list[str]:
        """The whole command line for `jobs` jobs, all of which may be submitted at once."""
        folder = PEER / "bin" if self.peer else Path(sys.executable).parent
        start = [str(folder / "snakemake"), "--executor", "slurm" if self.peer else "submitit"]
        return [*start, *self.words, "--jobs", str(jobs), "--config", f"jobs={jobs}"]

    def env(self, cluster: dict[str, str]) -> dict[str, str]:
        """This executor runs from this checkout; the peer does not see it."""
        return cluster if self.peer else cluster | {"PYTHONPATH": str(ROOT)}


OURS = (
    Way("plain", (*_QUICK, "--submitit-array-size", "1")),
    Way("arrays", _QUICK),
    Way("packed", (*_QUICK, "--set-resources", f"job:pack={PACK}")),
)
PEERS = (
    Way("peer defaults", (), peer=True),
    Way("peer tuned", _TUNED, peer=True),
    Way("peer arrays", (*_TUNED, "--slurm-array-jobs", "all"), peer=True),
    Way("peer groups", (*_TUNED, "--groups", "job=g", "--group-components", f"g={PACK}"), peer=True),
)


def snakemake_alone(jobs: int) -> list[str]:
    """Reads the workflow and plans it: part of every way's time."""
    return [str(Path(sys.executable).parent / "snakemake"), "-n", "--quiet", "all", "--config", f"jobs={jobs}"]
