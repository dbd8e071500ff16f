"""The training loop: reads top to bottom."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from dynconv import models
from dynconv.data import keyed
from dynconv.data.augment import augment
from dynconv.data.batches import Batches, split_epoch, steps_per_epoch
from dynconv.engine import checkpoint
from dynconv.engine.checkpoint import State
from dynconv.engine.optim import temperature
from dynconv.engine.strategy import Single
from dynconv.stopping import Stop, Stopped
from dynconv.study import Recipe
from dynconv.tasks import Task

_LOG_EVERY_S = 5.0


def fit(
    state: State,
    task: Task,
    data: Batches,
    recipe: Recipe,
    seed: int,
    strategy: Single,
    path: Path,
    identity: str,
    say: Callable[[str], None],
    stop: Stop,
) -> str | None:
    """Train `state` to the end of the recipe; return None, or the cause if the loss became NaN or infinite.

    Order and augmentation are functions of (seed, epoch, example), so a resumed run sees what an uninterrupted one
    would have seen.  `path` receives a checkpoint every `recipe.checkpoint_every_s` seconds.

    Raises:
        Stopped: `stop` was asked for; what is done by then is in `path`.
    """
    n, device, model = len(data), strategy.device, state.model
    steps = steps_per_epoch(n, recipe.batch_size, recipe.drop_last)
    total = steps * recipe.epochs
    clock = time.perf_counter()
    saved = said = clock
    kept = state.step  # steps that the checkpoint holds
    model.train()
    for epoch in range(state.step // steps, recipe.epochs):
        order = keyed.permutation(seed, epoch, n, device)
        batches = split_epoch(order, recipe.batch_size, recipe.drop_last)
        for ids in batches[state.step - epoch * steps :]:
            # Between steps, not after one: by then the end of an epoch has been dealt with.
            now = time.perf_counter()
            asked = stop.asked  # looked at once: a signal that comes while this saves waits for the next step
            due = asked is not None or now - saved >= recipe.checkpoint_every_s
            if state.step and due and _finite(state.sums):
                state.train_s += now - clock
                clock = saved = now
                checkpoint.save(path, state, identity)
                kept = state.step
            if asked is not None:
                then = f"continues from {path}" if kept else "begins anew"
                raise Stopped(f"stopped after step {state.step} on {asked.name}: the next start {then}")

            models.anneal(
                model, temperature=temperature(recipe, state.step, steps), fraction=min(1.0, state.step / total)
            )
            x, y = data.get(ids)
            x, y = augment(x, y, recipe.augment, seed=seed, epoch=epoch, ids=ids, task=task.name)
            count = task.count(y)
            loss_sum = torch.zeros((), device=device)
            extra = torch.zeros((), device=device)
            for part in torch.arange(len(ids), device=device).tensor_split(recipe.accumulate):
                if len(part) == 0:
                    continue
                with strategy.autocast():
                    logits = model(x[part])
                    loss = task.loss_sum(logits, y[part], recipe.label_smoothing)
                    auxiliary = models.auxiliary_loss(model) * (len(part) / len(ids))
                strategy.backward(loss / count + auxiliary)
                loss_sum += loss.detach()
                extra += auxiliary.detach()
            lr = state.schedule.lr(state.step)
            strategy.step(model, state.optimizer, lr)
            state.sums.append(torch.stack([loss_sum, count.to(loss_sum.dtype), extra]).double())
            state.step += 1

        sums = torch.stack(state.sums)
        if not bool(sums.isfinite().all()):  # one look at the device an epoch, not one a step
            first = int((~sums.isfinite().all(1)).nonzero()[0])
            state.train_s += time.perf_counter() - clock
            return f"loss became NaN or infinite in epoch {epoch + 1}, step {epoch * steps + first + 1} (lr {lr:.4g})"
        loss_mean = (sums[:, 0].sum() / sums[:, 1].sum()).item()
        values = {"loss": loss_mean, "lr": lr}
        if bool(sums[:, 2].any()):
            values["auxiliary_loss"] = sums[:, 2].mean().item()
        for name, value in values.items():
            row = {"split": "train", "epoch": epoch + 1, "step": state.step, "metric": name, "value": value}
            state.metrics.append(row)
        state.sums.clear()
        state.schedule.end_epoch(loss_mean)
        if time.perf_counter() - said >= _LOG_EVERY_S or epoch + 1 == recipe.epochs:
            said = time.perf_counter()
            say(f"epoch {epoch + 1}/{recipe.epochs}  loss {loss_mean:.4f}  lr {lr:.3g}")
    models.anneal(model, temperature=recipe.temperature_end, fraction=1.0)
    state.train_s += time.perf_counter() - clock
    return None


def _finite(sums: list[torch.Tensor]) -> bool:
    """A poisoned state is never saved: a resume would repeat the failure for ever."""
    return not sums or bool(torch.stack(sums).isfinite().all())
