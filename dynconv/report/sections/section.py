"""What a section is."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """One section of the page: its anchor, heading, template (a file of `templates/`) and what the template needs.

    Its `parts` follow below it, under headings of their own.
    """

    id: str
    title: str
    template: str | None = None
    context: dict[str, Any] = field(default_factory=dict)
    parts: tuple["Section", ...] = ()
