"""Published files as a tree that is only read: a folder, or an archive whose members are read where they are.

Nothing is unpacked: a hundred thousand images stay one file, and no member's name can lead anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from dynconv.errors import DynconvError


@dataclass(frozen=True)
class Origin:
    """What a tree was read from; `meta.json` records it."""

    name: str  # of the archive or the folder
    bytes: int | None = None  # None: a folder
    sha256: str | None = None
    verified: bool | None = None  # True: the published checksum; None: none is known


class Tree(Protocol):
    """Files by their path below the tree's root, with `/` between folders."""

    origin: Origin

    def files(self, folder: str = "") -> list[str]:
        """Paths of the files directly in `folder`, sorted; empty if there is no such folder."""

    def folders(self, folder: str = "") -> list[str]:
        """Paths of the folders directly in `folder`, sorted."""

    def open(self, path: str) -> IO[bytes]:
        """The file, to be read from its beginning; FileNotFoundError if there is none."""

    def where(self, path: str) -> str:
        """What errors call the file: its path on disk, or `archive.zip:path`."""


def exists(tree: Tree, path: str) -> bool:
    """Whether the tree has the file."""
    return path in tree.files(str(PurePosixPath(path).parent).removeprefix("."))


def top(tree: Tree, name: str) -> str:
    """What to put before all paths: `folder/` where not the root holds the file or folder `name`, but a folder of it
    does, as when somebody has packed the published folder with its name; else ""."""
    for folder in ("", *tree.folders()):
        prefix = f"{folder}/" if folder else ""
        if f"{prefix}{name}" in (*tree.files(folder), *tree.folders(folder)):
            return prefix
    return ""


def read(tree: Tree, path: str) -> bytes:
    """The content of a file; DynconvError if it is missing or damaged.  Many threads may read one tree."""
    try:
        with tree.open(path) as file:
            return file.read()
    except FileNotFoundError:
        raise missing(tree.where(path)) from None
    except (OSError, EOFError) as error:
        raise DynconvError(f"{tree.where(path)}: cannot be read: {error}") from None


def lines(tree: Tree, path: str) -> list[str]:
    """The non-empty lines of a text file, stripped; DynconvError as `read`, or if it is not UTF-8."""
    try:
        text = read(tree, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DynconvError(f"{tree.where(path)}: not a text file: {error}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def entries(tree: Tree, path: str) -> list[str]:
    """The lines of a list, of which there must be some, each once; DynconvError otherwise, or as `lines`."""
    found = lines(tree, path)
    if not found:
        raise DynconvError(f"{tree.where(path)}: is empty")
    if len(set(found)) < len(found):
        twice = next(name for place, name in enumerate(found) if name in found[:place])
        raise DynconvError(f"{tree.where(path)}: lists {twice} twice")
    return found


def missing(where: str) -> DynconvError:
    """The error about a published file that is not there."""
    return DynconvError(f"{where}: no such file; run without --no-download or put the published files there")


class FolderTree:
    """A folder that the user has unpacked."""

    def __init__(self, root: Path):
        self.root = root
        self.origin = Origin(f"{root.name}/")

    def files(self, folder: str = "") -> list[str]:
        """As `Tree`."""
        return sorted(path for path, is_file in self._entries(folder) if is_file)

    def folders(self, folder: str = "") -> list[str]:
        """As `Tree`."""
        return sorted(path for path, is_file in self._entries(folder) if not is_file)

    def open(self, path: str) -> IO[bytes]:
        """As `Tree`."""
        return (self.root / path).open("rb")

    def where(self, path: str) -> str:
        """As `Tree`."""
        return str(self.root / path)

    def _entries(self, folder: str) -> Iterator[tuple[str, bool]]:
        place = self.root / folder
        if place.is_dir():
            for entry in place.iterdir():
                yield entry.relative_to(self.root).as_posix(), not entry.is_dir()
