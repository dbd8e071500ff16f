"""The command that trains one run of a test's study."""

import sys
from pathlib import Path

import yaml


def command(study, tmp_path, out, store, *more, dataset="ucr/GunPoint", variant="vanilla"):
    """`dynconv train`, as words; the study is written to `tmp_path`."""
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    words = ["train", "--study", file, "--dataset", dataset, "--variant", variant, "--seed", "0", "--out", out]
    words += ["--data", store, "--device", "cpu", "--threads", "1", "--toy", *more]
    return [str(Path(sys.executable).parent / "dynconv"), *map(str, words)]
