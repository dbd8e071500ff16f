"""What a network costs: memory to the byte, repeats chosen by time, and what happens where memory is too small."""

import math

import pytest
import torch
from torch import nn

from dynconv import records
from dynconv.data.batches import Batches
from dynconv.engine import profile_inference, profile_training, timing
from dynconv.engine.gradients import gradients
from dynconv.engine.optim import build_optimizer
from dynconv.engine.peak_memory import PeakMemory
from dynconv.engine.profile import profile
from dynconv.engine.profile_training import Step, activation_bytes
from dynconv.engine.setup import setup
from dynconv.engine.shares import Shares
from dynconv.engine.timing import Pace, Timing, timed
from dynconv.recipe import Recipe
from dynconv.tasks.timeseries import TimeSeries

CPU = torch.device("cpu")
BRIEF = Pace(aim_s=0.0, limit_s=0.0)


@pytest.fixture
def brief(monkeypatch):
    """The times of a test do not matter."""
    monkeypatch.setattr(profile_inference, "LATENCY", BRIEF)
    monkeypatch.setattr(profile_inference, "THROUGHPUT", BRIEF)
    monkeypatch.setattr(profile_training, "PACE", BRIEF)


def test_the_peak_counts_each_byte_while_it_is_there():
    before = torch.empty(10_000)
    with PeakMemory(CPU) as memory:
        first = torch.empty(1000)
        second = first.clone()
        del first
        third = torch.empty(999)
        del before
    assert memory.bytes == 8000 and len(second) + len(third) == 1999


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 3), ("adam", 6)])
def test_the_peak_of_a_training_step_by_hand(optimizer, copies):
    """Weights, gradient and momenta (of Adam two), a root and a quotient of Adam's, and the vectors of one example."""
    n = 512
    recipe = Recipe(optimizer=optimizer, nesterov=False, weight_decay=0.0)
    with PeakMemory(CPU) as memory:
        model, x = nn.Linear(n, n, bias=False), torch.ones(1, n)
        chosen = build_optimizer(model, recipe)
        for _ in range(2):
            model(x).sum().backward()
            chosen.step()
            chosen.zero_grad()
    assert copies * 4 * n * n <= memory.bytes <= copies * 4 * n * n + 5 * 4 * n


def test_activations_count_each_storage_once_and_no_weights():
    model = nn.Sequential(nn.Linear(8, 16), nn.Sigmoid(), nn.Linear(16, 4), nn.Tanh())
    # Of 10 examples: the input, what each of the two activations returned, and nothing twice.
    assert activation_bytes(model, torch.ones(10, 8)) == 10 * (8 + 16 + 4) * 4


class Clock:
    """Time that passes only in calls: each takes the next of `durations`, the last for ever."""

    def __init__(self, *durations):
        self.durations, self.now, self.calls = list(durations), 0.0, 0

    def perf_counter(self):
        return self.now

    def __call__(self):
        self.calls += 1
        self.now += self.durations.pop(0) if len(self.durations) > 1 else self.durations[0]


@pytest.mark.parametrize(
    ("durations", "pace", "repeats", "calls"),
    [
        ((0.01,), Pace(0.5, 2.0), 50, 4 + 50),  # quick: as long as `aim_s`
        ((0.06,), Pace(0.5, 2.0), 20, 4 + 20),  # 20 repeats are worth more time ...
        ((0.1875,), Pace(0.5, 2.0), 11, 3 + 11),  # ... but no more than `limit_s`; nor is warming up
        ((60.0,), Pace(0.5, 2.0), 5, 1 + 5),  # huge: five, after one
        ((0.08, 0.04, 0.02, 0.01), Pace(0.5, 2.0), 50, 7 + 50),  # until it is warm
        ((0.0078125,), Pace(0.5, 2.0, block_s=0.03), 20, 4 + 4 * 20),  # timed in fours
    ],
)
def test_the_time_decides_the_repeats(monkeypatch, durations, pace, repeats, calls):
    clock = Clock(*durations)
    monkeypatch.setattr(timing, "time", clock)
    found = timed(clock, CPU, pace).seconds
    assert len(found) == pytest.approx(repeats, abs=1) and clock.calls == pytest.approx(calls, abs=4)
    assert found == pytest.approx([durations[-1]] * len(found))


