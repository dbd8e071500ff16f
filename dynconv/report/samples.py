"""The contact sheets of a results folder, for the page: `samples/<dataset>.svg`, as `dynconv samples` wrote them."""

import xml.etree.ElementTree as ET
from pathlib import Path

from dynconv.errors import DynconvError
from dynconv.report.figures.drawing import Drawing

FOLDER = "samples"
_SVG = "{http://www.w3.org/2000/svg}"


def sheets(results: Path, datasets: list[str]) -> dict[str, Path]:
    """The files of those of the datasets that have a sheet, in the order of `datasets`."""
    folder = results / FOLDER
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.svg")}
    return {dataset: found[dataset] for dataset in datasets if dataset in found}


def read(dataset: str, path: Path) -> Drawing:
    """The sheet of a dataset as a figure of the page; DynconvError if the file is none."""
    try:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        title, caption = (root.find(f"{_SVG}{name}") for name in ("title", "desc"))
    except (OSError, UnicodeDecodeError, ET.ParseError) as error:
        raise DynconvError(f"{path}: not a readable SVG file: {error}; make it again with `dynconv samples`") from None
    if title is None or caption is None:
        raise DynconvError(f"{path}: not a contact sheet; make it again with `dynconv samples`")
    root.remove(title)  # the page says it in its own way, not as a tip under the pointer
    root.remove(caption)
    return Drawing(f"{FOLDER}/{dataset}", title.text or "", caption.text or "", ET.tostring(root, encoding="unicode"))
