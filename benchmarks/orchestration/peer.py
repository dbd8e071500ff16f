"""The peer, snakemake-executor-plugin-slurm, in a virtual environment of its own, made when it is missing."""

import json
import re
import subprocess
import sys

from ways import PEER, ROOT

_PACKAGES = ("snakemake-executor-plugin-slurm", "snakemake-executor-plugin-slurm-jobstep", "pandas<3")


def install() -> None:
    """Make the environment, with the Snakemake that this project pins and the newest peer.

    Raises subprocess.CalledProcessError: pip could not.
    """
    done = PEER / "installed"
    if done.exists():
        return
    pinned = re.search(r"^snakemake==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned, "constraints.txt does not pin snakemake"
    print(f"installing the peer into {PEER}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
    subprocess.run([PEER / "bin/python", "-m", "pip", "install", "--quiet", pinned[0], *_PACKAGES], check=True)
    done.touch()


def versions() -> dict[str, str]:
    """Of Snakemake and the peer, as installed."""
    words = [PEER / "bin/python", "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    names = ("snakemake", *_PACKAGES[:2])
    return {entry["name"]: entry["version"] for entry in listed if entry["name"] in names}
