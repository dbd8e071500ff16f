"""The picture of `dynconv list runs` as text: it fits whatever the terminal is, and says what it leaves out."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from dynconv.listing_runs import Line
from dynconv.stats.verdict import Line as Verdict
from dynconv.watch.grid import draw, grid
from dynconv.watch.look import Answer, Picture
from dynconv.watch.pace import Pace, pace
from dynconv.watch.screen import screen
from dynconv.watch.texts import ASCII, UNICODE, symbols

EVIL = "\x1b[31mred\x07 [bold]not bold[/] \r\n\u202e日本語" + "x" * 300


def lines_of(datasets, variants, seeds, state=lambda d, v, s: "ok"):
    return [
        Line(f"data{d}/variant{v}/seed{s}", state(d, v, s), elapsed_s=60.0 * s, job=f"88_{s}", node="n7", note="why")
        for d in range(datasets)
        for v in range(variants)
        for s in range(seeds)
    ]


def verdict_of(variant, said):
    return Verdict(
        "classification", "accuracy", variant, "vanilla", 5, 0.031, 0.01, 0.05, 4, 0, 1, 0.004, "holm", False, said, "."
    )


def mixed(d, v, s):
    """Three datasets of which something is to be seen, far down the list."""
    return {(100, 1, 3): "failed", (120, 0, 0): "running", (90, 2, 9): "died"}.get(
        (d, v, s), "ok" if d < 60 else "missing"
    )


def text(lines):
    return [line.plain for line in lines]


def test_a_sign_a_seed():
    states = [["ok", "failed", "running", "queued"], ["died", "missing", "ok", "ok"]]
    found = grid(lines_of(1, 2, 4, lambda d, v, s: states[v][s]))
    head, row = text(draw(found, 40, 10, UNICODE))
    assert row.split(maxsplit=1)[0] == "data0" and "■✗▶·" in row and "✗ ■■" in row and head.count("vari") == 2
    head, row = text(draw(found, 40, 10, ASCII))
    assert "#x>." in row and "x ##" in row and (head + row).isascii()


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 12), (20, 6), (10, 3), (1, 1)])
@pytest.mark.parametrize("marks", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_128_datasets_fit_and_what_does_not_is_counted(size, marks):
    width, height = size
    lines = lines_of(128, 5, 10, mixed)
    answer = Answer(Path("results/snapshot/stats"), 0.0, [verdict_of(f"v{n}", "superior") for n in range(9)])
    failures = [(line.run, EVIL) for line in lines if line.state in ("failed", "died")]
    picture = Picture("study", 100.0, lines, Pace(12.0, 3600.0, 2), (1, 2), ["3 profile"], failures, answer)
    shown = screen(picture, width, height, marks, footer="the end", last_lines=lambda runs: dict.fromkeys(runs, EVIL))
    assert len(shown) <= height and max(cell_len(line.plain) for line in shown) <= width
    if marks.plain:
        assert all(line.plain.isascii() for line in shown)
    assert not any(ord(c) < 32 or c == "\u202e" for line in shown for c in line.plain)
    if size in ((80, 24), (200, 50)):
        all_of_it = "\n".join(text(shown))
        for said in (
            "data100",
            "data120",
            "data90",
            "more datasets: ",
            "the answer so far, 0:01:40 old (of a snapshot)",
            "v0 - vanilla: +3.1 points, W/T/L 4/0/1, adj. p 0.004",
        ):
            assert said in all_of_it
        assert "about 1:00:00 left at this pace" in all_of_it and "2 of them not timed yet" in all_of_it
        assert "jobs: 1 with a GPU, 2 on CPUs" in all_of_it and "running" in all_of_it and "superior" in all_of_it
        rows = [line for line in text(shown) if line.startswith("data")]
        hidden = next(line for line in text(shown) if "more datasets" in line)
        assert int(hidden.split()[0]) == 128 - len(rows)


def test_counts_where_signs_do_not_fit():
    found = grid(lines_of(2, 8, 10, lambda d, v, s: "running" if (d, v, s) == (1, 3, 9) else "ok"))
    lines = text(draw(found, 80, 10, UNICODE))
    assert lines[1].split()[1:] == ["10/10"] * 8 and "9/10▶" in lines[2]
    narrow = text(draw(found, 30, 10, UNICODE))
    assert narrow[-1].startswith("5 more variants")


def test_hostile_names_are_only_text():
    lines = [Line(f"{EVIL}/{EVIL}/seed0", "running", note=EVIL), Line("[red]a/[/]b/seed1", "died", note="[link=x]y")]
    picture = Picture(EVIL, 0.0, lines, failures=[(lines[1].run, lines[1].note)])
    shown = text(screen(picture, 80, 24, UNICODE, last_lines=lambda runs: dict.fromkeys(runs, EVIL)))
    assert any("[link=x]y" in line for line in shown) and any("[red]a" in line for line in shown)
    assert not any("\x1b" in line or "\x07" in line for line in shown)


def test_without_anything():
    shown = text(screen(Picture("s", 0.0, []), 80, 24, UNICODE))
    assert "0 of 0 runs ok" in shown[0] and "nothing left to run" in shown[2] and "no comparison yet" in shown[-1]


def test_what_a_stream_can_show():
    assert symbols("utf-8") is symbols("UTF8") is UNICODE
    assert symbols("ISO-8859-1") is symbols(None) is symbols("ascii") is ASCII


def row(dataset, variant, train_s, started_at, finished_at):
    times = {"train_s": train_s, "started_at": started_at, "finished_at": finished_at}
    return {"dataset": dataset, "variant": variant} | times


def test_pace():
    # Two at a time for 100 s: four runs of 40 s, with 10 s around each.
    rows = [row("a", "x", 40.0, 50 * n, 50 * n + 50) for n in (0, 0, 1, 1)]
    assert pace(rows[:2], [("a", "x")], 100) == Pace()  # too little
    assert pace(rows, [("a", "x")] * 4, 100) == Pace(144, 100, 0)
    assert pace(rows, [], 100).left_s == 0
    # The longer ones are to come, and are known from their dataset; of a third there is nothing but the mean of all.
    slow = [*rows, row("b", "x", 400.0, None, -9000)]
    assert pace(slow, [("b", "y")] * 2, 100) == Pace(144, 800 / 160 * 100, 2)
    assert pace(slow, [("c", "x")], 100).left_s == pytest.approx((160 + 400) / 5 / 160 * 100)
    # A night without jobs between is no slowness.
    later = [row("a", "x", 40.0, 50_000 + 50 * n, 50_050 + 50 * n) for n in range(4)]
    assert pace([*rows, *later], [("a", "x")], 50_200).per_hour == 72
    assert pace([row("a", "x", None, 0, 1)] * 9, [("a", "x")], 100) == Pace()
