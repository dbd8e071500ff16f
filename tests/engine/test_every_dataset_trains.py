"""Every file of dynconv/data/datasets, by being there: its toy goes through one epoch, evaluation and the profile."""

import pytest

from dynconv import data, plugins, records, study
from dynconv.data.prepare import prepare
from dynconv.engine import profile_inference, profile_training, timing
from dynconv.engine.profile import profile
from dynconv.engine.run import train_run
from dynconv.engine.timing import Pace
from dynconv.study import DATASETS, RunKey


def one_name(family):
    members = plugins.load(DATASETS, family).SPEC.members
    return family if members is None else f"{family}/{[*members, 'mine'][0]}"


@pytest.mark.parametrize("family", plugins.names(DATASETS))
def test_a_toy_is_trained_on_and_profiled(family, tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "LEAST", 1)  # its times do not matter here
    for part in (profile_inference, profile_training):
        for name in ("LATENCY", "THROUGHPUT", "PACE"):
            monkeypatch.setattr(part, name, Pace(0.0, 0.0), raising=False)
    name = one_name(family)
    meta = data.open_store(prepare(name, tmp_path, toy=True).parent, name).meta
    recipe = {"width": 0.125, "epochs": 1, "batch_size": 2, "lr": 0.01, "augment": []}
    content = {"name": "s", "variants": ["vanilla", "odconv"], "datasets": [name], "seeds": 1}
    plan = study.parse({**content, "recipes": dict.fromkeys(study.TASKS, recipe)}, "s.yaml")
    out = tmp_path / "out"
    row = train_run(
        plan, RunKey(name, "vanilla", 0), out, tmp_path, device_name="cpu", threads=1, toy=True, say=lambda line: None
    )
    metric = study.PRIMARY_METRIC[meta["task"]]
    assert row["status"] == "ok" and 0 <= row[metric] <= 1
    assert len(records.read("predictions", out / "predictions.parquet")) == meta["counts"]["test"]
    cost = profile(plan, name, "vanilla", tmp_path, "cpu", 1)
    assert cost["params"] == row["params"] and cost["macs"] == row["macs"] > 0
