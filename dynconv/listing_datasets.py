"""What `dynconv list datasets` prints: task, shape, classes and sizes of each dataset, and what is there on disk."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dynconv import plugins
from dynconv.columns import columns, terminal_width
from dynconv.data import Facts, Spec
from dynconv.data.base import ANY
from dynconv.data.prepare import RAW
from dynconv.data.store import META, open_arrays, read_meta_of
from dynconv.errors import DynconvError
from dynconv.quantities import size
from dynconv.study import DATASETS, Study

_HEADER = ["dataset", "task", "shape", "classes", "train", "test", "state", "on disk"]
_LONG = 12  # a study's datasets of one family, from which on they are one line
_ROOMY = 100  # characters of a line that has room for wide gaps


@dataclass(frozen=True)
class Line:
    """One dataset of the list, or a family."""

    name: str
    task: str
    facts: list[Facts]  # of each member; of a single dataset one
    state: str  # prepared, toy, raw only, damaged or -
    size: int  # bytes: of the arrays, or of the published files where these are all there is
    damage: str = ""  # what is wrong with its meta.json

    def cells(self) -> list[str]:
        """The columns of the table as texts."""
        return [
            self.name,
            self.task,
            _shape([facts.shape for facts in self.facts]),
            *(_span(getattr(facts, key) for facts in self.facts) for key in ("classes", "train", "test")),
            self.state,
            size(self.size) if self.size else "",
        ]


def datasets(study: Study | None, data: Path, members: bool) -> None:
    """Print the datasets that there are files for, or those of a study.

    Sizes of a prepared dataset are those of its arrays, else the published ones, as far as the dataset's file tells.

    Args:
        study: whose datasets; None: all.
        data: the folder of prepared datasets.
        members: a line for every dataset of a family, too.
    """
    lines = table(study, data, members)
    width = terminal_width()
    gap = " " if width is not None and width < _ROOMY else "  "
    print("\n".join(columns([_HEADER, *(line.cells() for line in lines)], right=(3, 4, 5, 7), width=width, gap=gap)))
    for line in lines:
        if line.damage:
            print(f"{line.name}: {line.damage}")


def table(study: Study | None, data: Path, members: bool) -> list[Line]:
    """The lines of the list; arguments as of `datasets`."""
    if study is None:
        names = {family: _members(family, data) for family in plugins.names(DATASETS)}
    else:
        names = {}
        for dataset in study.datasets:
            names.setdefault(dataset.name.partition("/")[0], []).append(dataset.name)
    lines = []
    for family, its in names.items():
        spec = plugins.load(DATASETS, family).SPEC
        found = [_line(name, spec, data) for name in its]
        if members or spec.members is None or (study and len(its) < _LONG):
            lines += found
        else:
            lines.append(_family(family, spec, found, data))
    return lines


def _members(family: str, data: Path) -> list[str]:
    names = plugins.load(DATASETS, family).SPEC.members
    if names == ANY:  # of the user's own: those that are there
        names = sorted({path.parent.name for path in (data / family).glob(f"*/{META}")})
    return [family] if names is None else [f"{family}/{name}" for name in names]


def _line(name: str, spec: Spec, data: Path) -> Line:
    meta, member = data / name / META, name.partition("/")[2]
    facts = spec.member_facts(member) if member and spec.member_facts else spec.facts or Facts()
    if meta.is_file():
        try:
            its = read_meta_of(meta.parent, name)
            open_arrays(meta.parent, its, hashes=False)
        except DynconvError as error:
            return Line(name, spec.task, [facts], "damaged", _bytes(meta.parent), str(error))
        facts = Facts(its.shape, len(its.classes), its.counts["train"], its.counts["test"])
        return Line(name, spec.task, [facts], "toy" if its.toy else "prepared", _bytes(meta.parent))
    raw = sum(_bytes(data / RAW / f"{name}{end}") for end in ("", ".zip", "_TRAIN.ts", "_TEST.ts"))
    return Line(name, spec.task, [facts], "raw only" if raw else "-", raw)


def _family(family: str, spec: Spec, found: list[Line], data: Path) -> Line:
    states = Counter(line.state for line in found)
    words = [f"{states[state]} {state}" for state in ("toy", "damaged") if states[state]]
    if states["prepared"]:
        of = f" of {len(found)}" if spec.members else ""
        words.insert(0, f"{states['prepared']}{of} prepared")
    there = sum(line.size for line in found if line.state != "raw only")
    raw = 0 if words else _bytes(data / RAW / family)
    state = ", ".join(words) or ("raw only" if raw else "-")
    damage = next((line.damage for line in found if line.damage), "")
    name = f"{family}/* ({len(found)})" if spec.members else f"{family}/NAME"
    return Line(name, spec.task, [line.facts[0] for line in found], state, there or raw, damage)


def _shape(shapes: list[tuple[int, ...] | None]) -> str:
    """`3x64x64`; of several `1x24-945`."""
    known = [shape for shape in shapes if shape is not None]
    if len({len(shape) for shape in known}) != 1:
        return ""
    return "x".join(_span(sides) for sides in zip(*known, strict=True))


def _span(values: Iterable[int | None]) -> str:
    """`200`; of several `2-60`; nothing where nothing is known."""
    known = {value for value in values if value is not None}
    return "-".join(map(str, sorted({min(known), max(known)}))) if known else ""


def _bytes(path: Path) -> int:
    """Bytes of a file, or of those below a folder; hidden ones, which are unfinished, do not count."""
    found = (file for file in (path, *path.rglob("*")) if not file.name.startswith("."))
    return sum(file.stat().st_size for file in found if file.is_file())
