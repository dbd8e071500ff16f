"""Each example counts once, and is predicted once, with more processes than examples, too."""

import pytest
import torch
from fits import Cast
from ranks import in_ranks

from dynconv.data.store import Split
from dynconv.engine.evaluate import evaluate
from dynconv.engine.setup import setup
from dynconv.engine.strategy import choose
from dynconv.engine.world import find


def evaluated(study, dataset, store, examples, batch):
    world = find()
    place = setup(study, dataset, store, "cpu", 1, world)
    strategy = choose("auto", world)(world, place.device, place.recipe)
    test = Split(*(array[:examples] for array in place.judge))
    with strategy:
        torch.manual_seed(0)
        module = place.build(study, "hard_attention").double()
        return evaluate(module, place.task, Cast(test, place.meta, "cpu"), batch, strategy)


@pytest.mark.parametrize("dataset", ["ucr/GunPoint", "shapes_voc"])
@pytest.mark.parametrize(("examples", "batch", "size"), [(2, 8, 3), (4, 1, 3), (3, 1, 2)])
def test_every_example_once(make_study, store, dataset, examples, batch, size):
    study = make_study()
    ((metrics, predictions),) = in_ranks(1, evaluated, study, dataset, store, examples, examples)
    assert predictions["example_id"] == list(range(examples)) and "executed_fraction" in metrics
    results = in_ranks(size, evaluated, study, dataset, store, examples, batch)
    for rank, (shared, own) in enumerate(results):
        assert shared == pytest.approx(metrics, abs=1e-12)
        assert own.keys() == (set() if rank else predictions.keys())
    for name, values in predictions.items():
        if name == "confidence":
            assert results[0][1][name] == pytest.approx(values, abs=1e-12)
        else:
            assert results[0][1][name] == values