def test_a_percentile_needs_repeats_beyond_it():
    assert Timing([1.0] * 19).percentile(0.95) is None and Timing([1.0] * 20).percentile(0.95) == 1.0
    assert Timing([4.0, 2.0, 1.0, 8.0]).rate("r", 8) == {"r": 8 / 3, "r_q25": 8 / 5, "r_q75": 8 / 1.75}
    assert Timing([2.0]).rate("r", 8) == {"r": None, "r_q25": None, "r_q75": None}


@pytest.mark.parametrize(
    ("dataset", "variant"), [("digits", "odconv"), ("ucr/GunPoint", "hard_attention"), ("shapes_voc", "vanilla")]
)
def test_a_row_is_whole_and_its_counts_repeat(make_study, store, brief, dataset, variant):
    study = make_study(accumulate=2)
    row, again = (profile(study, dataset, variant, store, "cpu", 1) for _ in range(2))
    (kept,) = records.to_table("profile", [row]).to_pylist()
    gpu = {"device_memory_bytes", "driver_version", "tf32", "cuda_version"}
    absent = gpu | {"latency_p95_s", "slurm_job_id", "git_sha", "git_dirty"}
    absent |= set() if variant == "hard_attention" else {"executed_fraction"}
    assert {name for name, value in kept.items() if value is None} <= absent
    assert all(v > 0 for v in kept.values() if isinstance(v, float) and math.isfinite(v))
    counts = [name for name, value in kept.items() if isinstance(value, int) and name != "git_dirty"]
    assert {"train_memory_bytes", "forward_memory_bytes", "activation_bytes", "macs"} <= set(counts)
    assert {name: row[name] for name in counts} == {name: again[name] for name in counts}
    assert row["accumulate"] == 2 and row["batch_size"] == row["train_batch_size"] <= 8
    assert row["samples_per_s_q25"] <= row["samples_per_s"] <= row["samples_per_s_q75"]
    # What is kept of a micro-batch is there when its backward pass begins, beside weights and momenta.
    assert row["train_memory_bytes"] > 8 * row["params"] + row["activation_bytes"] * row["batch_size"] // 2
    assert row["forward_memory_bytes"] < row["train_memory_bytes"]


def test_a_step_is_that_of_training_and_changes_no_weight(make_study, store):
    study = make_study()
    place = setup(study, "digits", store, "cpu", 1)
    data = Batches(place.train, place.meta, "cpu")
    shares = Shares(len(data), place.recipe.batch(len(data)), False, 2, place.world)
    step = Step(study, "vanilla", place, data, shares)
    before = {name: value.clone() for name, value in step.strategy.parameters().items()}
    args = (step.strategy, step.task, step.recipe, step.parts, step.x, step.y, step.keys)
    total, count, auxiliary = gradients(*args).tolist()
    assert total / count == pytest.approx(math.log(10), rel=0.5) and count == len(step.x) and auxiliary == 0
    assert all(p.grad.abs().max() > 0 for p in step.strategy.module.parameters())
    step()
    assert all(torch.equal(value, before[name]) for name, value in step.strategy.parameters().items())
    assert step.strategy.optimizer_state()["slots"]["momentum_buffer"].keys() == before.keys()


@pytest.fixture
def small(monkeypatch):
    """A device on which a pass of more than `small.train` examples in training, else `small.judge`, does not fit."""
    built = TimeSeries.build

    def build(self, *args):
        def look(module, inputs):
            if len(inputs[0]) > (small.train if module.training else small.judge):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        model = built(self, *args)
        model.register_forward_pre_hook(look)
        return model

    monkeypatch.setattr(TimeSeries, "build", build)
    return small


def test_what_does_not_fit_is_cut(make_study, store, brief, small):
    study = make_study(batch_size=4)
    small.train, small.judge = 1, 3
    row = profile(study, "ucr/GunPoint", "vanilla", store, "cpu", 1)
    assert (row["train_batch_size"], row["accumulate"], row["batch_size"]) == (4, 4, 2)
    small.train = 0
    row = profile(study, "ucr/GunPoint", "vanilla", store, "cpu", 1)
    (kept,) = records.to_table("profile", [row]).to_pylist()
    assert kept["train_samples_per_s"] is kept["accumulate"] is kept["train_memory_bytes"] is None
    assert kept["samples_per_s"] > 0
