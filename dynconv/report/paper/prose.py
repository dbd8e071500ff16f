r"""Paragraphs with citations, as LaTeX, as HTML, or as plain text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from dynconv.report.paper import bibliography
from dynconv.report.paper.latex import breakable


@dataclass(frozen=True)
class Cite:
    """A citation of one or several entries of the bibliography, by their keys."""

    keys: tuple[str, ...]


def cite(*keys: str) -> Cite:
    """A citation."""
    return Cite(keys)


@dataclass(frozen=True)
class Paragraph:
    """A heading, and texts with citations between them; the texts are plain, whatever names stand in them."""

    title: str
    parts: tuple[str | Cite, ...]

    @property
    def cited(self) -> list[str]:
        """Keys in the order of their first citation."""
        return [*dict.fromkeys(key for part in self.parts if isinstance(part, Cite) for key in part.keys)]


def cited(paragraphs: Iterable[Paragraph]) -> list[str]:
    """Keys in the order of their first citation."""
    return [*dict.fromkeys(key for paragraph in paragraphs for key in paragraph.cited)]


def latex(paragraphs: Iterable[Paragraph]) -> str:
    r"""The paragraphs, each after its `\paragraph`, with `\cite`."""
    return "\n".join(f"\\paragraph{{{breakable(p.title)}.}}\n{''.join(_latex(p.parts))}\n" for p in paragraphs)


def _latex(parts: Iterable[str | Cite]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Cite):
            yield f"~\\cite{{{','.join(part.keys)}}}"
        else:
            yield _spaced(part, breakable(part))


def html(paragraphs: Iterable[Paragraph]) -> Markup:
    """The paragraphs as `<p>`; each citation links to `#ref-<key>` (see `references`)."""
    found = bibliography.entries()
    return Markup("\n").join(
        Markup("<p><strong>{}.</strong> {}</p>").format(
            p.title,
            Markup("").join(
                Markup(" ({})").format(
                    Markup("; ").join(
                        Markup('<a href="#ref-{0}">{1}</a>').format(key, found[key].label) for key in part.keys
                    )
                )
                if isinstance(part, Cite)
                else part
                for part in p.parts
            ),
        )
        for p in paragraphs
    )


def plain(paragraphs: Iterable[Paragraph]) -> str:
    """The paragraphs as text, with the labels of what they cite."""
    found = bibliography.entries()
    return "\n\n".join(
        f"{p.title}. "
        + "".join(
            f" ({'; '.join(found[key].label for key in part.keys)})" if isinstance(part, Cite) else part
            for part in p.parts
        )
        for p in paragraphs
    )


def references(paragraphs: Iterable[Paragraph]) -> list[bibliography.Entry]:
    """What the paragraphs cite, by label."""
    found = bibliography.entries()
    return sorted((found[key] for key in cited(paragraphs)), key=lambda entry: (entry.label.lower(), entry.key))


def _spaced(text: str, escaped: str) -> str:
    """The escaped text with the spaces that the text has at its ends."""
    return " " * (text[:1] == " ") + escaped.strip(" ") + " " * (text[-1:] == " ")
