"""Batches of a prepared split, and how an epoch is cut."""

import numpy as np
import pytest
import torch

from dynconv.data import batches
from dynconv.data.augment import augment
from dynconv.data.batches import Batches, split_epoch, steps_per_epoch
from dynconv.data.store import Split
from dynconv.errors import DynconvError

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def test_images_are_normalised_with_the_training_statistics(shapes):
    ids = torch.tensor([5, 0, 5])
    x, y = Batches(shapes.test, shapes.meta, "cpu").get(ids)
    mean, std = (np.array(shapes.meta[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    assert torch.allclose(x, torch.from_numpy((shapes.test.x[ids] - mean) / std).float(), atol=1e-5)
    assert np.array_equal(y.numpy(), shapes.test.y[ids])


def test_series_are_passed_on_as_stored(gunpoint):
    data = Batches(gunpoint.train, gunpoint.meta, "cpu")
    x, y = data.get(torch.arange(50))
    assert len(data) == 50
    assert np.array_equal(x.numpy(), gunpoint.train.x) and np.array_equal(y.numpy(), gunpoint.train.y)


def test_a_batch_may_be_changed_without_changing_the_data(gunpoint):
    data = Batches(gunpoint.train, gunpoint.meta, "cpu")
    data.get(torch.arange(3))[0].zero_()
    assert data.get(torch.arange(3))[0].abs().sum() > 0


NAMES = [[], ["flip"], ["pad_crop", "flip"], ["flip", "scale_crop", "pad_crop"]]
PLACES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, NO_GPU])]


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("names", NAMES)
def test_augmented_has_the_bits_of_augment_after_get(shapes, names, device):
    data, ids = Batches(shapes.train, shapes.meta, device), torch.tensor([7, 3, 119, 3, 60])
    for epoch in range(3):
        key = {"seed": 1, "epoch": epoch, "task": "segmentation"}
        slow, fast = augment(*data.get(ids), names, ids=ids, **key), data.augmented(ids, names, **key)
        for a, b in zip(slow, fast, strict=True):
            assert a.dtype == b.dtype and b.is_contiguous() and torch.equal(a, b)
        assert torch.equal(slow[0].signbit(), fast[0].signbit())  # no negative zeros outside


def test_augmented_in_pieces_has_the_same_bits(shapes, monkeypatch):
    data, ids = Batches(shapes.train, shapes.meta, "cpu"), torch.randperm(120)
    key = {"names": ["scale_crop", "flip"], "seed": 1, "epoch": 2, "task": "segmentation"}
    monkeypatch.setattr(batches, "_PIECE_BYTES", 120 * shapes.train.x[0].size * 4)
    whole = data.augmented(ids, **key)
    monkeypatch.setattr(batches, "_PIECE_BYTES", 50 * shapes.train.x[0].size * 4)
    for a, b in zip(whole, data.augmented(ids, **key), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b)


def test_augmented_blanks_and_passes_series_on(shapes, gunpoint):
    ids = torch.tensor([7, 3])
    labels = Split(shapes.train.x, np.arange(len(shapes.train.x)))
    for split, meta, names, task in (
        (labels, shapes.meta, ["cutout", "pad_crop", "random_resized_crop"], "classification"),
        (gunpoint.train, gunpoint.meta, ["jitter", "shift"], "timeseries"),
    ):
        data, key = Batches(split, meta, "cpu"), {"seed": 1, "epoch": 2, "task": task}
        for a, b in zip(augment(*data.get(ids), names, ids=ids, **key), data.augmented(ids, names, **key), strict=True):
            assert torch.equal(a, b)
        with pytest.raises(DynconvError, match="not a step"):
            data.augmented(ids, ["flop"], **key)


def test_augmented_does_not_depend_on_the_batch(shapes):
    data = Batches(shapes.train, shapes.meta, "cpu")

    def run(ids):
        return data.augmented(torch.tensor(ids), ["pad_crop", "flip"], seed=1, epoch=2, task="segmentation")

    x, y = run([7, 3, 119])
    other_x, other_y = run([119, 40, 7, 3, 0])
    assert torch.equal(x, other_x[[2, 3, 0]]) and torch.equal(y, other_y[[2, 3, 0]])


@pytest.mark.cuda
@NO_GPU
@pytest.mark.parametrize("share", [0.5, 0.0])
def test_on_a_gpu_resident_and_gathered_give_the_same(shapes, share):
    data = Batches(shapes.train, shapes.meta, "cuda", memory_share=share)
    assert data.resident == (share > 0)
    ids = torch.tensor([7, 3, 119])
    for got, expected in zip(data.get(ids), Batches(shapes.train, shapes.meta, "cpu").get(ids), strict=True):
        assert got.is_cuda and torch.allclose(got.cpu(), expected)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 50, 127, 128])
def test_an_epoch_uses_every_example_once_in_nearly_equal_batches(n):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    batches = split_epoch(order, 16)
    sizes = [len(batch) for batch in batches]
    assert torch.equal(torch.cat(batches), order)
    assert max(sizes) <= 16 and max(sizes) - min(sizes) <= 1
    assert len(batches) == steps_per_epoch(n, 16)


def test_drop_last_keeps_full_batches_only():
    batches = split_epoch(torch.arange(50), 16, drop_last=True)
    assert [len(batch) for batch in batches] == [16, 16, 16]
    assert steps_per_epoch(50, 16, drop_last=True) == 3
    with pytest.raises(DynconvError, match="15 examples fill no batch of 16"):
        split_epoch(torch.arange(15), 16, drop_last=True)
