"""Archives as trees: zip, tar and compressed tar, refused where they are not what an honest publisher makes."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dynconv.data.tree import Origin
from dynconv.errors import DynconvError
from dynconv.quantities import size

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Published data sets shrink to a third, text to a tenth; a bomb to a thousandth.
_MOST_RATIO, _SMALL = 50, 64 << 20

Listing = tuple[dict[str, Any], Callable[[Any], IO[bytes]]]  # members by name, and what opens one of them


@contextlib.contextmanager
def open_archive(path: Path, root: str, origin: Origin, password: bytes | None = None) -> Iterator["ArchiveTree"]:
    """The tree below the folder `root` of the archive `path` ("": all of it).

    Members are read where they are.  A compressed tar is first made a plain one, in a temporary file beside it.

    Raises:
        DynconvError: not a readable archive; a member's name leads out of it; a member is a link or a device; what it
            holds is beyond all proportion to its size; it has no folder `root`.
    """
    with contextlib.ExitStack() as stack:
        try:
            members, reader = _zip(path, stack, password) if path.name.endswith(".zip") else _tar(path, stack)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, lzma.LZMAError) as error:
            raise DynconvError(f"{path}: not a readable archive: {error}") from None
        except OSError as error:  # gzip's own errors among them
            raise DynconvError(f"{path}: cannot be read: {error.strerror or error}") from None
        yield ArchiveTree(path, root, members, reader, origin)


class ArchiveTree:
    """The members of an archive below one of its folders."""

    def __init__(
        self, path: Path, root: str, members: dict[str, Any], reader: Callable[[Any], IO[bytes]], origin: Origin
    ):
        self.origin = origin
        self._path, self._root, self._reader = path, root, reader
        prefix = f"{root}/" if root else ""
        self._members = {name[len(prefix) :]: m for name, m in members.items() if name.startswith(prefix)}
        if not self._members:
            tops = sorted({name.partition("/")[0] for name in members})
            raise DynconvError(f"{path}: has no folder {root}; it holds {', '.join(tops[:5]) or 'nothing'}")
        self._files: dict[str, list[str]] = {}
        self._folders: dict[str, set[str]] = {}
        for name in self._members:
            parent = name.rpartition("/")[0]
            self._files.setdefault(parent, []).append(name)
            while parent:
                above = parent.rpartition("/")[0]
                self._folders.setdefault(above, set()).add(parent)
                parent = above

    def files(self, folder: str = "") -> list[str]:
        """As `Tree`."""
        return sorted(self._files.get(folder, ()))

    def folders(self, folder: str = "") -> list[str]:
        """As `Tree`."""
        return sorted(self._folders.get(folder, ()))

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """As `Tree`."""
        if path not in self._members:
            raise FileNotFoundError(path)
        try:
            with self._reader(self._members[path]) as file:
                yield file
        except (zipfile.BadZipFile, RuntimeError, zlib.error) as error:  # RuntimeError: the password
            raise DynconvError(f"{self.where(path)}: damaged in the archive: {error}") from None

    def where(self, path: str) -> str:
        """As `Tree`."""
        return f"{self._path}:{self._root}/{path}" if self._root else f"{self._path}:{path}"


def _zip(path: Path, stack: contextlib.ExitStack, password: bytes | None) -> Listing:
    archive = stack.enter_context(zipfile.ZipFile(path))
    if password:
        archive.setpassword(password)
    entries = archive.infolist()
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DynconvError(f"{path}: member {entry.filename!r} is a link or a device; only files are read")
    _check_size(sum(entry.file_size for entry in entries), path)
    return _named(((entry.filename, entry) for entry in entries if not entry.is_dir()), path), archive.open


def _tar(path: Path, stack: contextlib.ExitStack) -> Listing:
    plain = path
    if not path.name.endswith(".tar"):
        scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=".unpack-"))
        plain = Path(scratch) / "plain.tar"
        _decompress(path, plain)
    file = stack.enter_context(plain.open("rb"))
    with tarfile.open(fileobj=file, mode="r:") as archive:
        return _tar_members(archive, path), _Stretches(file.fileno()).open


def _tar_members(archive: tarfile.TarFile, path: Path) -> dict[str, Any]:
    """Offset and size of each file."""
    found = []
    for entry in archive:
        if entry.isdir():
            continue
        if not entry.isreg() or entry.issparse():
            raise DynconvError(f"{path}: member {entry.name!r} is a link or a device; only files are read")
        found.append((entry.name, (entry.offset_data, entry.size)))
    return _named(found, path)


def _named(members: Iterable[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """The members by their plain names."""
    named = {}
    for name, member in members:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
            raise DynconvError(f"{path}: member {name!r} leads out of the archive")
        named["/".join(parts)] = member
    return named


def _check_size(unpacked: int, path: Path) -> None:
    packed = path.stat().st_size
    if unpacked > max(_SMALL, _MOST_RATIO * packed):
        raise DynconvError(
            f"{path}: {size(packed)} would become {size(unpacked)} or more; valid: up to {_MOST_RATIO} times its size"
        )


def _decompress(path: Path, plain: Path) -> None:
    kinds: dict[str, Any] = {
        "gz": gzip.open,
        "tgz": gzip.open,
        "bz2": bz2.open,
        "xz": lzma.open,
    }
    with kinds[path.name.rpartition(".")[2]](path) as packed, plain.open("wb") as file:
        while chunk := packed.read(1 << 20):
            file.write(chunk)
            _check_size(file.tell(), path)


class _Stretches:
    """Stretches of one open file.  `pread` has no position, so that threads need not wait for one another."""

    def __init__(self, handle: int):
        self._handle = handle

    def open(self, stretch: tuple[int, int]) -> IO[bytes]:
        start, length = stretch
        content = os.pread(self._handle, length, start)
        if len(content) != length:
            raise EOFError("the archive ends within the file")
        return io.BytesIO(content)
