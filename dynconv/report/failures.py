"""Why runs failed: their causes in groups, and of each run where its log and its record are, and how the log ends."""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynconv.report.results import Results

SHOWN = 500  # failed runs that have a row of their own
TAILS = 40  # of them, how many show the end of their log
_BYTES, _LINES = 4000, 15  # of such an end, at most
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours and the like
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
UNKNOWN = "no cause recorded"


@dataclass(frozen=True)
class Cause:
    """Failed runs with one message, but for its numbers, which are `N`."""

    text: str
    runs: int
    variants: list[tuple[str, int]]  # with the number of runs, most first
    datasets: list[tuple[str, int]]


@dataclass(frozen=True)
class Failure:
    """A failed run; paths as text: the log's from the workflow's folder, the record's from the results folder."""

    row: dict[Any, Any]  # of `runs`
    log: str
    tail: str | None  # the log's end, or the record's traceback; None where neither is there or enough are shown
    record: str | None


def causes(results: Results) -> list[Cause]:
    """The causes, most frequent first."""
    groups: dict[str, list[dict[Any, Any]]] = {}
    for row in _failed(results):
        groups.setdefault(_NUMBER.sub("N", row["failure"] or UNKNOWN), []).append(row)
    found = [
        Cause(
            text,
            len(rows),
            Counter(row["variant"] for row in rows).most_common(),
            Counter(row["dataset"] for row in rows).most_common(),
        )
        for text, rows in groups.items()
    ]
    return sorted(found, key=lambda cause: (-cause.runs, cause.text))


def failures(results: Results) -> list[Failure]:
    """The first `SHOWN` failed runs, in the order of the table."""
    found: list[Failure] = []
    workflow, left = folder_of_workflow(results), TAILS
    for row in _failed(results)[:SHOWN]:
        log, record = f"logs/train/{row['run_id']}.log", f"failures/{row['run_id']}.json"
        trace = _traceback(results.folder / "failures", results.folder / record)
        tail = (_end(workflow / "logs/train", workflow / log) or trace or None) if left else None
        left -= tail is not None
        found.append(Failure(row, log, tail, record if trace is not None else None))
    return found


def folder_of_workflow(results: Results) -> Path:
    """Where the workflow ran that wrote the results, which `results:` in its study leads to.

    Where that is an absolute path, the current folder: Snakemake makes the report in the workflow's own.
    """
    declared = Path(results.study.results if results.study else "results")
    here = results.folder.resolve()
    if declared.is_absolute():
        return Path.cwd()
    return Path(*here.parts[: -len(declared.parts) or None])


def _failed(results: Results) -> list[dict[Any, Any]]:
    """Rows of `runs` that are not ok, with None for what is null."""
    rows = results.runs[results.runs["status"] != "ok"].to_dict("records")
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def _end(inside: Path, file: Path) -> str | None:
    """The last lines of a log; None if there is none."""
    content = _bytes(inside, file, _BYTES)
    return None if content is None else _last(content.decode("utf-8", "replace"))


def _traceback(inside: Path, file: Path) -> str | None:
    """The end of the traceback in a failure's record, "" where it has none; None if there is no such record."""
    try:
        return _last(json.loads(_bytes(inside, file) or b"")["traceback"] or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _bytes(inside: Path, file: Path, last: int | None = None) -> bytes | None:
    """The `last` bytes of a file, or all; None where it cannot be read, or a strange name leads out of its folder."""
    try:
        if not file.resolve().is_relative_to(inside.resolve()):
            return None
        with file.open("rb") as content:
            if last is not None:
                content.seek(max(0, content.seek(0, os.SEEK_END) - last))
            return content.read()
    except (OSError, ValueError):
        return None


def _last(text: str) -> str:
    """The last lines, as they would stand in a terminal."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in _ESCAPE.sub("", text).strip().split("\n")]
    return _CONTROL.sub("", "\n".join(lines[-_LINES:]))[-_BYTES:]
