"""The verdicts in the terminal."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dynconv.report import numbers
from dynconv.report.coverage import coverage
from dynconv.report.results import Results, load
from dynconv.report.verdicts import Verdict
from dynconv.report.verdicts import verdicts as verdicts_of

WIDTH = 100
STYLES = {"superior": "bold green", "inferior": "bold red", "equivalent": "cyan", "inconclusive": "dim"}


def verdicts(results: Path) -> list[Verdict]:
    """Each variant against the control, task by task, from the tables of a results folder.

    Raises:
        DynconvError: the folder has no runs table, or a table is unreadable.
    """
    return verdicts_of(load(results))


def print_verdicts(results: Path, console: Console | None = None) -> None:
    """Print the verdicts as one table of at most 100 columns, then why the inconclusive ones are so."""
    console = console or Console()
    content = load(results)
    found = verdicts_of(content)
    width = min(WIDTH, console.width)
    console.print(Text(_completeness(content)), width=width)
    if not found:
        console.print(Text("No variant was compared with a control: the report says what is missing."), width=width)
        return
    console.print(_table(found), width=width)
    for (task, reason), names in reasons(found).items():
        console.print(Text(f"{task}: {numbers.listing(names)}: {reason}"), width=width)
    for (task, reason), names in reservations(content, found).items():
        console.print(Text(f"{task}: {numbers.listing(names)}: {reason}"), width=width)


def reasons(found: list[Verdict]) -> dict[tuple[str, str], list[str]]:
    """The reasons of the inconclusive verdicts, each once with its task and the variants it holds for."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for verdict in found:
        if verdict.verdict == "inconclusive":
            grouped.setdefault((verdict.task, verdict.reason), []).append(verdict.variant)
    return grouped


def reservations(results: Results, found: list[Verdict]) -> dict[tuple[str, str], list[str]]:
    """As `reasons`, of what is significant, but practically equivalent, or with a mean difference of the other sign."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for v in found:
        if v.verdict in ("superior", "inferior") and (small(results, v) or contrary(v)):
            grouped.setdefault((v.task, v.reason), []).append(v.variant)
    return grouped


def small(results: Results, v: Verdict) -> bool:
    """The whole interval lies within the region of practical equivalence."""
    rope = results.rope(v.task)
    return None not in (rope, v.ci_low, v.ci_high) and -rope < v.ci_low and v.ci_high < rope  # type: ignore[operator]


def contrary(v: Verdict) -> bool:
    """The mean difference has another sign than the verdict, which rests on ranks."""
    return v.diff is not None and v.diff * (1 if v.verdict == "superior" else -1) < 0


def _completeness(content: Results) -> str:
    runs = coverage(content)
    of = f" of {runs.expected}" if runs.expected is not None else ""
    missing = f", {runs.missing} missing" if runs.missing else ""
    return f"{runs.ok}{of} runs ended well, {runs.failed} failed{missing}."


def _table(found: list[Verdict]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("variant", no_wrap=True, max_width=20)
    table.add_column("mean", justify="right", no_wrap=True)
    against = Text(f"\N{MINUS SIGN} {numbers.shorten(found[0].control, 12)} [CI]")
    table.add_column(against, justify="right", no_wrap=True)
    for heading in ("W/T/L", "adj. p", "MACs", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True, min_width=12)
    task = None
    for v in found:
        if v.task != task:
            table.add_section()
            table.add_row(Text(v.task, style="bold"), Text(numbers.unit(v.metric).strip() or v.metric, style="dim"))
            task = v.task
        cells = (
            f" {v.variant}",
            numbers.value(v.mean, v.metric),
            f"{numbers.difference(v.diff, v.metric)} {numbers.interval(v.ci_low, v.ci_high, v.metric)}",
            f"{v.wins}/{v.ties}/{v.losses}",
            numbers.p_value(v.p_adjusted),
            numbers.ratio(v.cost.macs),
            numbers.ratio(v.cost.train_s),
        )
        table.add_row(*(Text(cell) for cell in cells), Text(v.verdict, style=STYLES.get(v.verdict, "")))
    return table
