"""The mean and the standard deviation of bytes are exact, whatever the size of an example and its void pixels."""

import math
from fractions import Fraction

import numpy as np
import pytest

from dynconv.data.base import VOID
from dynconv.data.masks import highest_class
from dynconv.data.moments import Moments
from dynconv.errors import DynconvError


def exact(values):
    """Mean and standard deviation in whole numbers until the last division."""
    count, total, squares = len(values), sum(values), sum(value * value for value in values)
    return float(Fraction(total, count)), math.sqrt(Fraction(squares * count - total * total, count * count))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 300, 300)])
@pytest.mark.parametrize("masked", [False, True])
def test_bytes_are_summed_exactly(shape, masked):
    random, moments = np.random.default_rng(0), Moments()
    images = random.integers(200, 256, (2, *shape), dtype=np.uint8)  # large squares: sums beyond 32 bits at 300x300
    masks = random.choice([0, 1, VOID], (2, *shape[1:])).astype(np.uint8)
    masks[:, 0, 0] = 0
    for image, mask in zip(images, masks, strict=True):
        moments.add(image, mask if masked else np.asarray(1))
    known = masks != VOID if masked else np.ones_like(masks, dtype=bool)
    for channel, mean, std in zip(range(shape[0]), *moments.result(), strict=True):
        expected_mean, expected_std = exact(images[:, channel][known].tolist())
        assert mean == pytest.approx(expected_mean, rel=1e-15)
        assert std == pytest.approx(expected_std or 1.0, rel=1e-12)


def test_a_block_of_the_largest_bytes_does_not_overflow():
    moments = Moments()
    moments.add(np.full((1, 512, 512), 255, dtype=np.uint8), np.asarray(0))
    assert moments.result() == ((255.0,), (1.0,))


def test_series_are_summed_in_float64():
    moments, random = Moments(), np.random.default_rng(0)
    series = random.normal(1e3, 1, (4, 2, 50)).astype(np.float32)
    for one in series:
        moments.add(one, np.asarray(0))
    wide = series.astype(np.float64)
    assert np.allclose(moments.result(), [wide.mean((0, 2)), wide.std((0, 2))], rtol=1e-9)


def test_nothing_but_void_has_no_mean():
    moments = Moments()
    moments.add(np.zeros((1, 2, 2), dtype=np.uint8), np.full((2, 2), VOID, dtype=np.uint8))
    with pytest.raises(DynconvError, match="nothing but void"):
        moments.result()


@pytest.mark.parametrize(
    ("mask", "highest"), [([[0, 3], [VOID, 1]], 3), ([[VOID, VOID]], -1), ([[254, VOID]], 254), ([[0, 0]], 0)]
)
def test_the_highest_class_leaves_void_out(mask, highest):
    assert highest_class(np.array(mask, dtype=np.uint8)) == highest
