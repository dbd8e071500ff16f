"""Which folder each run is taken from, where several have it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dynconv.errors import DynconvError, valid
from dynconv.merge.folder import Folder

_SHOWN = 3  # clashing runs that are named


def choose(folders: Sequence[Folder], prefer: Folder | None = None) -> tuple[dict[str, Folder], list[str]]:
    """The folder that each run is taken from, by run_id, and what is to be said of it.

    A run that several folders hold with the same row is one run.  A run whose job was lost, so that nothing but a
    failure record is left of it, gives way to one that came to an end, be it a failure (a loss that became NaN is a
    result).  Everything else that differs is a clash: one of the two would have to be dropped, and which one is not for
    this program to say.

    Args:
        folders: those that are merged, in their order.
        prefer: of clashing runs, take all those that this folder has.

    Raises:
        DynconvError: runs clash; names the first of them, how many there are, and their folders.
    """
    taken: dict[str, Folder] = {}
    clashes: dict[str, tuple[Folder, Folder]] = {}
    same: set[str] = set()
    mended: set[str] = set()
    preferred: set[str] = set()
    for folder in folders:
        for run_id, row in folder.rows.items():
            if (other := taken.get(run_id)) is None:
                taken[run_id] = folder
            elif equal(row, other.rows[run_id]):
                same.add(run_id)
            elif run_id in folder.lost or run_id in other.lost:
                mended.add(run_id)
                if run_id in other.lost and run_id not in folder.lost:
                    taken[run_id] = folder
            elif prefer and run_id in prefer.rows and run_id not in prefer.lost:
                preferred.add(run_id)
                taken[run_id] = prefer
            else:
                clashes[run_id] = other, folder
    if clashes:
        raise DynconvError(_refusal(clashes, folders))
    notes = []
    if same:
        notes.append(f"{_runs(same)} in several folders with the same row: counted once")
    if mended:
        notes.append(f"{_runs(mended)} lost in one folder (no end recorded): another folder's row counts")
    if preferred and prefer:
        notes.append(f"{_runs(preferred)} clash: those of {prefer.name} count, as --prefer says")
    return taken, notes


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of a table hold the same values; a NaN is like another."""
    return repr(one) == repr(other)  # both have the table's columns in its order


def _refusal(clashes: Mapping[str, tuple[Folder, Folder]], folders: Sequence[Folder]) -> str:
    named = ", ".join([*clashes][:_SHOWN]) + (", ..." if len(clashes) > _SHOWN else "")
    pairs = {f"{one.name} and {other.name}" for one, other in clashes.values()}
    many = f"{len(clashes)} runs clash" if len(clashes) > 1 else "1 run clashes"
    return (
        f"{many}, with other results in {', in '.join(sorted(pairs))}: {named}; valid: leave a folder out,"
        " give one study other seeds or names of variants, or let one folder's runs count with --prefer DIR"
        f" ({valid(folder.name for folder in folders)})"
    )


def _runs(run_ids: Collection[str]) -> str:
    return "1 run" if len(run_ids) == 1 else f"{len(run_ids)} runs"
