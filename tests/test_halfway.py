"""A snapshot while the real Snakemake is at work: it disturbs nothing, and what it says is so."""

import json
import re
import subprocess
import sys
import time

import pytest
import yaml
from checkout import ROOT

from dynconv import records

pytestmark = pytest.mark.e2e

# Two workflow rules, so that nothing imports torch, and one of them waits for a file.
STUDY = {
    "name": "halfway",
    "variants": [{"name": "nearest_mean", "rule": True}, {"name": "gate", "rule": True}],
    "datasets": ["ucr/ItalyPowerDemand"],
    "seeds": [0, 1],
    "analysis": {"control": "nearest_mean", "resamples": 100},
}
GATE = "while [ ! -e go ]; do sleep 0.1; done; python "
SECONDS = 300  # after which it is taken for lost


def tree(project, *folders):
    files = (path for name in folders for path in (project.root / name).rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files if "snapshot" not in path.parts}


@pytest.fixture
def gated(project):
    """A copy of the project whose study ends when there is a file `go`."""
    text = (ROOT / "docs/add_a_variant.md").read_text()
    rule = re.search(r"```snakemake\n(rule train_nearest_mean.*?)```", text, re.S)[1]
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "nearest_mean" in block)
    named = 'lambda wildcards: f"{wildcards.dataset}/gate/seed{wildcards.seed}"'
    named = f"    resources:\n        job_name={named},\n    shell:"
    gate = rule.replace("nearest_mean", "gate").replace('"python ', f'"{GATE}').replace("    shell:", named)
    for name, content in (("nearest_mean.smk", rule), ("gate.smk", gate), ("nearest_mean.py", code)):
        project.write(f"workflow/rules/variants/{name}", content)
    project.write("workflow/rules/variants/gate.py", code.replace("nearest_mean", "gate"))
    project.write("config/halfway.yaml", yaml.safe_dump(STUDY))
    return project


def test_a_snapshot_while_snakemake_is_at_work(gated):
    words = ["--profile", "cluster_profiles/local", "--cores", "2", "--configfile", "config/halfway.yaml"]
    command = [sys.executable, "-m", "snakemake", *words]
    with (gated.root / "snakemake.out").open("w") as out:
        driver = subprocess.Popen(command, cwd=gated.root, env=gated.env, stdout=out, stderr=out)
    said = gated.root / "snakemake.out"
    try:
        runs, deadline = gated.root / "results/runs/ucr/ItalyPowerDemand", time.monotonic() + SECONDS

        def waits():
            done = all((runs / f"nearest_mean/seed{seed}/run.parquet").is_file() for seed in (0, 1))
            return done and "2 running" in gated.dynconv("list", "runs", "--study", "config/halfway.yaml").stdout

        while not waits():
            assert driver.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.2)
        before = tree(gated, "results", "data", "config", "workflow")

        first = gated.dynconv("snapshot", "--study", "config/halfway.yaml").stdout

        assert driver.poll() is None, "it waited for the end"
        assert tree(gated, "results", "data", "config", "workflow") == before
        assert "2 of 4 runs ok, 2 running" in first and "partial: runs are still to come" in first
        folder = gated.root / "results/snapshot"
        content = json.loads((folder / "snapshot.json").read_text())
        assert [(run["run"], run["state"]) for run in content["unfinished"]] == [
            (f"ucr/ItalyPowerDemand/gate/seed{seed}", "running") for seed in (0, 1)
        ]
        assert not content["complete"] and "Snapshot: partial." in (folder / "report.html").read_text()
        assert "not compared: task 'timeseries' has 'nearest_mean' only" in first
        assert len(records.read("runs", folder / "tables/runs.parquet")) == 2
        (gated.root / "go").touch()
        assert driver.wait(SECONDS) == 0, said.read_text()
    finally:
        if driver.poll() is None:
            driver.terminate()
            driver.wait(60)
    assert (gated.root / "results/report.html").is_file() and "4/4]" in said.read_text()
    last = gated.dynconv("snapshot", "--study", "config/halfway.yaml").stdout
    assert (
        "4 of 4 runs ok" in last
        and "complete" in last
        and "Snapshot: complete." in (folder / "report.html").read_text()
    )
    # Neither Snakemake nor the report of the whole study knows of it.
    done = gated.snakemake("--configfile", "config/halfway.yaml")
    assert "Nothing to be done" in done.stderr + done.stdout
    assert "Snapshot:" not in (gated.root / "results/report.html").read_text()
    assert not list((gated.root / "results").glob(".snapshot*"))
