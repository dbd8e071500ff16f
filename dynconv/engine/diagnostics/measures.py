"""Numbers of what a layer did with M examples: matrices in, named values out.  Entropies are in nats.

What compares examples (example_share, usage_entropy, information, effective_rank, variation) is not told of one alone.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch

_ROUNDING = 1e-12  # a mean squared deviation of attentions, which are of the order of 1, that is none


class Measure(NamedTuple):
    """A quantity and its value; `relative`: over the largest that it can have (0-1), None where there is none."""

    quantity: str
    value: float
    relative: float | None = None


def of_gates(a: torch.Tensor) -> Iterator[Measure]:
    """Of attentions that are each a share of their own, 0 to 1: [M examples, J components], float64.

    entropy: mean of -a log a - (1 - a) log(1 - a): log 2 where all are undecided (.5), 0 where all are on or off.
    example_share: see `example_share`.
    """
    if bool(((a >= 0) & (a <= 1)).all()):
        entropy = -(torch.xlogy(a, a) + torch.xlogy(1 - a, 1 - a)).mean().item()
        yield Measure("entropy", entropy, entropy / math.log(2))
    if len(a) > 1:
        yield Measure("example_share", example_share(a))


def of_choice(a: torch.Tensor) -> Iterator[Measure]:
    """Of the weights of n > 1 kernels: [M, n], float64; p = |a| / sum |a| are their shares of the mixture.

    entropy: mean over examples of H(p), 0 where each example takes one kernel, log n where it takes all alike.
    usage_entropy: H of the mean of p over examples: log n where the kernels are used alike, 0 where only one is.
    information: usage_entropy - entropy, the mutual information between example and kernel; 0 where all examples mix
    alike (the generalised Jensen-Shannon divergence: Lin 1991, IEEE Trans. Inf. Theory 37).
    example_share: see `example_share`.
    """
    shares = a.abs() / a.abs().sum(1, keepdim=True)
    most = math.log(a.shape[1])
    entropy, usage = _entropy(shares).mean().item(), _entropy(shares.mean(0)).item()
    yield Measure("entropy", entropy, entropy / most)
    if len(a) == 1:
        return
    for name, value in (("usage_entropy", usage), ("information", max(0.0, usage - entropy))):
        yield Measure(name, value, value / most)
    yield Measure("example_share", example_share(a))


def of_kernels(gram: torch.Tensor) -> Iterator[Measure]:
    """Of the inner products of the kernels that M examples were convolved with: [M, M], float64.

    effective_rank: exp H(s / sum s) of the singular values s of the matrix of the kernels (Roy and Vetterli 2007,
    EUSIPCO): 1 where all are multiples of one, at most M.
    variation: mean |K - mean K|^2 / mean |K|^2: 0 where all are the same; 1 - 1 / M where they have nothing in common
    (orthogonal, of one norm), for the mean of M is not zero then; more, up to 1, only where they cancel.
    """
    if len(gram) == 1 or not bool(gram.isfinite().all()):
        return
    values = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    yield Measure("effective_rank", _entropy(values / values.sum()).exp().item())
    yield Measure("variation", max(0.0, 1 - (gram.mean() / gram.diagonal().mean()).item()))


def of_parameters(weights: Iterable[torch.Tensor], gradients: Iterable[torch.Tensor]) -> Iterator[Measure]:
    """Of a layer's parameters w and the gradient g of the loss; nothing of a layer that has none of its own.

    gradient_norm: |g|.
    sharpness: |w g|, elementwise: to first order the largest rise of the loss (nats) when every weight may change by a
    share of itself, the shares of Euclidean length 1 (Kwon et al. 2021, ASAM, arXiv 2102.11600, with rho = 1).  Unlike
    |g|, it stays the same when a layer is scaled up and the next one down.
    """
    pairs = list(zip(weights, gradients, strict=True))
    if not pairs:
        return
    for name, parts in (("gradient_norm", [g for _, g in pairs]), ("sharpness", [w * g for w, g in pairs])):
        norms = torch.stack([torch.linalg.vector_norm(part).double() for part in parts])
        yield Measure(name, torch.linalg.vector_norm(norms).item())


def example_share(a: torch.Tensor) -> float:
    """The share of the variation of attentions [M, J] that no constant attention could have, 0 to 1.

    In the two-way analysis of variance of examples by components, all but the components' own part: 1 - sum M (mean_j -
    mean)^2 / sum (a_ij - mean)^2, which is eta squared of examples and interaction together (Fisher 1925, ch. VII).
    0: one pattern within each example, the same for all; 1: whatever varies, varies across examples.  Patterns that are
    independent from example to example have 1 - 1 / M on average: their mean over M is not constant.  NaN where nothing
    varies.
    """
    centred = a - a.mean()
    total = centred.square().mean()
    if not total > _ROUNDING:
        return math.nan
    return max(0.0, 1 - (centred.mean(0).square().mean() / total).item())


def _entropy(p: torch.Tensor) -> torch.Tensor:
    """Shannon entropy along the last axis, nats."""
    return -torch.xlogy(p, p).sum(-1)
