"""From a network and its data to the outcome of the run: training, evaluation, and what it cost."""

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dynconv.data.batches import Batches
from dynconv.engine import provenance
from dynconv.engine.checkpoint import Checkpoints, fill
from dynconv.engine.diagnostics import Diagnostics
from dynconv.engine.energy import Meter
from dynconv.engine.evaluate import evaluate
from dynconv.engine.loop import fit
from dynconv.engine.progress import Progress
from dynconv.engine.setup import Setup
from dynconv.engine.shares import Shares
from dynconv.engine.shown import Shown
from dynconv.engine.state import State
from dynconv.engine.strategy import Strategy
from dynconv.models.macs import count as count_macs
from dynconv.stopping import Stop, Stopped
from dynconv.study import RunKey, Study


class Result(NamedTuple):
    """What training and evaluation have found."""

    outcome: dict[str, Any]  # columns of the row
    metrics: list[dict[str, Any]]
    predictions: dict[str, list[Any]]
    diagnostics: list[dict[str, Any]]
    masks: list[dict[str, Any]]


@dataclass(frozen=True)
class Training:
    """One run to be trained and evaluated by this process and those of its world."""

    study: Study
    key: RunKey
    place: Setup
    strategy: Strategy
    checkpoints: Checkpoints
    say: Callable[[str], None] | None  # None: this process does not speak
    stop: Stop
    board: Path | None
    diagnose: bool  # look at what the layers do (`dynconv.engine.diagnostics`)
    show: bool  # keep what a few test examples look like to the network (`dynconv.engine.shown`)

    def run(self) -> Result:
        """Train and evaluate; where the GPU's memory is too small, in more and smaller micro-batches.

        The global batch stays; batch normalisation then takes its statistics from fewer examples at a time.

        Raises:
            Stopped: `stop` was asked for; or memory was too small, which many processes can only deal with by a new
                start.
        """
        many, checkpoints = self.place.world.size > 1, self.checkpoints
        accumulate = checkpoints.accumulate(_shares(self.place, self.place.recipe.accumulate))
        while True:
            shares = _shares(self.place, accumulate)
            try:
                return self._attempt(shares)
            except torch.OutOfMemoryError as error:
                accumulate *= 2
                if not shares.can_be(accumulate):
                    raise  # one example at a time is too much
                checkpoints.note(_shares(self.place, accumulate).largest)
                if many:
                    raise _anew(accumulate) from error
            except RuntimeError as error:  # a lost connection: has another process run out of memory?
                if many and _told_to_halve(checkpoints, shares):
                    raise _anew(shares.for_at_most(checkpoints.noted())) from error
                raise
            self._tell(f"out of GPU memory: continues with {accumulate} micro-batches a step")
            gc.collect()  # only here, outside of `except`: the error's traceback held the tensors of the step
            torch.cuda.empty_cache()

    def _attempt(self, shares: Shares) -> Result:
        place, strategy, key = self.place, self.strategy, self.key
        task, recipe, device, world = place.task, place.recipe, place.device, place.world
        accumulate = shares.accumulate
        content, lines = self.checkpoints.load(world)
        for line in lines:
            self._tell(line)
        torch.manual_seed(key.seed)
        module = place.build(self.study, key.variant)
        state = State(recipe, shares.steps, Meter(device))
        if content:
            fill(module, content)
            state.restore(content["state"], device)
        params = sum(p.numel() for p in module.parameters() if p.requires_grad)
        data = Batches(place.train, place.meta, device)
        diagnostics = None
        if self.diagnose:
            diagnostics = Diagnostics(module, task, data, recipe, key.seed, shares, strategy, self._tell)
        strategy.attach(module, accumulate, content and content["optimizer"])
        provenance.reset_peak_memory(device)
        progress = Progress(recipe.epochs, shares.steps, shares.seen / shares.steps, state.step, self.say, self.board)
        try:
            cause = fit(
                state,
                task,
                data,
                recipe,
                key.seed,
                strategy,
                shares,
                self.checkpoints,
                progress,
                self.stop,
                diagnostics,
            )
        finally:
            progress.close()
        state.account(world)
        outcome: dict[str, Any] = {
            "params": params,
            "epochs": state.step // shares.steps,
            "steps": state.step,
            "accumulate": accumulate,
            "train_s": state.train_s,
            "data_wait_s": state.data_wait_s,
            "samples_per_s": state.step / shares.steps * shares.seen / max(state.train_s, 1e-9),
            "peak_memory_bytes": world.most([provenance.peak_memory_bytes(device)])[0],
            "energy_j": state.energy_j,
            "diagnostics_s": state.diagnostics_s,
        }
        if cause:
            return self._failed(cause, outcome, state)
        model = strategy.plain()
        if state.average is not None:
            state.average.apply(model)
        batch = max(1, shares.batch_size // (accumulate * world.size))
        judge, masks = Batches(place.judge, place.meta, device), []
        if self.show:
            with Shown(model, task, place.judge, len(place.meta["classes"]), self._tell) as shown:
                metrics, predictions = evaluate(model, task, judge, batch, strategy, shown)
            masks = shown.gathered(world)
        else:
            metrics, predictions = evaluate(model, task, judge, batch, strategy)
        if not all(map(math.isfinite, metrics.values())):  # the last step can be the one that diverges
            names = ", ".join(name for name, value in metrics.items() if not math.isfinite(value))
            return self._failed(
                f"{names} of the {place.judge_name} split is NaN or infinite after the last step", outcome, state
            )
        macs = count_macs(model, tuple(place.meta["shape"]), metrics.get("executed_fraction"))
        outcome |= {"status": "ok", "macs": macs.executed, "macs_theoretical": macs.theoretical, **metrics}
        final = [
            {"split": place.judge_name, "epoch": recipe.epochs, "step": state.step, "metric": name, "value": value}
            for name, value in metrics.items()
        ]
        return Result(outcome, state.metrics + final, predictions, state.diagnostics, masks)

    def _failed(self, cause: str, outcome: dict[str, Any], state: State) -> Result:
        self._tell(f"failed: {cause}")
        return Result(outcome | {"status": "failed", "failure": cause}, state.metrics, {}, state.diagnostics, [])

    def _tell(self, line: str) -> None:
        if self.say:
            self.say(line)


def _told_to_halve(checkpoints: Checkpoints, shares: Shares, seconds: float = 5.0) -> bool:
    """Has another process noted that these micro-batches are too large?  Its file may take a moment to be seen."""
    until = time.monotonic() + seconds
    while checkpoints.noted() >= shares.largest:
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def _anew(accumulate: int) -> Stopped:
    return Stopped(f"out of GPU memory: the next start takes {accumulate} micro-batches a step")


def _shares(place: Setup, accumulate: int) -> Shares:
    recipe, n = place.recipe, len(place.train.x)
    return Shares(n, recipe.batch(n), recipe.drop_last, accumulate, place.world)
