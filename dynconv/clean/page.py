"""`dynconv clean`: what a study's folders could do without, shown before anything is removed."""

import socket
from collections.abc import Collection
from pathlib import Path

import yaml

from dynconv.clean import data as clean_data
from dynconv.clean import runs as clean_runs
from dynconv.clean.finds import Age, Find, Kind
from dynconv.columns import columns, terminal_width
from dynconv.data import staging_cache
from dynconv.errors import DynconvError
from dynconv.listing_runs import live_runs
from dynconv.quantities import number, size
from dynconv.study import Study

_LOOKS = 10


def clean(
    study: Study,
    data: Path,
    workdir: Path,
    *,
    hours: float = 24.0,
    options: Collection[str] = (),
    apply: bool = False,
    each: bool = False,
) -> str:
    """Find what can go, remove it if told to, and return the page of text that says so.

    Args:
        study: whose results folder.
        data: the folder of prepared data.
        workdir: where Snakemake was started: the files of jobs that its executor knows of are left alone.
        hours: what was written to within them and may be in use is left alone.
        options: the kinds that go only if asked for, by their option (`--runs`, ...).
        apply: remove; else only say what would be.
        each: name every file.

    Raises:
        DynconvError: the results folder is another study's, a run's file is damaged; or something could not be
            removed, which is said after all the rest has been.
    """
    _check(study)
    live = set(live_runs(workdir))
    kinds, age = _look(study, data, live, hours)
    going = [kind for kind in kinds if not kind.option or kind.option in options]
    lines = columns(_table(kinds, going, apply, each), right=(1, 2), width=terminal_width()) if kinds else []
    kept = [f"{len(age.young)} written to in the last {number(hours)} h"] if age.young else []
    kept += [f"what belongs to {len(live)} jobs of Snakemake's executor"] if live else []
    if kept:
        lines.append(f"left alone: {', and '.join(kept)}")
        lines += [f"  {path}" for path in age.young if each]
    if not apply:
        total, more = sum(kind.bytes for kind in going), sum(kind.bytes for kind in kinds if kind not in going)
        lines.append(
            f"{size(total)} would be free with --apply" + (f", {size(more)} with more options" if more else "")
        )
        return "\n".join(lines)
    freed, problems = _remove(going)
    lines.append(f"freed {size(freed)}")
    if problems:
        raise DynconvError("\n".join([*lines, *problems]))
    return "\n".join(lines)


def _look(study: Study, data: Path, live: set[str], hours: float) -> tuple[list[Kind], Age]:
    """What there is to remove; anew, where a run beside it has replaced a file between being listed and looked at."""
    for _ in range(_LOOKS):
        age = Age(hours)
        try:
            kinds = [*clean_runs.kinds(study, live, age), *clean_data.kinds(study, data, age), _staged()]
            return [kind for kind in kinds if kind.finds], age
        except FileNotFoundError:
            continue
    raise DynconvError(f"{study.results}: changes faster than it can be looked at; nothing is removed, try again")


def _check(study: Study) -> None:
    """A folder of another study holds nothing that this one could call superfluous."""
    kept = Path(study.results, "study.yaml")
    try:
        other = yaml.safe_load(kept.read_text(encoding="utf-8"))["name"]
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DynconvError(f"{kept}: is no study: {type(error).__name__}; {study.results}/ is left alone") from None
    if other != study.name:
        raise DynconvError(
            f"{study.results}/ holds the results of study {other!r}, not {study.name!r}; nothing is removed"
        )


def _table(kinds: list[Kind], going: list[Kind], apply: bool, each: bool) -> list[list[str]]:
    rows = [["what", "items", "size", "removed by" if not apply else "removed"]]
    for kind in kinds:
        how = f"--apply {kind.option}".rstrip() if not apply else "yes" if kind in going else f"no: {kind.option}"
        rows.append([kind.what, str(len(kind.finds)), size(kind.bytes), how])
        rows += [[f"  {find.path}", "", size(find.bytes), ""] for find in kind.finds if each]
    return rows


def _remove(kinds: list[Kind]) -> tuple[int, list[str]]:
    """Bytes that are free now, and one line for each thing that could not be removed."""
    freed, problems = 0, []
    for find in (find for kind in kinds for find in kind.finds):
        try:
            exact = find.remove()
            freed += find.bytes if exact is None else exact
        except OSError as error:
            problems.append(f"{find.path}: cannot be removed: {error.strerror or error}")
        except DynconvError as error:
            problems.append(str(error))
    return freed, problems


def _staged() -> Kind:
    """Copies of datasets on this machine's scratch disk."""
    kind = Kind(f"staged copies on {socket.gethostname()} that nobody reads", [], "--staged")
    cache = staging_cache.place()
    if cache and cache.is_dir():
        with staging_cache.idle(cache) as unread:
            kind.finds += [Find(entry.store, entry.bytes, lambda entry=entry: _evict(entry)) for entry in unread]  # type: ignore[misc]
    return kind


def _evict(entry: staging_cache.Entry) -> None:
    with staging_cache.idle(entry.folder.parent) as unread:
        if entry not in unread:
            raise DynconvError(f"{entry.store}: is in use meanwhile and stays")
        entry.remove()
