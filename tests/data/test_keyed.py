"""Keyed random numbers: functions of their key, uniform, independent."""

import pytest
import torch

from dynconv import keyed

IDS = torch.arange(20_000)


def splitmix(z):
    """The published finaliser in Python's unbounded integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def test_the_mixer_is_splitmix64():
    values = [0, 1, 2**63 - 1, 0x9E3779B97F4A7C15, 2**64 - 1]
    mixed = keyed._mix(torch.tensor([value - 2**64 if value >= 2**63 else value for value in values]))
    assert [value % 2**64 for value in mixed.tolist()] == [splitmix(value) for value in values]


def test_same_key_same_numbers_whatever_the_batch():
    whole = keyed.uniform(3, 5, IDS, "flip", 4)
    some = torch.tensor([17, 3, 19_999, 3])
    assert torch.equal(keyed.uniform(3, 5, some, "flip", 4), whole[some])
    assert torch.equal(keyed.uniform(3, 5, some[:1], "flip", 2), whole[17:18, :2])


@pytest.mark.parametrize("key", [(4, 5, "flip"), (3, 6, "flip"), (3, 5, "crop"), (5, 3, "flip")])
def test_other_key_other_numbers(key):
    seed, epoch, stream = key
    a, b = keyed.uniform(3, 5, IDS, "flip", 1)[:, 0], keyed.uniform(seed, epoch, IDS, stream, 1)[:, 0]
    assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 0.03  # 4 standard errors


def test_numbers_are_uniform():
    numbers = keyed.uniform(0, 0, IDS, "x", 8)
    assert numbers.dtype == torch.float32 and numbers.min() >= 0 and numbers.max() < 1
    counts = torch.histc(numbers, 100, 0, 1)
    expected = numbers.numel() / 100
    assert ((counts - expected) ** 2 / expected).sum() < 160  # chi-square, 99 degrees of freedom: p = 1e-4
    corr = torch.corrcoef(numbers.T) - torch.eye(8)
    assert corr.abs().max() < 0.03
    neighbours = torch.corrcoef(torch.stack([numbers[:-1, 0], numbers[1:, 0]]))[0, 1]
    assert abs(neighbours) < 0.03


def test_permutation_is_one_and_changes():
    order = keyed.permutation(0, 0, 1000)
    assert torch.equal(order.sort().values, torch.arange(1000))
    assert torch.equal(order, keyed.permutation(0, 0, 1000))
    for other in (keyed.permutation(0, 1, 1000), keyed.permutation(1, 0, 1000)):
        assert (order == other).sum() < 10  # a random permutation has 1 fixed point on average
    assert torch.equal(keyed.permutation(0, 0, 1), torch.zeros(1, dtype=torch.int64))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_bits():
    assert torch.equal(keyed.uniform(3, 5, IDS.cuda(), "flip", 4).cpu(), keyed.uniform(3, 5, IDS, "flip", 4))
    assert torch.equal(keyed.permutation(3, 5, 100_000, "cuda").cpu(), keyed.permutation(3, 5, 100_000))
