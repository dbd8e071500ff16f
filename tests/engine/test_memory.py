"""Too little memory on the GPU: smaller micro-batches, the same global batch, from the last checkpoint on.

No machine of these tests can be relied on to have a GPU: the network itself refuses batches that are too large.
"""

import os

import pytest
import torch
from fits import After
from ranks import Ranks

from dynconv import records
from dynconv.engine.run import train_run
from dynconv.stopping import Stopped
from dynconv.study import RunKey
from dynconv.tasks.timeseries import TimeSeries

KEY = RunKey("ucr/GunPoint", "vanilla", 0)


@pytest.fixture
def small(monkeypatch):
    """A device on which a training step of more than `small.most` examples does not fit."""
    built = TimeSeries.build
    small.most, small.refused = 100, 0

    def build(self, *args):
        model = built(self, *args)

        def look(module, inputs):
            if module.training and len(inputs[0]) > small.most:
                small.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        model.register_forward_pre_hook(look)
        return model

    monkeypatch.setattr(TimeSeries, "build", build)
    return small


def run(study, store, out, said, **options):
    options = {"device_name": "cpu", "threads": 1, "toy": True, "say": said.append} | options
    return train_run(study, KEY, out, store, **options)


def test_the_micro_batch_is_halved_until_it_fits(make_study, store, tmp_path, small):
    study = make_study(batch_size=12, epochs=3, checkpoint_every_s=600)
    small.most = 3
    said = []
    row = run(study, store, tmp_path, said)
    assert row["status"] == "ok" and row["accumulate"] == 4 and row["steps"] == 3 and small.refused == 2
    assert [line for line in said if "memory" in line] == [
        "out of GPU memory: continues with 2 micro-batches a step",
        "out of GPU memory: continues with 4 micro-batches a step",
    ]
    assert records.read("runs", tmp_path / "run.parquet").to_pylist()[0]["accumulate"] == 4
    small.most = 100
    plain = run(make_study(batch_size=12, epochs=3, accumulate=4), store, tmp_path / "plain", said)
    assert plain["loss"] == row["loss"]  # as if the recipe had said so
    assert sorted(file.name for file in tmp_path.glob("*.*")) == [
        "diagnostics.parquet",
        "metrics.parquet",
        "predictions.parquet",
        "run.parquet",
    ]


def test_it_continues_from_the_checkpoint_and_remembers(make_study, store, tmp_path, small):
    study = make_study(batch_size=12, epochs=4, checkpoint_every_s=600)
    said = []
    with pytest.raises(Stopped):
        run(study, store, tmp_path, said, stop=After(2))
    small.most = 6  # another GPU, or another program on it
    with pytest.raises(Stopped):
        run(study, store, tmp_path, said, stop=After(2))  # it looks once before memory is too small, twice after
    assert [line for line in said if not line.startswith("epoch")] == [
        "starting from scratch",
        f"resuming after step 2 of {tmp_path}/checkpoint.pt",
        "out of GPU memory: continues with 2 micro-batches a step",
        f"resuming after step 2 of {tmp_path}/checkpoint.pt",
    ]
    refused, begun = small.refused, len(said)
    row = run(study, store, tmp_path, said)
    assert said[begun] == f"resuming after step 3 of {tmp_path}/checkpoint.pt"
    assert small.refused == refused and row["accumulate"] == 2 and row["status"] == "ok"


def test_one_example_that_does_not_fit_is_an_error(make_study, store, tmp_path, small):
    small.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        run(make_study(batch_size=4), store, tmp_path, [], failures=tmp_path / "failures")
    assert (tmp_path / "failures/ucr/GunPoint/vanilla/seed0.json").exists()


def on_ranks(study, store, out, fits):
    from dynconv.tasks import timeseries

    most = fits[int(os.environ["RANK"])]

    built = timeseries.TimeSeries.build

    def build(self, *args):
        model = built(self, *args)

        def look(module, inputs):
            if module.training and len(inputs[0]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")

        model.register_forward_pre_hook(look)
        return model

    timeseries.TimeSeries.build = build
    said = []
    try:
        return run(study, store, out, said)["accumulate"], said
    except Stopped as stopped:
        return str(stopped), said


@pytest.mark.parametrize("fits", [(3, 3), (3, 100), (100, 3)], ids=str)
def test_many_processes_start_anew_with_smaller_micro_batches(make_study, store, tmp_path, fits):
    study = make_study(batch_size=12)
    first = Ranks(2, on_ranks, study, store, tmp_path, fits).results()
    assert [result[0] for result in first] == ["out of GPU memory: the next start takes 2 micro-batches a step"] * 2
    second = Ranks(2, on_ranks, study, store, tmp_path, fits).results()
    assert [result[0] for result in second] == [2, 2]
