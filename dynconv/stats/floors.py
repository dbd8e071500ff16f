"""The least p that a number of datasets, or of seeds, could ever give, alone and after an adjustment.

Nothing is imported for it that takes time: `dynconv plan` and the report ask.
"""

from itertools import count
from math import comb

from dynconv.errors import DynconvError


def floor(n: int) -> float:
    """The least two-sided p of an exact paired test over `n` datasets: both one-sided orders of 2^n sign patterns."""
    return min(1.0, 2.0 ** (1 - n))


def at_best(family_size: int, adjustment: str) -> int:
    """What an adjustment multiplies the least p by when every test of a family is at its floor.

    Hommel's, Benjamini and Hochberg's and Romano and Wolf's leave equal p-values as they are; the others count tests.
    """
    return 1 if adjustment in ("hommel", "bh", "romano_wolf") else family_size


def datasets_needed(family_size: int, alpha: float) -> int:
    """The fewest datasets whose floor, Holm-adjusted for `family_size` tests, is below `alpha`."""
    return next(n for n in count(1) if family_size * floor(n) < alpha)


def seed_floor(n: int, m: int) -> float:
    """The least two-sided p of an exact permutation test of the difference of means over `n` and `m` runs.

    All C(n + m, n) ways to deal the runs out are equally likely, and the best result is one of them.  With n = m the
    same runs the other way round give the same absolute difference, so two of them count.  1 where a variant has no
    run, and for one run each.
    """
    if n < 1 or m < 1:
        return 1.0
    return (2 if n == m else 1) / comb(n + m, n)


def seeds_needed(family_size: int, alpha: float) -> int:
    """The fewest seeds of each variant whose floor, Holm-adjusted for `family_size` tests, is below `alpha`.

    That a rejection becomes possible does not make it likely: for that see the table `power`.

    Raises:
        DynconvError: the family is empty or alpha is not between 0 and 1.
    """
    if family_size < 1 or not 0 < alpha < 1:
        raise DynconvError(
            f"family of {family_size} tests at alpha {alpha!r} cannot be planned; valid: from 1 test, alpha above 0"
            " and below 1"
        )
    return next(n for n in count(1) if family_size * seed_floor(n, n) < alpha)
