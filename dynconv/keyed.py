"""Random numbers that are a function of (seed, epoch, example, stream) and of nothing else.

A counter-based generator: every number is the hash of its key, so that what happens to an example depends neither on
its batch nor on the order of arrival, the number of workers or the device.  The hash is the finaliser of SplitMix64
(Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators), in int64 arithmetic that wraps around;
integer operations give the same bits on a CPU and a GPU.
"""

import hashlib

import torch

_GOLDEN = 0x9E3779B97F4A7C15  # SplitMix64's increment, 2**64 / golden ratio
_FACTORS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(seed: int, epoch: int, ids: torch.Tensor, stream: str, n: int) -> torch.Tensor:
    """`n` numbers for each example: float32 [B, n] in [0, 1), multiples of 2**-24, on the device of `ids`.

    Args:
        seed: of the run.
        epoch: of the training.
        ids: int64 [B], the examples' places in the training split.
        stream: what the numbers are for; different names give independent numbers.
        n: numbers an example.
    """
    return draw(keys(seed, epoch, ids, stream), n)


def permutation(seed: int, epoch: int, n: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """A random order of `n` examples: int64 [n], the places of their keyed hashes when sorted."""
    return keys(seed, epoch, torch.arange(n, device=device), "order").argsort(stable=True)


def keys(seed: int, epoch: int, ids: torch.Tensor, stream: str) -> torch.Tensor:
    """One key for each example, int64 [B]: what `draw` makes its numbers of.  Arguments as of `uniform`."""
    return fold(_mix(ids * _signed(_GOLDEN)), whole(f"{seed}/{epoch}/{stream}"))


def fold(keys: torch.Tensor, number: int) -> torch.Tensor:
    """Other keys of the same examples, int64 [B]: independent ones for each `number`."""
    return _mix(keys + number)


def draw(keys: torch.Tensor, n: int) -> torch.Tensor:
    """`n` numbers for each of `keys` (int64 [B]): float32 [B, n] in [0, 1), multiples of 2**-24."""
    return _shift(bits(keys, n), 40).to(torch.float32) * 2.0**-24


def bits(keys: torch.Tensor, n: int) -> torch.Tensor:
    """`n` random numbers of 64 bits for each of `keys`: int64 [B, n]."""
    return torch.ops.dynconv.bits(keys, n)


def _bits(keys: torch.Tensor, n: int) -> torch.Tensor:
    counters = torch.arange(1, n + 1, device=keys.device)
    return _mix(keys[:, None] + counters * _signed(_GOLDEN))


# An operator of its own, which torch.compile calls as it is: what torch 2.14 makes of these integers with the vector
# instructions of a CPU writes over memory that is not its own.  (`torch.library.custom_op` imports the whole compiler.)
_LIBRARY = torch.library.Library("dynconv", "DEF")
_LIBRARY.define("bits(Tensor keys, int n) -> Tensor")
_LIBRARY.impl("bits", _bits, "CompositeExplicitAutograd")
torch.library.register_fake("dynconv::bits", lambda keys, n: keys.new_empty(len(keys), n), lib=_LIBRARY)


def whole(text: str) -> int:
    """A number for a text, any of 64 bits: to seed a generator with, or to fold."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _mix(z: torch.Tensor) -> torch.Tensor:
    z = (z ^ _shift(z, 30)) * _signed(_FACTORS[0])
    z = (z ^ _shift(z, 27)) * _signed(_FACTORS[1])
    return z ^ _shift(z, 31)


def _shift(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical shift to the right: torch's own keeps the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
