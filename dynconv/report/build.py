"""The page: every section in order, the figures, one file that needs nothing else."""

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from dynconv import __version__
from dynconv.files import write_bytes, write_text
from dynconv.report import numbers, paper, trace
from dynconv.report.coverage import coverage
from dynconv.report.figures import (
    accuracy_cost,
    critical_difference,
    differences,
    forest,
    learning_curves,
    pareto,
    performance_profile,
    posterior,
)
from dynconv.report.figures import dynamics as dynamics_figures
from dynconv.report.figures.drawing import Drawing
from dynconv.report.figures.palette import COLOURS, styles
from dynconv.report.results import Results, load
from dynconv.report.sections import across, answer, completeness, cost, dynamics, methods, provenance, tasks, tuning
from dynconv.report.sections.section import Section

FIGURES = (
    forest,
    critical_difference,
    posterior,
    performance_profile,
    differences,
    learning_curves,
    accuracy_cost,
    pareto,
    dynamics_figures,
)
SCRIPTS = ("sort", "filter", "trace", "theme")
SECTIONS = (answer, across, tasks, dynamics, tuning, cost, completeness, provenance, methods)


def build(results: Path, out: Path | None = None) -> Path:
    """Write the report of a results folder to `out` (default: its `report.html`); into the folder its figures, and what
    a paper needs (`paper.write`).

    The same tables give the same bytes.

    Raises:
        DynconvError: the folder has no runs table, a table is unreadable, or the report cannot be written.
    """
    results = Path(results)
    out = Path(out) if out else results / "report.html"
    content = load(results)
    drawings = {drawing.name: drawing for module in FIGURES for drawing in module.drawings(content)}
    page = text(content, drawings, os.path.relpath(results, out.parent))
    (results / "figures").mkdir(parents=True, exist_ok=True)  # there is one even if nothing can be drawn
    for drawing in drawings.values():
        write_text(results / "figures" / f"{drawing.name}.svg", drawing.svg)
        if drawing.pdf:
            write_bytes(results / "figures" / f"{drawing.name}.pdf", drawing.pdf)
    write_text(out, page)
    paper.write(content, results, {drawing.name: drawing.caption for drawing in drawings.values()})
    return out


def text(content: Results, drawings: Mapping[str, Drawing], folder: str) -> str:
    """The page, with those of the figures that there are; `folder` leads from the page to the results folder."""
    parts = [section for module in SECTIONS for section in module.sections(content, drawings)]
    shared = {"folder": folder, "styles": styles(content.variants)}
    return page("page.html.j2", parts, shared, content=content, total=coverage(content))


def page(template: str, parts: list[Section], shared: dict[str, Any], **shell: Any) -> str:
    """A page of sections as text: `shared` is what each of them needs besides its context, `shell` the page alone."""
    environment = _environment()

    def body(part: Section, level: int = 3) -> Markup:
        own = (
            environment.get_template(part.template).render(part=part, **shared, **part.context) if part.template else ""
        )
        heading = Markup('<h{level} id="{id}">{title}</h{level}>\n{body}')
        return Markup(own) + Markup("").join(
            heading.format(level=level, id=sub.id, title=sub.title, body=body(sub, level + 1)) for sub in part.parts
        )

    bodies = [(part, body(part)) for part in parts]
    script = "\n".join(_source(f"{name}.js") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        **shared,
        **shell,
        bodies=bodies,
        colours=COLOURS,
        css=Markup(_source("page.css")),
        script=Markup(script),
        script_digest=digest,
        version=__version__,
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dynconv.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = (
        numbers.value,
        numbers.difference,
        numbers.half_width,
        numbers.p_value,
        numbers.ratio,
        numbers.signed,
        numbers.count,
        numbers.rate,
        numbers.integer,
        numbers.seconds,
        numbers.amount,
        numbers.kilowatt_hours,
        numbers.label,
        numbers.unit,
        numbers.task_title,
    )
    environment.filters |= {function.__name__: function for function in formats}
    environment.globals |= {"known": numbers.known, "interval": numbers.interval, "half_width": numbers.half_width}
    environment.globals |= {"where": trace.where}
    return environment


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
