"""A run that reads the node's copy of its data is, bit by bit, the run that reads the shared storage."""

import os
import subprocess
import sys
from pathlib import Path

from commands import command

from dynconv import records


def test_a_staged_run_is_the_run_that_is_not(make_study, store, tmp_path):
    (tmp_path / "scratch").mkdir()
    said, tables = [], []
    for name, scratch in (("direct", ""), ("copied", "scratch"), ("found", "scratch")):
        words = command(make_study(), tmp_path, tmp_path / name, store, variant="odconv")
        env = os.environ | {"DYNCONV_SCRATCH": str(scratch and tmp_path / scratch)}
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        said.append([line for line in done.stdout.splitlines() if "staged" in line])
        of_run = [records.read(it, tmp_path / name / f"{it}.parquet").to_pylist() for it in ("metrics", "predictions")]
        tables.append(of_run)
        row = records.read("runs", tmp_path / name / "run.parquet").to_pylist()[0]
        tables[-1].append([row[column] for column in ("status", "accuracy", "loss", "run_hash", "dataset_hash")])
    assert tables[0] == tables[1] == tables[2] and all(tables[0])
    copy = f"{tmp_path}/scratch/dynconv-{os.getuid()}"
    assert not said[0] and len(said[1]) == len(said[2]) == 1
    assert "ucr/GunPoint is staged: " in said[1][0] and f"copied from {store}/ucr/GunPoint to {copy}/" in said[1][0]
    assert f"in {copy}/" in said[2][0] and "copied" not in said[2][0]


def test_many_processes_of_a_node_share_one_copy(make_study, store, tmp_path):
    (tmp_path / "scratch").mkdir()
    env = os.environ | {"DYNCONV_SCRATCH": str(tmp_path / "scratch"), "OMP_NUM_THREADS": "1"}
    program = [str(Path(sys.executable).parent / "torchrun"), "--standalone", "--nproc-per-node=2", "--no-python"]
    words = [*program, *command(make_study(epochs=1), tmp_path, tmp_path / "out", store)]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ucr/GunPoint is staged: ") == 1 and "ucr/GunPoint/vanilla/seed0: ok" in done.stdout
    assert len(list((tmp_path / "scratch").glob("*/*/store"))) == 1
