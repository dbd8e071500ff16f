"""The masks of a few test examples are kept, whoever evaluates them, and nothing else of the run changes."""

import io

import numpy as np
import pytest
import torch
from fits import Cast
from PIL import Image
from ranks import in_ranks

from dynconv import records, study
from dynconv.data import VOID, open_store
from dynconv.data.chosen import of_test
from dynconv.data.thumbnail import LONGEST
from dynconv.engine import run as run_module
from dynconv.engine import shown
from dynconv.engine.evaluate import evaluate
from dynconv.engine.run import train_run
from dynconv.engine.setup import setup
from dynconv.engine.shown import Shown
from dynconv.engine.strategy import choose
from dynconv.engine.world import find
from dynconv.keep import Keep
from dynconv.models.layers.spatial_mask import masks as units_of

RUN = {"epochs": 1, "lr": 1e-3}


def train(found, dataset, variant, store, out, say=lambda line: None):
    key = study.RunKey(dataset, variant, 0)
    return train_run(found, key, out, store, device_name="cpu", threads=1, toy=True, say=say)


def rows(out):
    file = out / "masks.parquet"
    return records.read("masks", file).to_pylist() if file.exists() else None


def picture(row):
    image = Image.open(io.BytesIO(row["content"]))
    assert image.format == "PNG" and image.mode == "L"
    return np.asarray(image)


@pytest.mark.parametrize(
    ("dataset", "variant", "kinds"),
    [
        ("shapes_voc", "hard_attention", {"mask", "executed"}),
        ("shapes_voc", "vanilla", {"mask"}),
        ("ucr/GunPoint", "hard_attention", {"executed"}),
        ("digits", "hard_attention", {"executed"}),
        ("digits", "vanilla", set()),
    ],
)
def test_a_run_is_bitwise_the_same_without_them(make_study, store, tmp_path, monkeypatch, dataset, variant, kinds):
    found = make_study(**RUN)
    train(found, dataset, variant, store, tmp_path / "with")
    kept = rows(tmp_path / "with")
    assert {row["kind"] for row in kept or ()} == kinds and (kept is None) == (not kinds)
    prepared = open_store(store / dataset, dataset)
    chosen = of_test(prepared.test, len(prepared.meta["classes"]))
    for kind in kinds:
        assert [row["example_id"] for row in kept if row["kind"] == kind] == sorted(chosen)
        assert {row["levels"] for row in kept if row["kind"] == kind} == {
            8 if kind == "executed" else len(prepared.meta["classes"])
        }

    def blind(*arguments):
        return session(*arguments[:-1], False)

    session = run_module.Session
    monkeypatch.setattr(run_module, "Session", blind)
    train(found, dataset, variant, store, tmp_path / "without")
    assert rows(tmp_path / "without") is None
    for name in ("metrics", "predictions", "diagnostics"):
        one, other = (records.read(name, tmp_path / out / f"{name}.parquet") for out in ("with", "without"))
        assert one.equals(other)


def test_masks_are_the_predictions_that_are_counted(make_study, store, tmp_path):
    train(make_study(**RUN), "shapes_voc", "hard_attention", store, tmp_path)
    prepared = open_store(store / "shapes_voc", "shapes_voc")
    table = records.read("predictions", tmp_path / "predictions.parquet").to_pylist()
    masks = [row for row in rows(tmp_path) if row["kind"] == "mask"]
    assert len(masks) > 2
    for row in masks:
        predicted, target = picture(row), prepared.test.y[row["example_id"]]
        assert predicted.shape == target.shape and max(target.shape) <= LONGEST  # shown whole
        assert ((predicted == VOID) == (target == VOID)).all()
        classes = len(prepared.meta["classes"])
        cells = target.astype(int) * classes + predicted
        confusion = np.bincount(cells[target != VOID], minlength=classes**2)
        assert confusion.tolist() == table[row["example_id"]]["confusion"]


def looked(found, dataset, store, batch):
    world = find()
    place = setup(found, dataset, store, "cpu", 1, world)
    strategy = choose("auto", world)(world, place.device, place.recipe)
    with strategy:
        torch.manual_seed(0)
        module = place.build(found, "hard_attention").double()
        with Shown(module, place.task, place.judge, len(place.meta["classes"]), print) as look:
            evaluate(module, place.task, Cast(place.judge, place.meta, "cpu"), batch, strategy, look)
        assert not any(unit._forward_hooks for unit in units_of(module))
        return look.gathered(world)


@pytest.mark.parametrize("dataset", ["ucr/GunPoint", "shapes_voc"])
def test_every_example_once_on_many_processes(make_study, store, dataset):
    found = make_study()
    (alone,) = in_ranks(1, looked, found, dataset, store, 64)
    many = in_ranks(3, looked, found, dataset, store, 2)
    assert many[0] == alone and many[1:] == [[], []]
    keys = [(row["example_id"], row["kind"]) for row in alone]
    assert keys == sorted(set(keys)) and len(keys) >= 2


def test_executed_is_the_sum_of_the_masks(make_study, store):
    found = make_study()
    place = setup(found, "ucr/GunPoint", store, "cpu", 1)
    torch.manual_seed(1)
    module = place.build(found, "hard_attention").eval()
    examples = of_test(place.judge, 2)
    with Shown(module, place.task, place.judge, 2, print) as look:
        x = torch.tensor(np.array(place.judge.x[examples]))
        with torch.no_grad():
            logits = module(x)
        masks = [mask.clone() for mask in look.computed]
        look.look(examples, logits, torch.zeros(len(examples)))
    assert len(masks) == 8 and not look.computed
    for place_of, row in enumerate(look.gathered(find())):
        total = np.zeros(masks[0].shape[2])
        for mask in masks:
            flat = mask[place_of, 0].numpy()
            total += flat[np.arange(len(total)) * len(flat) // len(total)]
        step = -(-len(total) // LONGEST)
        assert picture(row).tolist() == [total[step // 2 :: step].tolist() if step > 1 else total.tolist()]
        assert row["example_id"] == examples[place_of]


def test_a_run_without_predictions_keeps_no_masks_and_removes_older_ones(make_study, store, tmp_path):
    found = make_study(**RUN)
    train(found, "shapes_voc", "vanilla", store, tmp_path)
    assert rows(tmp_path)
    none = found.model_copy(update={"keep": Keep(predictions="none")})
    assert none.run_hash("shapes_voc", "segmentation", "vanilla") == found.run_hash(
        "shapes_voc", "segmentation", "vanilla"
    )
    train(none, "shapes_voc", "vanilla", store, tmp_path)
    assert rows(tmp_path) is None


def test_a_look_that_fails_ends_the_looking_alone(make_study, store, tmp_path, monkeypatch):
    def broken(values):
        raise OSError("no encoder")

    monkeypatch.setattr(shown, "_png", broken)
    lines = []
    assert train(make_study(**RUN), "shapes_voc", "vanilla", store, tmp_path, lines.append)["status"] == "ok"
    assert [line for line in lines if "masks" in line] == [
        "masks: none are kept from here, the run goes on: OSError: no encoder"
    ]
    assert rows(tmp_path) is None
