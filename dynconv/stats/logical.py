"""Adjustments that use what can be true together: if a = b and b = c, then a = c.

A family of pairs is a graph: variants are its nodes, null hypotheses its edges.  Whatever the truth, it sorts the
variants into groups of equals, and the true hypotheses are the edges inside the groups.  Only such sets of edges
("exhaustive sets" of Bergmann & Hommel 1988) can be all the true ones, so only they need guarding against.

Two parts of the graph that share at most one node (its biconnected components) do not bind each other: every set of one
goes with every set of the other.  So each part is solved alone.  In a star, each variant against a control, every part
is a single edge, any set of hypotheses can be true, and both procedures are Holm's.

scipy, statsmodels and scikit-posthocs have neither procedure.
"""

from collections.abc import Iterator, Sequence

import networkx as nx
import numpy as np

from dynconv.errors import DynconvError

PARTITIONS_UP_TO = (
    9  # variants in a part: 21,147 ways to sort them into groups; each further one takes 5 to 6 times more
)

Pair = tuple[str, str]


def shaffer(p: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """p-values [pairs] adjusted by Shaffer's static procedure (1986, JASA 81:826-831, procedure S1), never above 1.

    Like Holm's, but the factor of the i-th smallest p is the largest number of hypotheses that can be true when i - 1
    are false.  For all pairs of any number of variants these numbers come from Shaffer's recursion, for other parts
    of up to 9 variants from all partitions.  In larger parts that are not all pairs every number is taken to be
    possible, which is Holm's bound: valid, less powerful.

    A NaN stays NaN but counts as a test of the family with p = 1.

    Raises:
        DynconvError: `pairs` and `p` differ in length, or a pair is named twice or is no pair.
    """
    p = _checked(p, pairs)
    possible = {0}
    for nodes, edges in _parts(pairs):
        numbers = _possible_numbers(nodes, edges, pairs)
        possible = {a + b for a in possible for b in numbers}
    numbers_true = np.array(sorted(possible))
    at_most = np.arange(len(p), 0, -1)  # hypotheses left when i - 1 are false
    factors = numbers_true[np.searchsorted(numbers_true, at_most, side="right") - 1]
    filled = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(filled, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * filled[order]), 1.0)
    return np.where(np.isnan(p), np.nan, adjusted)


def bergmann_hommel(p: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """p-values [pairs] adjusted by Bergmann and Hommel's procedure (1988), never above 1.

    The adjusted p of a hypothesis is the largest |I| min(p of I) over the exhaustive sets I that contain it (Garcia &
    Herrera 2008, section 2): Bonferroni's test, closed over the sets that can be true.  Never above Shaffer's.

    A NaN stays NaN but counts as a test of the family with p = 1.  All are NaN when more than 9 variants are entangled
    (in one part of the graph): the sets are too many.

    Raises:
        DynconvError: `pairs` and `p` differ in length, or a pair is named twice or is no pair.
    """
    p = _checked(p, pairs)
    parts = list(_parts(pairs))
    if not parts or max(len(nodes) for nodes, _ in parts) > PARTITIONS_UP_TO:
        return np.full(len(p), np.nan)
    filled = np.where(np.isnan(p), 1.0, p)
    levels, level = np.unique(filled, return_inverse=True)  # levels [L] ascending; each pair's index in them
    # For each level: the size of the largest set whose p-values all reach it; in all parts together, and with the
    # set of a pair's own part held to contain that pair.
    total, own, with_pair = np.zeros(len(levels)), np.zeros((len(p), len(levels))), np.empty((len(p), len(levels)))
    for nodes, edges in parts:
        sets = _exhaustive_sets(nodes, edges, pairs)
        size = sets.sum(axis=1)
        lowest = np.where(sets, level[edges], len(levels) - 1).min(axis=1)
        largest = _largest(size, lowest, len(levels))
        total += largest
        for column, edge in enumerate(edges):
            inside = sets[:, column]
            own[edge] = largest
            with_pair[edge] = _largest(size[inside], lowest[inside], len(levels))
    adjusted = ((total - own + with_pair) * levels).max(axis=1)
    return np.where(np.isnan(p), np.nan, np.minimum(adjusted, 1.0))


def _largest(size: np.ndarray, lowest: np.ndarray, levels: int) -> np.ndarray:
    """Largest of `size` [sets] among those whose `lowest` [sets] is at or above each level; -inf where none is."""
    best = np.full(levels, -np.inf)
    np.maximum.at(best, lowest, size)
    return np.maximum.accumulate(best[::-1])[::-1]


def _checked(p: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    p = np.asarray(p, float)
    if len(p) != len(pairs):
        raise DynconvError(f"{len(p)} p-values for {len(pairs)} pairs; valid: one p-value a pair")
    seen = set()
    for pair in pairs:
        if len(set(pair)) != 2 or frozenset(pair) in seen:
            raise DynconvError(f"pair {pair!r}; valid: two variants, each pair once in a family, in either order")
        seen.add(frozenset(pair))
    return p


def _parts(pairs: Sequence[Pair]) -> Iterator[tuple[list[str], list[int]]]:
    """The graph's biconnected components: the names of each one's nodes, sorted, and the indices of its pairs."""
    index = {frozenset(pair): i for i, pair in enumerate(pairs)}
    for edges in nx.biconnected_component_edges(nx.Graph(pairs)):
        edges = list(edges)
        yield sorted({name for edge in edges for name in edge}), sorted(index[frozenset(edge)] for edge in edges)


def _possible_numbers(nodes: list[str], edges: list[int], pairs: Sequence[Pair]) -> set[int]:
    """How many of a part's hypotheses can be true."""
    k, m = len(nodes), len(edges)
    if m == k * (k - 1) // 2:
        return _possible_numbers_of_all_pairs(k)
    if k <= PARTITIONS_UP_TO:
        return set(_exhaustive_sets(nodes, edges, pairs).sum(axis=1).tolist())
    return set(range(m + 1))


def _possible_numbers_of_all_pairs(k: int) -> set[int]:
    """Shaffer's recursion: j variants are equal to each other, and no other one is equal to them."""
    numbers = [{0}]
    for size in range(1, k + 1):
        numbers.append({j * (j - 1) // 2 + rest for j in range(1, size + 1) for rest in numbers[size - j]})
    return numbers[k]


def _exhaustive_sets(nodes: list[str], edges: list[int], pairs: Sequence[Pair]) -> np.ndarray:
    """The sets of a part's hypotheses that can be all the true ones: bool [sets, edges], some more than once."""
    group = _partitions(len(nodes))
    first = [nodes.index(pairs[edge][0]) for edge in edges]
    second = [nodes.index(pairs[edge][1]) for edge in edges]
    return group[:, first] == group[:, second]


def _partitions(k: int) -> np.ndarray:
    """All ways to sort `k` things into groups: the group of each, [ways, k]."""
    group = np.zeros((1, 1), np.int8)
    for _ in range(1, k):
        choices = group.max(axis=1) + 2  # one of the groups so far, or a new one
        start = np.cumsum(choices) - choices
        added = np.arange(choices.sum()) - np.repeat(start, choices)
        group = np.column_stack([np.repeat(group, choices, axis=0), added.astype(np.int8)])
    return group
