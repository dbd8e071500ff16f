"""One snapshot: tables, comparison and report of what is finished, in a folder of their own.

Reads the results folder and the executor's account of its jobs; writes nothing outside the snapshot's folder, takes no
lock, waits for nobody, asks the cluster nothing.
"""

import datetime
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dynconv import collect, comparison, data, plan_state, records, trials
from dynconv.errors import DynconvError
from dynconv.files import write_bytes, write_text
from dynconv.report.build import build
from dynconv.snapshot.gather import Gathered, gather
from dynconv.snapshot.place import MARK, replaced
from dynconv.snapshot.states import STATES, States, Unfinished
from dynconv.stats import table
from dynconv.study import Study

FOLDER = "snapshot"
_NAMED = 3  # examples that a note gives


@dataclass(frozen=True)
class Snapshot:
    """What was taken."""

    report: Path
    counts: dict[str, int]  # of runs, by `states.STATES`
    complete: bool
    notes: list[str]


def take(study: Study, file: Path, out: Path | None, workdir: Path, *, posterior: bool = False) -> Snapshot:
    """Make the report of whatever is finished of a study, in `out` (default: `snapshot/` in its results folder).

    Args:
        study: as it was read from `file`.
        file: the study's file.
        out: the snapshot's folder; an earlier snapshot there is replaced when the new one is whole.
        workdir: where Snakemake was started: there its executor keeps account of its jobs.
        posterior: with the Bayesian part of the comparison, the slowest.

    Raises:
        DynconvError: the study's datasets are unknown, `out` holds something else, or nothing can be written there.
    """
    results = Path(study.results)
    out = out or results / FOLDER
    with replaced(out) as folder:
        taken = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        keys = list(study.runs())
        states = States(results, workdir)
        tables = folder / "tables"
        before = next((old / "tables" for old in (out, results / FOLDER) if (old / MARK).is_file()), None)
        found = gather(results / "runs", keys, _hashes(study), lambda so_far: states.died(keys, so_far), tables, before)
        rest = states.unfinished(keys, found)
        notes = [*_of_runs(found), *_profiles(study, results, tables), *_search(study, tables)]
        notes += _samples(study, results, folder)
        shutil.copyfile(file, folder / "study.yaml")
        notes += _compare(study, folder, posterior=posterior)
        counts = Counter([*found.status.values(), *(run.state for run in rest)])
        complete = not rest
        content = _content(study, taken, len(keys), {state: counts[state] for state in STATES}, complete, rest, notes)
        write_text(folder / MARK, json.dumps(content, indent=1) + "\n")
        build(folder)
    return Snapshot(out / "report.html", content["counts"], complete, notes)


def _content(
    study: Study,
    taken: datetime.datetime,
    expected: int,
    counts: dict[str, int],
    complete: bool,
    rest: list[Unfinished],
    notes: list[str],
) -> dict[str, Any]:
    return {
        "taken_at": taken.isoformat().replace("+00:00", "Z"),
        "study": study.name,
        "complete": complete,
        "expected": expected,
        "counts": counts,
        "unfinished": [run.plain() for run in rest],
        "notes": notes,
    }


def _hashes(study: Study) -> dict[tuple[str, str], set[str | None]]:
    found: dict[tuple[str, str], set[str | None]] = {}
    for dataset in study.datasets:
        task = data.spec(dataset.name).task
        for variant in study.variants:
            try:
                known = plan_state.hashes_of(study, dataset.name, task, variant)
            except DynconvError:  # its choice is being made again
                known = {None}
            found[dataset.name, variant.name] = known
    return found


def _of_runs(found: Gathered) -> Iterator[str]:
    if found.outdated:
        yield (
            f"{_few(found.outdated)}: made by an earlier recipe, variant or choice, so left out; Snakemake makes them"
            " again"
        )
    if found.changed:
        yield f"{_few(found.changed)}: files changed while they were read, so counted as not finished"
    for name, reason in found.damaged.items():
        yield f"{name}: left out: {reason}"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} run{'' if len(names) == 1 else 's'} ({', '.join(names[:_NAMED])}{more})"


def _profiles(study: Study, results: Path, out: Path) -> Iterator[str]:
    """The profiles that are there."""
    cells = [(d.name, v.name) for d in study.datasets for v in study.variants]
    measured = {(d.name, v.name) for d in study.datasets for v in study.variants if not v.rule}
    tables = []
    for dataset, variant in cells:
        file = results / "profile" / dataset / f"{variant}.parquet"
        try:
            tables.append(records.read("profile", file))
            measured.discard((dataset, variant))
        except DynconvError as error:
            if file.is_file():
                yield f"profile of {variant} on {dataset}: left out: {error}"
    empty = records.TABLES["profile"].schema.empty_table()
    records.write("profile", pa.concat_tables([*tables, empty]), out / "profile.parquet")
    if measured:
        yield f"{len(measured)} of {len(cells)} networks have no profile yet: their latency and memory are not known"


def _search(study: Study, out: Path) -> Iterator[str]:
    """The searches that are complete, with the choice that their runs take."""
    if study.tune is None:
        return
    rows: list[dict[str, Any]] = []
    chosen: list[dict[str, Any]] = []
    cells = trials.cells(study)
    for dataset, variant in cells:
        try:
            found, best = collect.searched(Path(study.results, "tuning"), study, dataset, variant)
        except DynconvError:  # a trial is to come or to be made again, or more have come since: it is chosen anew
            continue
        rows += found
        chosen.append(best)
    records.write("trials", rows, out / "trials.parquet")
    records.write("choices", chosen, out / "choices.parquet")
    if len(chosen) < len(cells):
        yield f"{len(cells) - len(chosen)} of {len(cells)} searches are not complete, and left out"


def _samples(study: Study, results: Path, folder: Path) -> Iterator[str]:
    """The contact sheets and the test examples that are there."""
    for name in (Path("samples", f"{d.name}{end}") for d in study.datasets for end in (".svg", ".test.parquet")):
        try:
            content = (results / name).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield f"{name}: left out: {error.strerror or error}"
            continue
        write_bytes(folder / name, content)
        if name.suffix == ".parquet":
            try:
                records.read("examples", folder / name)
            except DynconvError as error:
                (folder / name).unlink()
                yield f"{name}: left out: {str(error).replace(str(folder / name), str(results / name))}"


def _compare(study: Study, folder: Path, *, posterior: bool) -> Iterator[str]:
    """Compare what can be compared."""
    runs, predictions = folder / "tables/runs.parquet", folder / "tables/predictions.parquet"
    profile = folder / "tables/profile.parquet"
    if not records.metadata(runs).num_rows:
        yield "no run is finished: nothing was compared"
        return
    plan, declared = study.analysis, comparison.declaration_of(study)
    if not posterior:
        plan = plan.model_copy(update={"posterior": False})
        declared = declared.changed({"posterior": False}) if study.analysis.posterior else declared
    frame = table.load(runs, metric={str(task): metric for task, metric in study.analysis.metric.items()})
    done = comparison.run(
        frame,
        plan,
        declared.against(frame),
        folder / "stats",
        runs=runs,
        profile=profile if records.metadata(profile).num_rows else None,
        predictions=predictions,
        partial=True,
    )
    yield from done.notes
