"""The picture as lines of text that fit a terminal: counts, grid, jobs, failures and the answer so far."""

from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text

from dynconv.listing_runs import Line
from dynconv.quantities import duration
from dynconv.report import numbers
from dynconv.stats import verdict
from dynconv.watch.grid import draw, grid
from dynconv.watch.look import Answer, Picture
from dynconv.watch.pace import Pace
from dynconv.watch.texts import STYLES, Symbols, clean, cut, fit, line

_VERDICTS = {"superior": "bold green", "inferior": "bold red", "equivalent": "cyan", "inconclusive": "dim"}
_LEAST_GRID = 4


def screen(
    picture: Picture,
    width: int,
    height: int,
    marks: Symbols,
    *,
    footer: str = "",
    last_lines: Callable[[Sequence[str]], dict[str, str]] = lambda runs: {},
) -> list[Text]:
    """At most `height` lines of at most `width` cells each; what has no room is counted.

    Args:
        picture: what is known.
        width: cells of a line.
        height: lines of the terminal.
        marks: what it can show.
        footer: the last line.
        last_lines: of the logs of the runs that are shown, by run.
    """
    head = _head(picture, width, marks)[: max(1, height - 1)]
    room = height - len(head) - bool(footer)
    found = grid(picture.lines)
    running = [each for each in picture.lines if each.state == "running"]
    # Each part takes what it needs, at most its share; what is left belongs to the grid.
    free = max(0, room - min(_LEAST_GRID, len(found.datasets) + 1))
    answer = _answer(picture, width, min(free, max(2, room // 4)), marks)
    free -= len(answer)
    failures = _failures(picture.failures, width, min(free, max(2, room // 5)), marks)
    free -= len(failures)
    jobs = _running(running, width, min(free, max(2, room // 4)), marks, last_lines)
    rest = room - len(answer) - len(failures) - len(jobs)
    lines = [*head, *draw(found, width, rest, marks), *jobs, *failures, *answer]
    end = [line(width, (cut(footer, width, marks), "dim"))] if footer else []
    return [*lines[: height - len(end)], *end]


def _head(picture: Picture, width: int, marks: Symbols) -> list[Text]:
    counts = Counter(each.state for each in picture.lines)
    total = counts.total()
    name = cut(clean(picture.name, marks), max(8, width // 3), marks)
    parts: list[tuple[str, str] | str] = [(name, "bold"), f"  {counts['ok']} of {total} runs ok"]
    for state in STYLES:
        if state != "ok" and counts[state]:
            parts += [marks.dot, (f"{counts[state]} {state}", STYLES[state])]
    lines = [line(width, *parts), _bar(counts, total, width, marks)]
    left = told(picture.pace, sum(counts[state] for state in ("running", "queued", "missing", "died")))
    gpu, cpu = picture.jobs
    jobs = [f"{gpu} with a GPU"] * bool(gpu) + [f"{cpu} on CPUs"] * bool(cpu)
    work = f"jobs: {', '.join(jobs)}" if jobs else "no job runs"
    if picture.steps:
        work += f"{marks.dot}also {', '.join(picture.steps)}"
    together = f"{left}{marks.dot}{work}"
    said = [together] if cell_len(together) <= width else [left, work]
    return [*lines, *(line(width, cut(clean(text, marks), width, marks)) for text in said)]


def told(pace: Pace, rest: int) -> str:
    """The pace in words, with what it rests on."""
    if not rest:
        return "nothing left to run"
    if pace.per_hour is None or pace.left_s is None:
        return "time left: not known before 3 runs have finished"
    rate = f"{pace.per_hour:.0f}" if pace.per_hour >= 10 else f"{pace.per_hour:.1f}"
    unseen = f", {pace.unseen} of them not timed yet" if pace.unseen else ""
    return f"{rate} runs/h, about {duration(pace.left_s)} left at this pace ({rest} runs{unseen})"


def _bar(counts: Counter[str], total: int, width: int, marks: Symbols) -> Text:
    """One sign a share of the runs, by state; what is there at all has one sign at least."""
    order = [state for state in ("ok", "failed", "died", "running", "queued") if counts[state]]
    signs = {"ok": marks.bar, "queued": "-" if marks.plain else "─"}
    parts, used = [], 0
    for state in order:
        length = min(max(1, counts[state] * width // max(1, total)), width - used)
        used += length
        parts.append((signs.get(state, marks.bar if not marks.plain else marks.glyphs[state]) * length, STYLES[state]))
    return line(width, *parts)


def _title(text: str, shown: int, total: int, width: int, marks: Symbols) -> Text:
    more = f" ({total - shown} more)" if total > shown else ""
    return line(width, (cut(text + more, width, marks), "bold"))


def _running(
    running: list[Line],
    width: int,
    height: int,
    marks: Symbols,
    last_lines: Callable[[Sequence[str]], dict[str, str]],
) -> list[Text]:
    """The runs that run, the longest first, with the last lines of their logs."""
    if height < 2 or not running:
        return []
    shown = sorted(running, key=lambda each: -(each.elapsed_s or 0))[: height - 1]
    logs = last_lines([each.run for each in shown])
    cells = [
        (each.run, each.job or "", each.node or "", "" if each.elapsed_s is None else duration(each.elapsed_s))
        for each in shown
    ]
    widths = [
        min(limit, max(map(cell_len, column)))
        for column, limit in zip(zip(*cells, strict=True), (width // 3, 12, 12, 12), strict=True)
    ]
    lines = [_title("running", len(shown), len(running), width, marks)]
    for each, row in zip(shown, cells, strict=True):
        texts = [fit(clean(cell, marks), size, marks) for cell, size in zip(row, widths, strict=True)]
        lines.append(line(width, "  " + "  ".join(texts) + "  ", (clean(logs.get(each.run, ""), marks), "dim")))
    return lines


def _failures(failures: list[tuple[str, str]], width: int, height: int, marks: Symbols) -> list[Text]:
    if height < 2 or not failures:
        return []
    shown = failures[: height - 1]
    lines = [_title("failed or died, the latest first", len(shown), len(failures), width, marks)]
    for run, cause in shown:
        name = cut(clean(run, marks), width // 2, marks)
        lines.append(line(width, f"  {name}  ", (clean(cause, marks) or "no cause recorded", "red")))
    return lines


def _answer(picture: Picture, width: int, height: int, marks: Symbols) -> list[Text]:
    """What the newest comparison says, what is decided first."""
    if height < 1:
        return []
    if picture.answer is None:
        return [
            line(width, (cut("no comparison yet: dynconv snapshot makes one of what is finished", width, marks), "dim"))
        ]
    order = list(_VERDICTS)
    found = sorted(picture.answer.lines, key=lambda each: order.index(each.verdict) if each.verdict in order else 9)
    shown = found[: height - 1]
    title = (
        f"the answer so far, {duration(max(0.0, picture.now - picture.answer.written))} old ({_origin(picture.answer)})"
    )
    lines = [_title(title, len(shown), len(found), width, marks)]
    for each in shown:
        lines.append(
            line(width, f"  {clean(_verdict(each), marks)}  ", (each.verdict, _VERDICTS.get(each.verdict, "")))
        )
    return lines


def _origin(answer: Answer) -> str:
    return "of a snapshot" if answer.folder.parent.name == "snapshot" else "of the whole study"


def _verdict(each: verdict.Line) -> str:
    size = numbers.difference(each.diff, each.metric).replace(numbers.MINUS, "-")  # a minus that any terminal has
    points = " points" if numbers.unit(each.metric) else ""
    size = f"{size}{points}, W/T/L {each.wins}/{each.ties}/{each.losses}" if each.diff is not None else "not known yet"
    p = "" if each.p_adjusted is None else f", adj. p {numbers.p_value(each.p_adjusted)}"
    return f"{each.task}, {each.variant} - {each.control}: {size}{p}"
