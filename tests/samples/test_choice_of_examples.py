"""What stands on a sheet is what the store holds and what the training sees."""

import numpy as np
import pytest
import torch
from sheets import DATASETS

from dynconv.data import Spec, open_store
from dynconv.data.batches import Batches
from dynconv.data.writer import Writer
from dynconv.engine import samples
from dynconv.errors import DynconvError


def rows_of(study, data, dataset):
    found = samples.sheet(study, dataset, data)
    return found, open_store(data / dataset, dataset)


@pytest.mark.parametrize("dataset", DATASETS)
def test_rows_are_stored_examples_of_different_classes(make_study, data, dataset):
    sheet, store = rows_of(make_study(), data, dataset)
    assert len({row.label for row in sheet.rows}) == len({row.id for row in sheet.rows}) == len(sheet.rows) > 1
    for row in sheet.rows:
        assert (row.stored.x == store.train.x[row.id]).all()
        if row.stored.mask is None:
            assert store.train.y[row.id] == row.label and row.label not in store.train.y[: row.id]
        else:
            assert (row.stored.mask == store.train.y[row.id]).all() and row.label in row.stored.mask


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_others_are_what_the_first_seed_trains_on(make_study, data, dataset):
    study = make_study()
    sheet, store = rows_of(study, data, dataset)
    task, meta, assertion = store.meta["task"], store.meta, np.testing.assert_allclose
    batches, ids = Batches(store.train, meta, "cpu"), torch.tensor([row.id for row in sheet.rows])
    assert sheet.steps == study.recipe(dataset, task).augment and sheet.seed == 3
    changed = 0
    for epoch in range(samples.BESIDE):
        x, y = batches.augmented(ids, sheet.steps, seed=3, epoch=epoch, task=task)
        for place, row in enumerate(sheet.rows):
            shown, seen = row.others[epoch], x[place].numpy()
            if shown.x.dtype == np.uint8:
                seen = seen * np.array(meta["std"])[:, None, None] + np.array(meta["mean"])[:, None, None]
                assertion(shown.x, seen, atol=0.5 + 1e-3)
                assert shown.mask is None or (shown.mask == y[place].numpy()).all()
            else:
                assertion(shown.x, seen)
            changed += not np.array_equal(shown.x, row.stored.x)
    assert changed > len(sheet.rows)


@pytest.mark.parametrize("dataset", DATASETS)
def test_without_augmentation_further_examples_are_shown(make_study, data, dataset):
    sheet, store = rows_of(make_study(augment={}), data, dataset)
    shown = [example for row in sheet.rows for example in (row.stored, *row.others)]
    assert sheet.steps == () and len(shown) > 2 * len(sheet.rows)
    arrays = {array.tobytes() for array in store.train.x}
    assert all(example.x.tobytes() in arrays for example in shown)
    assert len({example.x.tobytes() for example in shown}) == len(shown)
    for row in sheet.rows:
        assert all(example.mask is None or row.label in example.mask for example in row.others)


def test_classes_are_spread_over_those_that_occur(make_study, data):
    assert [row.label for row in samples.sheet(make_study(), "digits", data).rows] == [0, 3, 6, 9]


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([{0, 1}, {0, 1}, {0, 2}], [(1, 0), (2, 2)]),  # 0, the background, is everywhere
        ([{0, 1}, {0, 1, 2}, {0, 1}], [(2, 1)]),
        ([{1}, {1}], [(1, 0)]),  # one class is better than none
        ([{255, 0}, {255}], [(0, 0)]),  # void is no class
        ([{0, 1, 2}, {1, 2}], [(0, 0)]),
    ],
)
def test_an_image_stands_for_one_of_its_classes(make_study, tmp_path, masks, expected):
    spec = Spec("segmentation", "t", "s", "l", "c", "r")
    with Writer(tmp_path / "shapes_voc", "shapes_voc", spec) as writer:
        writer.describe("abc", [])
        examples = []
        for values in masks:
            y = np.resize(sorted(values), (4, 4)).astype(np.uint8)
            examples.append((np.zeros((3, 4, 4), np.uint8), y))
        writer.split("train", examples)
        writer.split("test", examples)
    sheet = samples.sheet(make_study(), "shapes_voc", tmp_path)
    assert [(row.label, row.id) for row in sheet.rows] == expected


def test_a_class_of_one_example_has_no_further_one(make_study, tmp_path):
    spec = Spec("timeseries", "t", "s", "l", "c", "r")
    series = [(np.full((1, 5), n, np.float32), n) for n in (0, 1, 1)]
    with Writer(tmp_path / "ucr/GunPoint", "ucr/GunPoint", spec) as writer:
        writer.describe("ab", [])
        writer.split("train", series)
        writer.split("test", series)
    sheet = samples.sheet(make_study(augment={}), "ucr/GunPoint", tmp_path)
    assert [len(row.others) for row in sheet.rows] == [0, 1]


def test_missing_data_are_one_line(make_study, tmp_path):
    with pytest.raises(DynconvError, match=r"digits/meta\.json: no such file; make it with `dynconv prepare`"):
        samples.sheet(make_study(), "digits", tmp_path)
