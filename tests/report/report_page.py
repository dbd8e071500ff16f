"""Reading a report back: its text, tags, anchors and the cells of its tables."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from dynconv.report.build import text
from dynconv.report.results import load

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Row:
    """A row of a table, and the attributes of each of its cells."""

    attributes: dict[str, str | None]
    cells: list[dict[str, str | None]] = field(default_factory=list)


@dataclass
class Table:
    """A table, heading rows first."""

    attributes: dict[str, str | None]
    rows: list[Row] = field(default_factory=list)


class Page(HTMLParser):
    """A parsed report; feeding fails the test when a tag is closed that is not the open one."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.tables: list[Table] = []
        self.rows: dict[str, list[dict[str, str]]] = {}  # data-row -> its cells: attributes and `text`
        self._open: list[str] = []
        self._row: list[dict[str, str]] | None = None
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append(Table(attributes))
        if tag == "tr":
            self.tables[-1].rows.append(Row(attributes))
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].cells.append(attributes)
        if tag == "tr":
            self._row = self.rows.setdefault(attributes["data-row"], []) if "data-row" in attributes else None
        if tag in ("td", "th") and self._row is not None:
            self._row.append({**attributes, "text": ""})

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self.text += " "

    def handle_data(self, data):
        if self._open[-1:] not in (["script"], ["style"]):
            self.text += data
        if self._row and {"td", "th"} & set(self._open):
            self._row[-1]["text"] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


def words(folder: Path) -> Page:
    """The page of a folder without its figures, which take most of the time to make."""
    file = folder / "words.html"
    file.write_text(text(load(folder), {}, "."), encoding="utf-8")
    return Page(file)
