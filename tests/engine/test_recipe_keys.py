"""Keys of the recipe that change how a step is computed."""

import shutil

import pytest
import torch
from fits import distance, train
from ranks import in_ranks

from dynconv import models
from dynconv.engine import compiler
from dynconv.engine.ema import Average
from dynconv.engine.single import Single
from dynconv.engine.world import World
from dynconv.errors import DynconvError
from dynconv.study import Recipe

GENTLE = {"lr": 1e-4, "batch_size": 10, "temperature_epochs": 2}


def run(study, store, out, variant="odconv", size=1, name="single", **options):
    return in_ranks(size, train, study, "ucr/GunPoint", variant, store, out, name, **options)[0]


def test_accumulating_is_one_batch_where_nothing_looks_at_the_batch(make_study, store, tmp_path):
    options = {"without": (torch.nn.modules.batchnorm._BatchNorm,)}
    whole = run(make_study(**GENTLE), store, tmp_path, **options)
    for parts in (2, 3):
        assert distance(whole, run(make_study(accumulate=parts, **GENTLE), store, tmp_path, **options)) < 1e-9


@pytest.mark.parametrize(("name", "stage"), [("single", 0), ("deepspeed", 0), ("deepspeed", 2)])
def test_clipping_bounds_the_step(make_study, store, tmp_path, name, stage):
    # Plain steps of one length: each moves the weights by lr times the gradient, whose norm is clip_norm at most.
    keys = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "schedule": "constant", "epochs": 1, "lr": 0.01}
    keys |= {"batch_size": 12, "zero_stage": stage}
    options = {"dtype": torch.float32, "name": name}
    begin = run(make_study(**{**keys, "lr": 1e-12}), store, tmp_path, **options)["tensors"]
    free = run(make_study(**keys), store, tmp_path, **options)["tensors"]
    bound = run(make_study(clip_norm=0.05, **keys), store, tmp_path, **options)["tensors"]

    def moved(other):
        names = [name for name in begin if name.endswith(("weight", "bias"))]
        return sum(float(((begin[name] - other[name]) ** 2).sum()) for name in names) ** 0.5

    assert moved(free) > 0.01 * 0.1  # the gradient was longer
    assert moved(bound) == pytest.approx(0.01 * 0.05, rel=1e-3)


def test_the_average_is_the_one_written_down():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average, expected = Average(0.5), None
    for step in range(1, 6):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.randn_like(parameter)
        model(torch.randn(4, 2))
        now = torch.cat([value.flatten() for value in model.state_dict().values() if value.is_floating_point()]).clone()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = now if expected is None else decay * expected + (1 - decay) * now
        average.update({name: p.detach() for name, p in model.named_parameters()}, model, step)
    average.apply(model)
    found = torch.cat([value.flatten() for value in model.state_dict().values() if value.is_floating_point()])
    torch.testing.assert_close(found, expected)


def test_the_average_is_what_is_evaluated(make_study, store, tmp_path):
    keys = {**GENTLE, "lr": 0.01}
    last = run(make_study(**keys), store, tmp_path)
    mean = run(make_study(ema_decay=0.999, **keys), store, tmp_path)
    assert last["curve"] == mean["curve"] and last["metrics"] != mean["metrics"]


@pytest.mark.parametrize("name", ["ddp", "deepspeed"])
def test_mixed_precision_is_the_same_under_every_strategy(make_study, store, tmp_path, name):
    study = make_study(precision="bf16", zero_stage=3, **GENTLE)
    options = {"dtype": torch.float32}
    alone = run(study, store, tmp_path, **options)
    assert distance(alone, run(study, store, tmp_path, name=name, **options)) < 1e-6
    assert distance(alone, run(make_study(**GENTLE), store, tmp_path, **options)) > 1e-5  # it is another precision


