"""What the methods text can cite: `references.bib`, one entry after another, and what its readers need of it."""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

_ACCENTS = {"'": "\u0301", '"': "\u0308", "v": "\u030c", "`": "\u0300", "^": "\u0302", "~": "\u0303"}


@dataclass(frozen=True)
class Entry:
    """One entry: its key, its BibTeX, and as text: a label such as `He et al. 2016`, and a line for a list."""

    key: str
    bibtex: str
    label: str
    text: str


@functools.cache
def entries() -> dict[str, Entry]:
    """Every entry by its key."""
    source = resources.files("dynconv.report.paper").joinpath("references.bib").read_text(encoding="utf-8")
    found = [_entry(block) for block in source.strip().split("\n\n")]
    return {entry.key: entry for entry in found}


def bibtex(keys: Iterable[str]) -> str:
    """The entries of these keys, sorted."""
    return "\n\n".join(entries()[key].bibtex for key in sorted(keys)) + "\n"


def _entry(block: str) -> Entry:
    head, *lines = block.splitlines()
    key = head.partition("{")[2].rstrip(",")
    fields = {name: _plain(value) for name, value in re.findall(r"^\s*(\w+) = \{(.*)\},?$", "\n".join(lines), re.M)}
    authors = fields["author"].split(" and ")
    surnames = [author.partition(",")[0] for author in authors]
    if len(surnames) == 2 and surnames[1] != "others":
        names = " & ".join(surnames)
    else:
        names = surnames[0] + (" et al." if len(surnames) > 1 else "")
    label = f"{names} {fields['year']}"
    place = next(fields[k] for k in ("journal", "booktitle", "institution", "publisher", "howpublished") if k in fields)
    volume = fields.get("volume", "") + (f"({fields['number']})" if "number" in fields else "")
    pages = fields.get("pages", "")
    where = " ".join(part for part in (place, f"{volume}:{pages}" if volume and pages else volume or pages) if part)
    return Entry(key, block, label, f"{names} ({fields['year']}). {fields['title']}. {where}.")


def _plain(value: str) -> str:
    """BibTeX's text without braces, with its accents and quotation marks."""
    text = re.sub(r"\{?\\(['\"v`^~])\{?(\w)\}?\}?", lambda hit: hit[2] + _ACCENTS[hit[1]], value)
    text = text.replace("`", "\u2018").replace("'", "\u2019")
    return unicodedata.normalize("NFC", text).replace("{", "").replace("}", "").replace("--", "\u2013")
