"""A few test examples of each dataset with what every variant predicted for them.

Which ones, `dynconv samples` has chosen by the data alone (`dynconv.data.chosen`); of the predictions, only theirs are
read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv import records
from dynconv.report import example_predictions
from dynconv.report.example_pictures import Picture, Pictures, blocks, colour, mask, stored
from dynconv.report.example_predictions import Mask, Segmented, Voted
from dynconv.report.numbers import listing, shorten
from dynconv.report.results import Results
from dynconv.report.samples import FOLDER

INLINE = 12  # datasets of a task: a page with the pictures of a whole archive would be too heavy to open
PICTURES = 160_000  # bytes that those of one dataset may take
_NAME = 40  # characters of a class' name
_NAMES = 4  # classes of a mask that are named


@dataclass(frozen=True)
class Cell:
    """What one variant made of one example; what is not there is None."""

    voted: Voted | None = None  # classification: of all runs together
    answer: str = ""  # ... the class by name
    right: bool = False
    segmented: Segmented | None = None  # segmentation: of one run
    mask: Picture | None = None
    executed: Picture | None = None  # where a network with masks computed, of one run ...
    executed_mean: float | None = None  # ... blocks a position, ...
    executed_of: int | None = None  # ... out of so many ...
    executed_run: str | None = None


@dataclass(frozen=True)
class Row:
    """One example: what it is, and a cell a variant."""

    example_id: int
    target: str  # the class, or those of the mask
    alt: str
    picture: Picture | None
    mask: Picture | None
    lines: list[str]  # of a series
    cells: list[Cell]


@dataclass(frozen=True)
class Shown:
    """The examples of one dataset."""

    dataset: str
    toy: bool
    channels: int  # that the examples have
    variants: list[str]
    rows: list[Row]
    key: list[tuple[str, str]]  # the classes of the masks: name and colour

    @property
    def executed(self) -> bool:
        """Is there a picture of where a network computed?"""
        return any(cell.executed for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Examples:
    """What a page shows of one task, and what it does not."""

    datasets: list[Shown]
    more: list[str]  # datasets beyond `INLINE`
    without: list[str]  # datasets whose examples nobody has written
    stale: list[str]  # datasets whose examples are of other data than the runs

    def __bool__(self) -> bool:
        return bool(self.datasets or self.stale)


def of_task(results: Results, task: str) -> Examples:
    """The examples of a task's datasets, of the first `INLINE` that have some.

    Raises:
        DynconvError: a file of examples, the predictions or the masks are not readable or not of their schema.
    """
    names = results.datasets(task)
    files = {dataset: _file(results, dataset) for dataset in names}
    there = [dataset for dataset in names if files[dataset].is_file()]
    found = {dataset: records.read("examples", files[dataset]).to_pylist() for dataset in there[:INLINE]}
    found = {dataset: rows for dataset, rows in found.items() if rows}
    stale = [dataset for dataset, rows in found.items() if _stale(results, dataset, rows)]
    shown = {dataset: rows for dataset, rows in found.items() if dataset not in stale}
    ids = {dataset: [row["example_id"] for row in rows] for dataset, rows in shown.items()}
    masks = example_predictions.masks(results, ids)
    segmented = {d for d, rows in shown.items() if rows[0]["target"] is None}
    voted = example_predictions.voted(results, {d: i for d, i in ids.items() if d not in segmented})
    counted = example_predictions.segmented(results, {d: i for d, i in ids.items() if d in segmented}, masks)
    datasets = [_shown(results, dataset, rows, masks, voted, counted) for dataset, rows in shown.items()]
    return Examples(datasets, there[INLINE:], [d for d in names if d not in there], stale)


def _file(results: Results, dataset: str) -> Path:
    return results.folder / FOLDER / f"{dataset}.test.parquet"


def _stale(results: Results, dataset: str, rows: list[dict[str, Any]]) -> bool:
    """Are they of other data than the runs were trained on?  The places in the split would mean other examples."""
    runs = results.runs
    trained = set(runs.loc[runs["dataset"] == dataset, "dataset_hash"].dropna())
    return bool(trained) and not {row["dataset_hash"] for row in rows} & {*trained, None}


def _shown(
    results: Results,
    dataset: str,
    rows: list[dict[str, Any]],
    masks: dict[tuple[str, str, int, str], Mask],
    voted: dict[tuple[str, str, int], Voted],
    counted: dict[tuple[str, str, int], Segmented],
) -> Shown:
    names = [shorten(name, _NAME) for name in rows[0]["classes"]]
    of_dataset = set(results.runs.loc[results.runs["dataset"] == dataset, "variant"])
    variants = [variant for variant in results.variants if variant in of_dataset]
    kept = {key[1:]: found for key, found in masks.items() if key[0] == dataset}
    taken = sum(len(row["picture"] or "") + len(row["mask"] or "") for row in rows)
    pictures = Pictures(kept, PICTURES - taken)

    def cell(variant: str, row: dict[str, Any]) -> Cell:
        example = row["example_id"]
        vote, count = voted.get((dataset, variant, example)), counted.get((dataset, variant, example))
        seen, run = kept.get((variant, example, "executed")), kept.get((variant, example, "mask"))
        found: dict[str, Any] = {"voted": vote, "segmented": count}
        if vote:
            found |= {"answer": _name(names, vote.prediction), "right": vote.prediction == row["target"]}
        if run and count and run.run_id == count.run_id:
            alt = f"Mask predicted by {shorten(variant)}: {_listed(names, run.present())}."
            found["mask"] = mask(pictures[variant, example, "mask"], run.values, alt)
        if seen:
            mean, least, most = (float(value) for value in (seen.values.mean(), seen.values.min(), seen.values.max()))
            alt = f"Residual blocks computed by {shorten(variant)}: {mean:.1f} of {seen.levels} a position"
            alt += f", from {least:.0f} to {most:.0f}."
            found["executed"] = blocks(pictures[variant, example, "executed"], seen.values, alt)
            found |= {"executed_mean": mean, "executed_of": seen.levels, "executed_run": seen.run_id}
        return Cell(**found)

    made = [_row(row, names, [cell(variant, row) for variant in variants]) for row in rows]
    present = {label for row in rows for label in row["present"] or ()}
    present |= {label for key, found in kept.items() if key[2] == "mask" for label in found.present()}
    key = [(_name(names, label), colour(label)) for label in sorted(present)]
    return Shown(dataset, bool(rows[0]["toy"]), rows[0]["shape"][0], variants, made, key)


def _row(row: dict[str, Any], names: list[str], cells: list[Cell]) -> Row:
    segmented = row["target"] is None
    target = _listed(names, row["present"] or []) if segmented else _name(names, row["target"])
    alt = f"Test example {row['example_id']}" + ("." if segmented else f", of class {target}.")
    picture = stored(row["picture"], row["shape"], alt) if row["picture"] else None
    of_mask = stored(row["mask"], row["shape"], f"Its mask: {target}.") if row["mask"] else None
    return Row(row["example_id"], target, alt, picture, of_mask, row["lines"] or [], cells)


def _name(names: list[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"


def _listed(names: list[str], labels: list[int]) -> str:
    shown = [_name(names, label) for label in labels[:_NAMES]]
    return listing([*shown, f"{len(labels) - _NAMES} more"] if len(labels) > _NAMES else shown) or "nothing that counts"
