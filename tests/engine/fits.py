"""Short trainings in float64, where only a mistake is larger than rounding: run by `ranks.in_ranks`."""

import torch

from dynconv.data.batches import Batches
from dynconv.engine.checkpoint import Checkpoints, fill
from dynconv.engine.evaluate import evaluate
from dynconv.engine.loop import fit
from dynconv.engine.progress import Progress
from dynconv.engine.setup import setup
from dynconv.engine.shares import Shares
from dynconv.engine.state import State
from dynconv.engine.strategy import choose
from dynconv.engine.world import find
from dynconv.models.layers.batch_norm import BatchNorm1d, BatchNorm2d
from dynconv.stopping import Stop, Stopped


class After(Stop):
    """SIGUSR2 is there when training looks for the `looks`-th time."""

    def __init__(self, looks):
        self.looks = looks

    @property
    def asked(self):
        self.looks -= 1
        return 12 if self.looks < 0 else None


class Cast(Batches):
    """Batches of another floating-point type."""

    dtype = torch.float64

    def get(self, ids):
        x, y = super().get(ids)
        return x.to(self.dtype), y

    def augmented(self, *args, **options):
        x, y = super().augmented(*args, **options)
        return x.to(self.dtype), y


BATCH_NORMS = (BatchNorm1d, BatchNorm2d)


def remove(module, kinds):
    """Take the layers of these kinds out of a network."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kinds):
                setattr(parent, name, torch.nn.Identity())


def train(study, dataset, variant, store, out, name="auto", *, dtype=torch.float64, seed=0, stop=None, without=()):
    """Train and evaluate; returns losses by epoch, test metrics, predictions, and the tensors at the end.

    `stop`: a signal comes before that step of this start; `without`: kinds of layers that the network is to lack.
    """
    world = find()
    place = setup(study, dataset, store, "cpu", 1, world)
    recipe, meta = place.recipe, place.meta
    strategy = choose(name, world)(world, place.device, recipe)
    with strategy:
        torch.manual_seed(seed)
        module = place.build(study, variant).to(dtype)
        remove(module, without)
        train = Cast(place.train, meta, "cpu")
        test = Cast(place.judge, meta, "cpu")
        train.dtype = test.dtype = dtype
        shares = Shares(len(train), recipe.batch(len(train)), recipe.drop_last, recipe.accumulate, world)
        checkpoints = Checkpoints(out, "test")
        content, said = checkpoints.load(world)
        state = State(recipe, shares.steps)
        if content:
            fill(module, content)
            state.restore(content["state"], place.device)
        strategy.attach(module, recipe.accumulate, content and content["optimizer"])
        progress = Progress(recipe.epochs, shares.steps, 1, state.step, None)
        stop = Stop() if stop is None else After(stop)
        try:
            cause = fit(state, place.task, train, recipe, seed, strategy, shares, checkpoints, progress, stop)
        except Stopped as stopped:
            return {"stopped": str(stopped), "said": said}
        optimizer = strategy.optimizer_state()
        parameters = {key: value.clone() for key, value in strategy.parameters().items()}
        model = strategy.plain()
        if state.average is not None:
            state.average.apply(model)
        metrics, predictions = evaluate(model, place.task, test, 8, strategy)
        tensors = dict(model.named_buffers()) | parameters
        tensors |= {f"{slot}/{key}": v for slot, each in optimizer["slots"].items() for key, v in each.items()}
        return {
            "cause": cause,
            "curve": {(row["epoch"], row["metric"]): row["value"] for row in state.metrics},
            "metrics": metrics,
            "predictions": predictions,
            "tensors": {key: value.numpy() for key, value in tensors.items()},
            "said": said,
        }


def distance(a, b):
    """The largest difference of two results: of curves and metrics, and of tensors relative to their largest value."""
    numbers = [abs(a[kind][key] - b[kind][key]) for kind in ("curve", "metrics") for key in a[kind]]
    assert a["curve"].keys() == b["curve"].keys() and a["tensors"].keys() == b["tensors"].keys()
    pairs = [(value, b["tensors"][key]) for key, value in a["tensors"].items()]
    tensors = [abs(v - w).max() / max(1.0, abs(v).max()) for v, w in pairs if v.size]
    return max(*numbers, *map(float, tensors))
