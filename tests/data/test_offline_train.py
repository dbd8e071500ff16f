"""From the published archives on a server to a trained run of each task, by the commands."""

import dataclasses
import hashlib
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from published_files import sbd_entries, tar_of, tiny_imagenet_entries, voc_entries, zip_of

from dynconv import cli
from dynconv.data import ts_archive
from dynconv.data.datasets import tiny_imagenet, voc2012

STUDY = """
name: offline
variants: [vanilla, odconv]
datasets: [tiny_imagenet, voc2012, ucr/Coffee]
seeds: [0]
recipes:
  classification: {width: 0.0625, epochs: 1, batch_size: 8, warmup_epochs: 0}
  segmentation: {width: 0.0625, epochs: 1, batch_size: 4, warmup_epochs: 0, augment: [flip]}
  timeseries: {width: 0.0625, epochs: 1, batch_size: 8, warmup_epochs: 0}
"""


def offer_tiny_imagenet(server, monkeypatch, folder):
    content = zip_of(tiny_imagenet_entries(folder))
    offer(server, monkeypatch, tiny_imagenet, "ARCHIVE", "tiny-imagenet-200.zip", content)


def offer_voc2012(server, monkeypatch, folder):
    offer(server, monkeypatch, voc2012, "VOC", "VOCtrainval_11-May-2012.tar", tar_of(voc_entries(folder)))
    offer(server, monkeypatch, voc2012, "SBD", "benchmark.tgz", tar_of(sbd_entries(folder), "w:gz"))


def offer_coffee(server, monkeypatch, folder):
    monkeypatch.setattr(ts_archive, "_SITE", server.url)
    ts_archive.toy(folder, "Coffee", "GunPoint", 28)
    server.add("Coffee.zip", zip_of({path.name: path.read_bytes() for path in (folder / "Coffee").iterdir()}))


def offer(server, monkeypatch, module, attribute, name, content):
    remote = dataclasses.replace(
        getattr(module, attribute), urls=(server.add(name, content),), checksum=hashlib.md5(content).hexdigest()
    )
    monkeypatch.setattr(module, attribute, remote)


@pytest.mark.parametrize(
    ("name", "publish", "examples"),
    [("tiny_imagenet", offer_tiny_imagenet, 6), ("voc2012", offer_voc2012, 2), ("ucr/Coffee", offer_coffee, 28)],
)
def test_what_is_downloaded_is_trained_on(server, monkeypatch, capsys, tmp_path, name, publish, examples):
    publish(server, monkeypatch, tmp_path / "published")
    data, out = tmp_path / "data", tmp_path / "run"
    assert cli.main(["prepare", name, "--data", str(data)]) == 0
    assert capsys.readouterr().out == f"{data / name / 'meta.json'}\n"
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    words = ["--study", tmp_path / "study.yaml", "--dataset", name, "--variant", "vanilla", "--seed", "0"]
    words += ["--out", out, "--data", data, "--device", "cpu", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "dynconv.cli", "train", *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (row,) = pq.read_table(out / "run.parquet").to_pylist()
    assert row["status"] == "ok" and row["dataset"] == name
    assert len(pq.read_table(out / "predictions.parquet")) == examples
