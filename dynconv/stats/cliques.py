"""Which variants no test tells apart: the cliques of the graph "not significantly different".

A bar of a critical-difference diagram joins neighbours in rank and can run across a pair that is significantly
different, because such a relation need not follow the ranks.  A clique cannot: all of its pairs are not significant.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

import networkx as nx

from dynconv.errors import DynconvError, valid

ALL_UP_TO = 1000  # cliques; 40 variants can have over a million, which no one reads


def cliques(order: Sequence[str], separated: Collection[frozenset[str]]) -> list[list[str]]:
    """Largest sets of variants of which no pair is in `separated`: each, and all of them, in the order of `order`.

    Sets of one variant are left out: a variant that is in no clique is significantly different from every other one.
    No clique is part of another.  All of them are given, unless there are over 1000; see `rows`.

    Args:
        order: every variant once, best mean rank first.
        separated: the significantly different pairs.  A pair that could not be tested is not separated.

    Raises:
        DynconvError: a variant comes twice in `order`, or `separated` has something that is not two of them.
    """
    return _cliques(order, separated)[0]


def rows(order: Sequence[str], separated: Collection[frozenset[str]], *, n_datasets: int) -> list[dict[str, Any]]:
    """The `cliques`, as rows of the table `cliques` without its task.

    With over 1000 cliques, `all_listed` is false and only so many are given that every pair which is not separated is
    in one: for each such pair in turn, unless it is in a clique already, the clique that grows from it by adding
    variants in the order of `order`.  So even then the cliques tell exactly which pairs are separated.
    """
    found, all_listed = _cliques(order, separated)
    return [
        {
            "clique": number,
            "variants": clique,
            "n_variants": len(clique),
            "n_datasets": n_datasets,
            "all_listed": all_listed,
        }
        for number, clique in enumerate(found, start=1)
    ]


def _cliques(order: Sequence[str], separated: Collection[frozenset[str]]) -> tuple[list[list[str]], bool]:
    place = {variant: i for i, variant in enumerate(order)}
    if len(place) < len(order):
        raise DynconvError(f"order of variants {list(order)}: one comes twice; valid: each variant once")
    for pair in separated:
        if len(pair) != 2 or not pair <= place.keys():
            raise DynconvError(f"separated pair {sorted(pair)} is not a pair of variants; {valid(order)}")
    different = nx.Graph(tuple(pair) for pair in separated)
    different.add_nodes_from(order)
    graph = nx.complement(different)
    found = list(islice(nx.find_cliques(graph), ALL_UP_TO + 1))
    all_listed = len(found) <= ALL_UP_TO
    if not all_listed:
        found = _cover(order, graph)
    sets = [sorted(clique, key=place.__getitem__) for clique in found if len(clique) > 1]
    return sorted(sets, key=lambda clique: [place[name] for name in clique]), all_listed


def _cover(order: Sequence[str], graph: nx.Graph) -> list[list[str]]:
    """Cliques, none part of another, that together hold every edge of `graph`: at most as many as it has edges."""
    found: list[list[str]] = []
    held: set[frozenset[str]] = set()
    for i, first in enumerate(order):
        for second in order[i + 1 :]:
            if frozenset((first, second)) in held or not graph.has_edge(first, second):
                continue
            clique = [first, second]
            for name in order:
                if all(graph.has_edge(name, member) for member in clique):
                    clique.append(name)
            found.append(clique)
            held.update(frozenset((a, b)) for j, a in enumerate(clique) for b in clique[:j])
    return found
