"""What a dataset file says about itself, and how a dataset is found by its name."""

import difflib
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from dynconv import plugins
from dynconv.errors import DynconvError, valid
from dynconv.study import DATASETS, Task

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

ANY: tuple[str, ...] = ()  # `Spec.members` of a family whose members are folders or archives that the user has
_ANY_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"  # never `..`: a member's name becomes a folder
VOID = 255  # mask value of pixels that count neither in training nor in evaluation


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset before it is prepared, as published; afterwards `meta.json` is the truth."""

    shape: tuple[int, ...] | None = None  # of one example's x: [C, H, W] or [C, L]; None: only the files tell
    classes: int | None = None
    train: int | None = None  # examples
    test: int | None = None
    kind: str | None = None  # what the data are of, in their source's words: "Image", "Sensor", ...


@dataclass(frozen=True)
class Spec:
    """The declaration of a dataset (`SPEC` of its file); it ends up in `meta.json`."""

    task: Task
    title: str
    source: str  # URL of the published files, or the file that generates them
    licence: str
    citation: str
    split_rule: str
    members: tuple[str, ...] | None = None  # a family's datasets (`ucr/GunPoint`) or `ANY`; None: it is one dataset
    # Words that name some of the members in a study.  Each begins with the family's name, so that no two files clash.
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Facts | None = None
    member_facts: Callable[[str], Facts] | None = None  # of a family: what is known of a member

    def __post_init__(self) -> None:
        object.__setattr__(self, "subsets", MappingProxyType(dict(self.subsets)))


class DatasetFile(Protocol):
    """What a module of `dynconv/data/datasets/` exports.  `member` is "" unless the dataset is a family."""

    SPEC: Spec

    def download(self, raw: Path, member: str) -> None:
        """Put the published files under `raw`; do nothing if they are there."""

    def prepare(self, raw: Path, writer: "Writer", member: str) -> None:
        """Read the published files under `raw` and hand every example to `writer`."""

    def toy(self, raw: Path, member: str) -> None:
        """Write a very small raw dataset of the published on-disk format under `raw`."""


def find(name: str) -> tuple[DatasetFile, str]:
    """The dataset's module and the member's name ("" if the dataset is not a family).

    Raises:
        DynconvError: no such dataset or member; the message lists those there are.
    """
    family, _, member = name.partition("/")
    module = cast(DatasetFile, plugins.load(DATASETS, family))
    members = module.SPEC.members
    if members is None and member:
        raise DynconvError(f"dataset {name!r}: {family} has no members; valid: {family}")
    if members == ANY and not re.fullmatch(_ANY_NAME, member):
        rule = "letters, digits, _, - and ."
        raise DynconvError(f"dataset {name!r}: name data of your own, as in {family}/pets; valid: {rule}")
    if members and member not in members:
        close = difflib.get_close_matches(member, members, n=1)
        meant = f" (did you mean {family}/{close[0]}?)" if close else ""
        what = (
            f"unknown member {member!r}"
            if member
            else f"{family} is a family: name a member, as in {family}/{members[0]}, or all of them, {family}/*"
        )
        raise DynconvError(f"dataset {name!r}: {what}{meant}; {valid(members)}")
    return module, member


@functools.cache  # asked for once a run, where a study has 10,000
def spec(name: str) -> Spec:
    """The declaration of a dataset: `digits`, or `ucr/GunPoint` for a member of a family; DynconvError as `find`."""
    return find(name)[0].SPEC


def kind(name: str) -> str | None:
    """What the data of a dataset are of, as published: `Sensor` of `ucr/ItalyPowerDemand`; None where nothing says."""
    try:
        module, member = find(name)
    except DynconvError:  # a dataset of somebody else's
        return None
    facts = module.SPEC.member_facts(member) if module.SPEC.member_facts and member else module.SPEC.facts
    return facts.kind if facts else None


def lines(file: Path) -> list[str]:
    """The non-empty lines of a text file of a published dataset; DynconvError if it cannot be read."""
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise DynconvError(
            f"{file}: no such file; run without --no-download or put the published files there"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DynconvError(f"{file}: cannot be read: {error}") from None
