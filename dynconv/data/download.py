"""Fetch and unpack a published archive."""

import os
import tempfile
from pathlib import Path

from dynconv.errors import DynconvError


def archive(url: str, md5: str, raw: Path, folder: str) -> None:
    """Unpack the archive at `url` so that `raw/folder` exists, whole; do nothing if it does.

    Raises:
        DynconvError: no connection, wrong checksum or no space; names the URL and where the files may be put by hand.
    """
    if (raw / folder).exists():
        return
    from torchvision.datasets.utils import download_url, extract_archive

    try:
        raw.mkdir(parents=True, exist_ok=True)
        download_url(url, raw, md5=md5)
        with tempfile.TemporaryDirectory(dir=raw, prefix=".unpack-") as scratch:
            extract_archive(raw / url.rsplit("/", 1)[-1], scratch)
            place(Path(scratch) / folder, raw / folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: torchvision's wrong checksum
        raise DynconvError(f"{url}: download failed: {error}; or put {folder} in {raw} by hand") from error


def place(scratch: Path, folder: Path) -> None:
    """Move `scratch` to `folder` in one step; if another process was faster, its folder stays."""
    try:
        os.replace(scratch, folder)
    except OSError:
        if not folder.is_dir():
            raise
