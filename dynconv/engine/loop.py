"""The training loop: reads top to bottom, and is the same for every variant, task and strategy."""

import time

import torch

from dynconv import keyed, models
from dynconv.data.batches import Batches
from dynconv.engine.checkpoint import Checkpoints
from dynconv.engine.diagnostics import Diagnostics
from dynconv.engine.gradients import gradients
from dynconv.engine.optim import temperature
from dynconv.engine.progress import Progress
from dynconv.engine.shares import Shares
from dynconv.engine.state import State
from dynconv.engine.strategy import Strategy
from dynconv.stopping import Stop, Stopped
from dynconv.study import Recipe
from dynconv.tasks import Task


def fit(
    state: State,
    task: Task,
    data: Batches,
    recipe: Recipe,
    seed: int,
    strategy: Strategy,
    shares: Shares,
    checkpoints: Checkpoints,
    progress: Progress,
    stop: Stop,
    diagnostics: Diagnostics | None = None,
) -> str | None:
    """Train `state` to the end of the recipe; return None, or the cause if the loss became NaN or infinite.

    Order, augmentation and noise are functions of (seed, epoch, example), so a resumed run, or one on more processes,
    sees what an uninterrupted one would have seen.  A checkpoint is written every `recipe.checkpoint_every_s` seconds.

    Raises:
        Stopped: `stop` was asked for in one of the processes; what is done by then is in the checkpoint.
    """
    world, device, module = strategy.world, strategy.device, strategy.module
    steps = shares.steps
    total = steps * recipe.epochs
    clock = saved = time.perf_counter()
    kept = state.step  # steps that the checkpoint holds
    strategy.model.train()
    for epoch in range(state.step // steps, recipe.epochs):
        order = keyed.permutation(seed, epoch, len(data), data.index_device)
        for parts in shares.of_epoch(order)[state.step - epoch * steps :]:
            # Between steps, not after one: by then the end of an epoch has been dealt with.
            now = time.perf_counter()
            # Looked at once: a signal that comes while this saves waits for the next step.
            asked, due = world.most([stop.asked or 0, state.step > 0 and now - saved >= recipe.checkpoint_every_s])
            if state.step and (asked or due) and bool(state.meet(world).isfinite().all()):  # a poisoned state is
                state.train_s += now - clock  # never saved: a resume would repeat the failure for ever
                clock = saved = now
                checkpoints.save(state, strategy)
                kept = state.step
            if asked:
                raise Stopped.after(state.step, asked, checkpoints.path if kept else None)

            # Whatever else draws random numbers (dropout in a variant of one's own) repeats itself after a resume.
            torch.manual_seed(keyed.whole(f"{seed}/{state.step}/{world.rank}"))
            share = min(1.0, state.step / total)
            models.anneal(module, temperature=temperature(recipe, state.step, steps), fraction=share)
            begun = time.perf_counter()
            ids = torch.cat([part.ids for part in parts])
            x, y = data.augmented(ids, recipe.augment, seed=seed, epoch=epoch, task=task.name)
            keys = keyed.keys(seed, epoch, ids.to(device), "noise")
            waited = time.perf_counter() - begun
            sums = gradients(strategy, task, recipe, parts, x, y, keys)
            lr = state.schedule.lr(state.step)
            strategy.step(lr)
            state.shares.append(sums)
            state.step += 1
            state.data_wait_s += waited
            if state.average is not None:
                state.average.update(strategy.parameters(), module, state.step)
            progress.step(state.step, waited)

        sums = state.meet(world)
        if not bool(sums.isfinite().all()):  # one look at the device an epoch, not one a step
            first = int((~sums.isfinite().all(1)).nonzero()[0])
            state.train_s += time.perf_counter() - clock
            return f"loss became NaN or infinite in epoch {epoch + 1}, step {epoch * steps + first + 1} (lr {lr:.4g})"
        values = {"loss": (sums[:, 0].sum() / sums[:, 1].sum()).item(), "lr": lr}
        if bool(sums[:, 2].any()):
            values["auxiliary_loss"] = sums[:, 2].mean().item()
        for name, value in values.items():
            row = {"split": "train", "epoch": epoch + 1, "step": state.step, "metric": name, "value": value}
            state.metrics.append(row)
        state.sums.clear()
        state.schedule.end_epoch(values["loss"])
        progress.epoch(epoch + 1, state.step, values)
        if diagnostics is not None:
            clock += diagnostics.after(epoch + 1, state, strategy)  # seconds that are none of the training's
    models.anneal(module, temperature=recipe.temperature_end, fraction=1.0)
    state.train_s += time.perf_counter() - clock
    return None