def test_a_precision_that_would_not_train_is_refused(make_study, store, tmp_path, monkeypatch):
    from dynconv.engine import strategy
    from dynconv.engine.zero import Zero

    monkeypatch.setattr(strategy, "choose_precision", lambda wanted, device: "fp16")
    with pytest.raises(DynconvError, match="fp16 does not train under deepspeed with zero_stage 1; valid: "):
        Zero(World(), torch.device("cpu"), Recipe(zero_stage=1))


def channels_last(study, store, out, stage):
    from dynconv.engine.setup import Setup

    built = Setup.build
    Setup.build = lambda self, *args: built(self, *args).to(memory_format=torch.channels_last)
    return train(study, "digits", "vanilla", store, out, "deepspeed", dtype=torch.float32)["cause"]


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_deepspeed_takes_networks_in_channels_last(make_study, store, tmp_path, stage):
    study = make_study(zero_stage=stage, epochs=1, **GENTLE)
    assert in_ranks(2, channels_last, study, store, tmp_path, stage) == [None, None]


@pytest.mark.parametrize(
    "variant", ["vanilla", "hard_attention", "soft_local", "soft_global", "odconv", "odconv_static"]
)
def test_compiled_once_and_never_again_after_the_first_epoch(monkeypatch, variant):
    # The graphs are traced and guarded for real and then run as they are: that needs no C++ compiler.
    monkeypatch.setattr(compiler, "BACKEND", "aot_eager")
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    model = models.build(variant, ndim=1, in_channels=1, num_classes=2, width=0.125)
    strategy = Single(World(), torch.device("cpu"), Recipe(compile=True, lr=0.01))
    strategy.attach(model, 1, None)
    seen = []
    for epoch in range(3):
        for size in (7, 7, 6):  # the two sizes of an epoch's batches
            models.anneal(model, temperature=30.0 / (epoch + 1), fraction=epoch / 3)
            models.give_keys(model, torch.randint(2**60, (size,)))
            logits = strategy.model(torch.randn(size, 1, 40))
            strategy.backward(logits.square().mean() + models.auxiliary_loss(model))
            strategy.step(0.01)
        seen.append((counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())))
    assert seen[0] == seen[1] == seen[2] == (2, 0)  # one graph a size, without a break


def train_traced(*args, **options):
    compiler.BACKEND = "aot_eager"
    return train(*args, **options)


@pytest.mark.parametrize(("name", "stage"), [("ddp", 0), ("deepspeed", 1), ("deepspeed", 3)])
def test_compiled_on_many_processes(make_study, store, tmp_path, name, stage):
    keys = {**GENTLE, "epochs": 1, "batch_size": 12, "zero_stage": stage}
    options = {"dtype": torch.float32}
    plain = run(make_study(**keys), store, tmp_path, "hard_attention", 2, name, **options)
    study = make_study(compile=True, **keys)
    fast, *_ = in_ranks(2, train_traced, study, "ucr/GunPoint", "hard_attention", store, tmp_path, name, **options)
    assert distance(plain, fast) < 1e-4


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_it_computes_the_same(make_study, store, tmp_path):
    plain = run(make_study(epochs=1, **GENTLE), store, tmp_path, "hard_attention", dtype=torch.float32)
    fast = run(make_study(epochs=1, compile=True, **GENTLE), store, tmp_path, "hard_attention", dtype=torch.float32)
    assert distance(plain, fast) < 1e-3  # sums are fused, so they are rounded otherwise


def test_without_a_compiler_the_key_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DynconvError, match=r"compile: needs a C\+\+ compiler"):
        compiler.compile_module(torch.nn.Linear(1, 1), torch.device("cpu"))


def test_a_fraction_of_a_small_split_makes_the_batch(make_study, store, tmp_path):
    # The toy has 12 series: two batches of 6 an epoch where 64 would be one of 12.
    fraction = run(make_study(**GENTLE | {"batch_size": 64, "batch_fraction": 0.1}), store, tmp_path / "a")
    plain = run(make_study(**GENTLE | {"batch_size": 8}), store, tmp_path / "b")
    assert distance(fraction, plain) == 0
    assert distance(fraction, run(make_study(**GENTLE | {"batch_size": 64}), store, tmp_path / "c")) > 0
