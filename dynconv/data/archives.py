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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dynconv import files
from dynconv.data.tree import Origin
from dynconv.errors import DynconvError
from dynconv.quantities import size

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Published data sets shrink to a third, text to a tenth; a bomb to a thousandth.
_MOST_RATIO, _SMALL = 50, 64 << 20

Listing = tuple[dict[str, Any], Callable[[Any], bytes]]  # members by name, and what reads one of them


@contextlib.contextmanager
def open_archive(path: Path, root: str, origin: Origin, password: bytes | None = None) -> Iterator["ArchiveTree"]:
    """The tree below the folder `root` of the archive `path` ("": all of it).

    Members are read where they are.  A compressed tar is first made a plain one, in a temporary file beside it that
    nothing can leave behind: it has no name.

    Raises:
        DynconvError: not a whole, readable archive; a member's name leads out of it; a member is a link or a device;
            what it holds is beyond all proportion to its size; it has no folder `root`.
    """
    with contextlib.ExitStack() as stack:
        try:
            members, reader = _zip(path, stack, password) if path.name.endswith(".zip") else _tar(path, stack)
        except DynconvError:
            raise
        except Exception as error:  # the libraries raise whatever the damage leads them to
            raise DynconvError(f"{path}: not a readable archive: {_told(error)}") from None
        yield ArchiveTree(path, root, members, reader, origin)


class ArchiveTree:
    """The members of an archive below one of its folders."""

    def __init__(self, path: Path, root: str, members: dict[str, Any], reader: Callable[[Any], bytes], origin: Origin):
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

    def open(self, path: str) -> IO[bytes]:
        """As `Tree`."""
        if path not in self._members:
            raise FileNotFoundError(path)
        try:
            return io.BytesIO(self._reader(self._members[path]))
        except Exception as error:  # as above; of the password, too
            raise DynconvError(f"{self.where(path)}: damaged in the archive: {_told(error)}") from None

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

    def content(entry: zipfile.ZipInfo) -> bytes:
        with archive.open(entry) as file:
            found = file.read(entry.file_size)  # without a limit, a size that lies would fill the memory
        if len(found) != entry.file_size:
            raise EOFError(f"has {len(found)} bytes, the archive says {entry.file_size}")
        return found

    return _named(((entry.filename, entry) for entry in entries if not entry.is_dir()), path), content


def _tar(path: Path, stack: contextlib.ExitStack) -> Listing:
    if not path.name.endswith(SUFFIXES):
        raise DynconvError(f"{path}: is a file; valid: a folder, or an archive that ends in {', '.join(SUFFIXES)}")
    if path.name.endswith(".tar"):
        file: IO[bytes] = stack.enter_context(path.open("rb"))
    else:
        file = stack.enter_context(_scratch(path))
        _decompress(path, file)
        file.seek(0)
    handle = file.fileno()

    def content(stretch: tuple[int, int]) -> bytes:
        start, length = stretch
        found = os.pread(handle, length, start)  # has no position, so that threads need not wait for one another
        if len(found) != length:
            raise EOFError("the archive ends within the file")
        return found

    with tarfile.open(fileobj=file, mode="r:") as archive:
        members = _tar_members(archive, path)
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile does not mind
            raise DynconvError(f"{path}: not a readable archive: truncated or damaged after {len(members)} files")
    return members, content


def _tar_members(archive: tarfile.TarFile, path: Path) -> dict[str, Any]:
    """Offset and size of each file."""
    found = []
    for entry in archive:
        if entry.size < 0:  # the next member would be this one, for ever
            raise DynconvError(f"{path}: member {entry.name!r} has a negative size")
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
        if not parts or parts[0].startswith("/") or ".." in parts or ":" in parts[0]:
            raise DynconvError(f"{path}: member {name!r} leads out of the archive")
        named["/".join(parts)] = member
    return named


def _check_size(unpacked: int, path: Path) -> None:
    packed = path.stat().st_size
    if unpacked > max(_SMALL, _MOST_RATIO * packed):
        raise DynconvError(
            f"{path}: {size(packed)} would become {size(unpacked)} or more; valid: up to {_MOST_RATIO} times its size"
        )


def _scratch(path: Path) -> IO[bytes]:
    """A file without a name: beside `path`, or where that folder cannot be written in the system's own place."""
    try:
        return tempfile.TemporaryFile(dir=path.parent)
    except OSError:
        return tempfile.TemporaryFile()


def _decompress(path: Path, file: IO[bytes]) -> None:
    kinds: dict[str, Any] = {".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with kinds[path.suffix](path) as packed:
        while chunk := packed.read(1 << 20):
            try:
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise DynconvError(f"{path}: cannot be unpacked: {files.cause(error)}") from error
            _check_size(file.tell(), path)


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
