"""Learning rates against torch's own schedulers; the temperature against its definition."""

import copy
import itertools
import subprocess
import sys

import pytest
import torch

from dynconv.engine.optim import Schedule, build_optimizer, temperature
from dynconv.study import Recipe

STEPS = 5


def torch_rates(make, recipe, epochs, losses=None):
    """The rates of a torch scheduler that is stepped once a step (or once an epoch, with the epoch's loss)."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], recipe.lr)
    scheduler, rates = make(optimizer), []
    for epoch in range(epochs):
        for _ in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if losses is None:
                scheduler.step()
        if losses is not None:
            scheduler.step(losses[epoch])
    return rates


def our_rates(recipe, epochs, losses=None):
    schedule, rates = Schedule(recipe, STEPS), []
    for epoch in range(epochs):
        rates += [schedule.lr(epoch * STEPS + step) for step in range(STEPS)]
        schedule.end_epoch(losses[epoch] if losses else 0.0)
    return rates


def test_cosine():
    recipe = Recipe(epochs=4, lr=0.3, min_lr=0.01)
    peer = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 4 * STEPS, 0.01), recipe, 4)
    assert our_rates(recipe, 4) == pytest.approx(peer)


def test_step():
    recipe = Recipe(epochs=6, lr=0.3, schedule="step", step_epochs=[2, 4], step_factor=0.2)
    peer = torch_rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2 * STEPS, 4 * STEPS], 0.2), recipe, 6)
    assert our_rates(recipe, 6) == pytest.approx(peer)


def test_plateau():
    recipe = Recipe(epochs=12, lr=0.3, schedule="plateau", plateau_factor=0.5, plateau_patience=2, min_lr=0.1)
    losses = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3]
    peer = torch_rates(
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=0, min_lr=0.1),
        recipe,
        12,
        losses,
    )
    assert our_rates(recipe, 12, losses) == pytest.approx(peer)


def test_warm_up_rises_to_the_peak_and_no_further():
    rates = our_rates(Recipe(epochs=4, lr=0.3, schedule="constant", warmup_epochs=1), 2)
    assert rates[0] > 0 and rates[:STEPS] == sorted(rates[:STEPS])
    assert rates[STEPS:] == [0.3] * STEPS and max(rates[:STEPS]) < 0.3


def test_temperature_falls_linearly_per_iteration():
    recipe = Recipe(epochs=20, temperature_start=30, temperature_epochs=10)
    values = [temperature(recipe, step, STEPS) for step in range(60)]
    assert values[0] == 30 and values[25] == pytest.approx(15.5) and values[50:] == [1.0] * 10
    falls = [a - b for a, b in itertools.pairwise(values[:51])]
    assert falls == pytest.approx([29 / 50] * 50)


def test_a_short_training_still_ends_at_the_last_temperature():
    recipe = Recipe(epochs=3, temperature_epochs=10, temperature_end=2)
    assert temperature(recipe, 3 * STEPS, STEPS) == 2


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_optimisers_take_the_steps_of_torchs_own(kind):
    recipe = Recipe(optimizer=kind, lr=0.03, weight_decay=0.01, momentum=0.8)
    peers = {
        "sgd": lambda p: torch.optim.SGD(p, 0.03, momentum=0.8, weight_decay=0.01, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, 0.03, weight_decay=0.01),
        "adamw": lambda p: torch.optim.AdamW(p, 0.03, weight_decay=0.01),
    }
    torch.manual_seed(0)
    ours = torch.nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    optimizers = build_optimizer(ours, recipe), peers[kind](theirs.parameters())
    for x in torch.randn(6, 4, 5):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            model(x).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert torch.equal(ours.weight, theirs.weight) and ours.weight.requires_grad and ours.weight.grad is None


def test_a_step_imports_no_compiler():
    code = """
import sys, torch
from dynconv.engine.optim import build_optimizer
from dynconv.study import Recipe
model = torch.nn.Linear(2, 2)
optimizer = build_optimizer(model, Recipe())
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_weight_decay_reaches_every_parameter(kind):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    optimizer = build_optimizer(model, Recipe(optimizer=kind, weight_decay=0.02))
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in model.parameters()}
    assert all(group["weight_decay"] == 0.02 for group in optimizer.param_groups)
