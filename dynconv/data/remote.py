"""A published file: where it is to be had, and how to know that it is the one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dynconv.errors import DynconvError

_CHUNK = 1 << 20
_KINDS = {32: "md5", 64: "sha256"}  # by the number of hex digits


@dataclass(frozen=True)
class Remote:
    """One file as its publisher offers it."""

    urls: tuple[str, ...]  # the publisher's first, then mirrors
    checksum: str = ""  # hex md5 or sha256 as published; "": none is known
    bytes: int | None = None  # as published; None: not known

    @property
    def name(self) -> str:
        """The file's name on disk: that of its first URL."""
        return self.urls[0].partition("?")[0].rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Digest:
    """What a file was found to be."""

    bytes: int
    md5: str
    sha256: str


def digest(path: Path) -> Digest:
    """Size and digests of a file, read once."""
    md5, sha256, count = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
            count += len(chunk)
    return Digest(count, md5.hexdigest(), sha256.hexdigest())


def check(remote: Remote, found: Digest, where: str) -> None:
    """Raise DynconvError, naming `where`, unless `found` is the file that `remote` declares."""
    if remote.bytes is not None and found.bytes != remote.bytes:
        raise DynconvError(f"{where}: has {found.bytes} bytes, the published file {remote.bytes}")
    if not remote.checksum:
        return
    kind = _KINDS[len(remote.checksum)]
    if (own := getattr(found, kind)) != remote.checksum:
        raise DynconvError(f"{where}: its {kind} is {own}, the published file's {remote.checksum}")
