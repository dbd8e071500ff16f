"""The grid dataset x variant: a sign a seed where there is room, else counts, else a part of it, which it says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from dynconv.listing_runs import Line
from dynconv.watch.texts import STYLES, Symbols, clean, cut, fit, line

_LEAST_COLUMN = 5
_MOST_LABEL = 32


@dataclass(frozen=True)
class Grid:
    """States by (dataset, variant), each in the order of its seeds."""

    datasets: list[str]
    variants: list[str]
    cells: dict[tuple[str, str], list[str]]

    def of(self, dataset: str) -> Counter[str]:
        """The states of a dataset's runs, counted."""
        return Counter(state for variant in self.variants for state in self.cells.get((dataset, variant), ()))


def grid(lines: Sequence[Line]) -> Grid:
    """The grid of the list's lines, in their order."""
    datasets, variants, cells = dict[str, None](), dict[str, None](), dict[tuple[str, str], list[str]]()
    for each in lines:
        dataset, variant, _ = each.run.rsplit("/", 2)
        datasets[dataset] = variants[variant] = None
        cells.setdefault((dataset, variant), []).append(each.state)
    return Grid(list(datasets), list(variants), cells)


def draw(found: Grid, width: int, height: int, marks: Symbols) -> list[Text]:
    """At most `height` lines of at most `width` cells."""
    if height < 2 or not found.datasets:
        return []
    seeds = max(len(states) for states in found.cells.values())
    label = min(_MOST_LABEL, max(7, *map(cell_len, found.datasets)), max(7, width // 3))
    signs, counts = max(_LEAST_COLUMN, seeds), max(_LEAST_COLUMN, 2 * len(str(seeds)) + 2)
    column = signs if label + len(found.variants) * (signs + 1) <= width else min(signs, counts)
    spare = (width - label) // len(found.variants) - 1
    column = max(column, min(spare, max(map(cell_len, found.variants))))  # for their names, where there is room
    shown = found.variants[: max(1, (width - label) // (column + 1))]
    heads = [(" " + fit(clean(name, marks), column, marks), "bold") for name in shown]
    result = [line(width, fit("", label, marks), *heads)]
    room = height - 1 - (len(shown) < len(found.variants))
    rows = found.datasets if len(found.datasets) <= room else _first(found, room - 1)
    for dataset in rows:
        parts: list[tuple[str, str] | str] = [fit(clean(dataset, marks), label, marks)]
        for variant in shown:
            parts += [" ", *_cell(found.cells.get((dataset, variant), []), column, seeds, marks)]
        result.append(line(width, *parts))
    if len(rows) < len(found.datasets):
        hidden = [dataset for dataset in found.datasets if dataset not in set(rows)]
        total = sum((found.of(dataset) for dataset in hidden), Counter[str]())
        text = f"{len(hidden)} more datasets: " + counted(total, marks)
        result.append(line(width, (cut(text, width, marks), "dim")))
    if len(shown) < len(found.variants):
        text = f"{len(found.variants) - len(shown)} more variants are not shown: the terminal is too narrow"
        result.append(line(width, (cut(text, width, marks), "dim")))
    return result[:height]


def counted(states: Counter[str], marks: Symbols) -> str:
    """`12 of 20 ok, 3 running`."""
    others = [f"{states[state]} {state}" for state in STYLES if state != "ok" and states[state]]
    return marks.dot.join([f"{states['ok']} of {states.total()} runs ok", *others])


def _first(found: Grid, room: int) -> list[str]:
    """The datasets that matter most now: failures and running jobs, then what is under way, then the rest."""

    def rank(dataset: str) -> int:
        states = found.of(dataset)
        if states["failed"] or states["died"] or states["running"]:
            return 0
        return 1 if 0 < states["ok"] < states.total() else 2 if states["queued"] else 3

    chosen = set(sorted(found.datasets, key=rank)[: max(0, room)])
    return [dataset for dataset in found.datasets if dataset in chosen]


def _cell(states: list[str], column: int, seeds: int, marks: Symbols) -> list[tuple[str, str]]:
    if column >= seeds:
        signs = [(marks.glyphs[state], STYLES[state]) for state in states]
        return [*signs, (" " * (column - len(states)), "")]
    number = Counter(states)
    worst = next((state for state in ("died", "failed", "running", "queued") if number[state]), "ok")
    text = f"{number['ok']}/{len(states)}"
    mark = "" if worst == "ok" else marks.glyphs[worst]
    style = STYLES[worst] if worst != "ok" or number["ok"] == len(states) else ""
    return [(fit(text + mark, column, marks), style)]
