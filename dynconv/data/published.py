"""Where the published files of a dataset lie, in whichever of the usual forms a user has them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dynconv.data.archives import SUFFIXES, open_archive
from dynconv.data.remote import Remote, check, digest
from dynconv.data.tree import FolderTree, Origin, Tree, missing


def find(raw: Path, root: str, remote: Remote | None = None) -> Path | None:
    """The archive or folder under `raw` that holds the published folder `root`; None if there is none.

    The archive as published comes first, then the unpacked folder, then an archive that somebody else has packed.
    """
    names = [remote.name] if remote else []
    names += [root, *(f"{root.partition('/')[0]}{suffix}" for suffix in SUFFIXES)]
    return next((raw / name for name in names if name and (raw / name).exists()), None)


@contextlib.contextmanager
def published(raw: Path, root: str, remote: Remote | None = None) -> Iterator[Tree]:
    """The published folder `root`, opened where `find` finds it.

    Args:
        raw: where a user's or downloaded files are.
        root: the folder as the publisher names it, at the top of the archive; "": the archive has none.
        remote: the published archive; a file of its name must have its checksum.

    Raises:
        DynconvError: there is none, its checksum is not the published one, or as `open_archive`.
    """
    path = find(raw, root, remote)
    if path is None:
        raise missing(str(raw / (remote.name if remote else root)))
    with opened(path, root, remote) as tree:
        yield tree


@contextlib.contextmanager
def opened(path: Path, root: str = "", remote: Remote | None = None) -> Iterator[Tree]:
    """The folder `path`, or what the archive `path` holds below its folder `root`; arguments as `published`."""
    if path.is_dir():
        yield FolderTree(path)
        return
    with open_archive(path, root, origin(path, remote)) as tree:
        yield tree


def origin(path: Path, remote: Remote | None = None) -> Origin:
    """What `meta.json` records of a published file; DynconvError if its checksum is not the published one."""
    found = digest(path)
    declared = remote if remote and path.name == remote.name else None
    if declared:
        check(declared, found, str(path))
    return Origin(path.name, found.bytes, found.sha256, True if declared and declared.checksum else None)
