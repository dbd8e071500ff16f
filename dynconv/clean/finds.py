"""What `dynconv clean` can remove: finds, of the kinds that it knows, and how each goes."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Find:
    """One file or folder, about how many bytes are free without it, and what removes it."""

    path: Path
    bytes: int
    remove: Callable[[], int | None]  # may return the bytes that it has freed, where they were not known before


@dataclass
class Kind:
    """Finds of one kind."""

    what: str
    finds: list[Find]
    option: str = ""  # of `dynconv clean`, without which they stay

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(find.bytes for find in self.finds)


@dataclass
class Age:
    """What has been written to within `hours` may be in use, and is left alone."""

    hours: float
    now: float = field(default_factory=time.time)
    young: list[Path] = field(default_factory=list)  # what was left alone for it

    def allows(self, path: Path, written: Iterable[float]) -> bool:
        """Has nothing been `written` (s since 1970) to `path` for that long?"""
        if self.now - max(written, default=0.0) >= self.hours * 3600:
            return True
        self.young.append(path)
        return False


def delete(path: Path) -> None:
    """Remove a file, a link (not what it names) or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_files(files: Iterable[Path], folder: Path, top: Path) -> None:
    """Remove `files`, then `folder` and those above it up to `top`, as far as they are empty."""
    for file in files:
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        while folder != top:
            folder.rmdir()
            folder = folder.parent


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count nothing."""
    if path.is_symlink():
        return 0
    if not path.is_dir():
        return path.stat().st_size
    return sum((Path(top) / name).lstat().st_size for top, _, names in os.walk(path) for name in names)


def times_below(path: Path) -> list[float]:
    """When a file or folder and all in it were last written to (s since 1970)."""
    found = [path.lstat().st_mtime]
    if path.is_dir() and not path.is_symlink():
        found += [(Path(top) / name).lstat().st_mtime for top, _, names in os.walk(path) for name in names]
    return found
