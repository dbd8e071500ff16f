"""The figures: what is drawn is what the tables say, as SVG and PDF, the same bytes for the same tables."""

import hashlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from report_example import DATASETS, VARIANTS, run_rows, write

from dynconv import records
from dynconv.report.build import FIGURES
from dynconv.report.figures import (
    accuracy_cost,
    critical_difference,
    differences,
    front,
    learning_curves,
    pareto,
    performance_profile,
    posterior,
)
from dynconv.report.figures.drawing import Drawing, draw
from dynconv.report.figures.palette import SERIES, styles
from dynconv.report.numbers import printable
from dynconv.report.results import PATHS, Results, load
from dynconv.stats import pareto as pareto_table

TASKS = sorted(set(DATASETS.values()))
OF_A_TASK = ("critical-difference", "performance-profile", "differences", "accuracy-cost", "accuracy-time")
PROBABILITIES = {"hard_attention": (0.05, 0.15, 0.8), "soft_local": (0.3, 0.5, 0.2), "odconv": (0.7, 0.25, 0.05)}


def texts(drawing: Drawing) -> list[str]:
    return [
        "".join(element.itertext()) for element in ET.fromstring(drawing.svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def uses(drawing: Drawing) -> int:
    """Marks that stand in the figure."""
    return len(re.findall("<use", drawing.svg))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual tables, with posteriors, cliques that skip a variant, and costs."""
    made = write(tmp_path_factory.mktemp("figures"), run_rows(VARIANTS, DATASETS))
    common = {"task": "timeseries", "model": "signed_rank", "prior": "default", "rope": 0.01, "n_datasets": 3}
    rows = [
        common | {"variant_a": name, "variant_b": "vanilla", "p_a": a, "p_rope": same, "p_b": b, "coverage": 1.0}
        for name, (a, same, b) in PROBABILITIES.items()
    ]
    swapped = {"variant_a": "vanilla", "variant_b": "soft_global", "p_a": 0.11, "p_rope": 0.29, "p_b": 0.6}
    other = rows[0] | {"prior": "strong", "p_a": 0.44, "p_rope": 0.33, "p_b": 0.23}
    records.write("posterior", [*rows, rows[0] | swapped, other], made / PATHS["posterior"])
    ranks = records.read("ranks", made / PATHS["ranks"]).to_pandas()
    best_first = list(ranks[ranks["task"] == "timeseries"].sort_values(["mean_rank", "variant"])["variant"])
    kept = [row for row in records.read("cliques", made / PATHS["cliques"]).to_pylist() if row["task"] != "timeseries"]
    sets = ([best_first[0], best_first[1], best_first[4]], [best_first[1], best_first[2]])
    added = [
        {"task": "timeseries", "clique": n, "variants": s, "n_variants": len(s), "n_datasets": 3, "all_listed": True}
        for n, s in enumerate(sets, start=1)
    ]
    records.write("cliques", [*kept, *added], made / PATHS["cliques"])
    costs = [
        {"task": "timeseries", "variant": name, "cost": cost, "metric": "accuracy", "quality": quality}
        | {"quality_ci_low": quality - 0.02, "quality_ci_high": quality + 0.02, "cost_mean": 1e6 * ratio}
        | {"cost_ratio": ratio, "on_front": on, "p_on_front": 0.8, "n_datasets": 3, "coverage": 1.0}
        for cost in ("macs", "latency_s")
        for name, quality, ratio, on in (
            ("vanilla", 0.8, 1.0, True),
            ("hard_attention", 0.79, 1.02, False),
            ("odconv", 0.82, 1.12, True),
        )
    ]
    records.write("pareto", costs, made / PATHS["pareto"])
    return made


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return load(folder)


@pytest.fixture(scope="module")
def drawn(results: Results) -> dict[str, Drawing]:
    return {drawing.name: drawing for module in FIGURES for drawing in module.drawings(results)}


def test_every_figure_is_there_as_svg_and_as_pdf_with_editable_text(drawn):
    wanted = {"forest", "posterior-timeseries", "pareto-timeseries"}
    wanted |= {f"{kind}-{task}" for kind in OF_A_TASK for task in TASKS}
    wanted |= {f"learning-curves-{task}-1" for task in TASKS}
    assert set(drawn) == wanted
    for drawing in drawn.values():
        assert drawing.pdf.startswith(b"%PDF")
        assert b"/FontFile2" in drawing.pdf and b"/Subtype /CIDFontType2" in drawing.pdf
        assert b"/Type3" not in drawing.pdf and b"/CreationDate" not in drawing.pdf
        root = ET.fromstring(drawing.svg)
        assert texts(drawing)
        assert not root.findall(".//{*}script") and not root.findall(".//{*}style")
        assert len(drawing.alt) > 60 and len(drawing.caption) > 60


def test_same_tables_same_bytes_in_another_process(folder, drawn):
    code = (
        "import hashlib, sys; from itertools import islice; from dynconv.report.build import FIGURES\n"
        "from dynconv.report.results import load\n"
        "results = load(sys.argv[1])\n"
        "for module in FIGURES:\n"
        "    for d in islice(module.drawings(results), 1):\n"  # one of each kind
        "        print(d.name, hashlib.sha256(d.svg.encode() + d.pdf).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True).stdout
    digests = {d.name: hashlib.sha256(d.svg.encode() + d.pdf).hexdigest() for d in drawn.values()}
    again = dict(line.split() for line in told.splitlines())
    assert len(again) == len(FIGURES) - 1
    assert again == {name: digests[name] for name in again}


def test_critical_difference_joins_the_members_of_each_clique(results, drawn):
    drawing = drawn["critical-difference-timeseries"]
    ranks = results.ranks[results.ranks["task"] == "timeseries"].set_index("variant")["mean_rank"]
    words = " ".join(texts(drawing))
    for variant, rank in ranks.items():
        assert re.search(rf"{variant} {rank:.2f}|{rank:.2f} {variant}", words)
    sets = [list(s) for s in results.cliques.loc[results.cliques["task"] == "timeseries", "variants"]]
    for members in sets:
        assert f"{', '.join(members[:-1])} and {members[-1]}" in drawing.alt
    assert uses(drawing) == len(ranks) + sum(map(len, sets))
    assert "Wilcoxon signed-rank test" in drawing.caption and "Holm-adjusted" in drawing.caption
    assert "3 datasets" in drawing.caption
    assert "seeds of this one dataset" in drawn["critical-difference-classification"].caption


def test_a_bar_has_a_gap_at_a_variant_that_it_passes_by(drawn, results):
    """Of the first clique's three members, two variants lie between the second and the third."""
    ranks = results.ranks[results.ranks["task"] == "timeseries"].set_index("variant")["mean_rank"]
    first, *_ = results.cliques.loc[results.cliques["task"] == "timeseries", "variants"]
    between = [v for v in ranks.index if v not in first and ranks[first[1]] < ranks[v] < ranks[first[2]]]
    bars = re.findall(
        r'd="M ([\d.]+) ([\d.]+) L ([\d.]+) \2"[^>]*stroke: #1f2328', drawn["critical-difference-timeseries"].svg
    )
    rows: dict[str, list[tuple[float, float]]] = {}
    for left, y, right in bars:
        rows.setdefault(y, []).append((float(left), float(right)))
    top = sorted(rows[min(rows, key=float)])
    assert between
    assert len([pair for pair in pairwise(top) if pair[1][0] > pair[0][1]]) == len(set(ranks[between]))


def test_posterior_bars_are_the_default_prior_of_the_signed_rank_model(drawn):
    drawing = drawn["posterior-timeseries"]
    found = texts(drawing)
    assert "0.44" not in found  # another prior's
    expected = PROBABILITIES | {"soft_global": (0.6, 0.29, 0.11)}  # the pair stands the other way round
    for variant, (better, same, worse) in expected.items():
        assert f"{variant} better {better:.2f}, equivalent {same:.2f}, worse {worse:.2f}" in drawing.alt
        assert {f"{p:.2f}" for p in (better, same, worse) if p > 0.1} <= set(found)
    assert "±1 points" in drawing.caption and "3 datasets" in drawing.caption


def test_performance_profile_has_a_line_a_variant(drawn, results):
    drawing = drawn["performance-profile-timeseries"]
    assert set(VARIANTS) <= set(texts(drawing))
    rows = results.performance_profiles
    own = rows[(rows["task"] == "timeseries") & (rows["variant"] == "odconv") & (rows["share"] <= 0.5)]
    assert f"odconv {own['tau'].min() * 100:.1f} %" in drawing.alt


def test_differences_are_rows_of_few_datasets_and_scatters_of_many(results, drawn, tmp_path):
    few = drawn["differences-timeseries"]
    own = results.means[results.means["task"] == "timeseries"].pivot(index="dataset", columns="variant", values="mean")
    gains = own.sub(own["vanilla"], axis=0).drop(columns="vanilla")
    order = [text for text in texts(few) if text in own.index]
    assert order == list(gains.mean(axis=1).sort_values(ascending=False).index)
    many = {f"ucr/Member{n:02}": "timeseries" for n in range(differences.ROWS + 1)}
    archive = load(write(tmp_path, run_rows({"vanilla": 1.0, "odconv": 1.1, "soft_local": 1.2}, many, seeds=2)))
    (scatter,) = differences.drawings(archive)
    pairs = archive.pairwise[archive.pairwise["variant_b"] == "vanilla"]
    for row in pairs.to_dict("records"):
        assert f"{row['wins']} / {row['ties']} / {row['losses']}" in texts(scatter)
    assert uses(scatter) >= 2 * len(many)
    curves = [d.name for d in learning_curves.drawings(archive)]
    assert curves == [f"learning-curves-timeseries-{n}" for n in (1, 2, 3)]


def test_learning_curves_have_a_panel_a_dataset_and_thin_long_trainings(results, drawn):
    assert {d for d in DATASETS if d.startswith("ucr/Gun")} <= set(texts(drawn["learning-curves-timeseries-1"]))
    losses = results.metrics[(results.metrics["dataset"] == "digits") & (results.metrics["variant"] == "odconv")]
    last = losses[losses["epoch"] == losses["epoch"].max()]["value"].mean()
    assert f"odconv {last:.3g}" in drawn["learning-curves-classification-1"].alt
    bands = learning_curves._bands(results.metrics)["digits"]["odconv"]
    long = bands.loc[bands.index.repeat(100)].reset_index(drop=True)
    thin = learning_curves.thinned(long)
    assert len(thin) == learning_curves.POINTS
    assert list(thin.index[[0, -1]]) == [0, len(long) - 1]
    assert learning_curves.thinned(bands) is bands


def test_pareto_front_is_the_tables(drawn):
    drawing = drawn["pareto-timeseries"]
    assert "multiply-adds: vanilla (80% of resamples) and odconv" in drawing.alt
    assert {"multiply-adds", "latency"} <= set(texts(drawing))
    assert "hard_attention" not in drawing.alt.partition("front")[2]


def test_front_follows_the_rule_of_the_table():
    points = {"a": (1.0, 0.5), "b": (2.0, 0.7), "c": (2.0, 0.6), "d": (1.0, 0.5), "e": (3.0, 0.7)}
    cost, gain = zip(*points.values(), strict=True)
    on = pareto_table.on_front(np.array(gain), np.log(cost))
    assert front.undominated(points) == [name for name, is_on in zip(points, on, strict=True) if is_on]
    assert front.ordered(points, ["b", "a"]) == ["a", "b"]
    assert front.ordered(points, ["b", "c"]) == ["c", "b"]
    assert front.ordered(points, ["e", "b", "unplaced"]) == []
    assert front.ordered({"a": (1.0, 0.5), "b": (2.0, 0.4)}, ["a", "b"]) == []


def test_grey_is_the_controls_alone():
    found = styles([f"variant_{n}" for n in range(20)])
    assert [name for name, style in found.items() if style.variable == "series-0"] == ["variant_0"]
    looks = {(style.variable, style.marker) for style in found.values()}
    assert len(looks) == len(found) and len({style.variable for style in found.values()}) == len(SERIES)


ABSENT = {
    "cliques": (critical_difference, True),
    "ranks": (critical_difference, False),
    "means": (differences, False),
    "pairwise": (accuracy_cost, False),
    "posterior": (posterior, False),
    "performance_profiles": (performance_profile, False),
    "pareto": (pareto, False),
}


@pytest.mark.parametrize("absent", ABSENT)
def test_a_missing_table_means_fewer_figures(results, absent):
    rows = {name: n for name, n in results.rows.items() if name != absent}
    lacking = replace(results, rows=rows, **{absent: getattr(results, absent).iloc[:0]})
    module, drawn_still = ABSENT[absent]
    found = next(module.drawings(lacking), None)
    assert (found is not None) == drawn_still
    if found:
        assert "Which differences are significant is not known." in found.alt


def test_without_a_control_only_what_needs_none_is_drawn(results):
    alone = replace(results, pairwise=results.pairwise.iloc[:0])
    assert alone.control is None
    for module in (differences, posterior, accuracy_cost):
        assert not [*module.drawings(alone)]
    assert next(performance_profile.drawings(alone)) and next(pareto.drawings(alone))


HOSTILE = (
    "<script>alert(1)</script>",
    "$x_1$ & \\frac",
    "_hidden",
    "v" * 200,
    "tab\tand\nline\x07",
    '漢字 🙂 #0a6cab id="i0"',
)


def test_hostile_names_are_shortened_text_in_svg_and_pdf(tmp_path):
    variants = {"vanilla": 1.0} | {name: 1.1 + n / 10 for n, name in enumerate(HOSTILE)}
    archive = {f"{name}/{n}": "timeseries" for n, name in enumerate(HOSTILE)}
    results = load(write(tmp_path, run_rows(variants, archive, seeds=2)))
    modules = (critical_difference, performance_profile, differences, learning_curves, accuracy_cost)
    found = [drawing for module in modules for drawing in module.drawings(results)]
    assert len(found) == 6
    for drawing in found:
        root = ET.fromstring(drawing.svg)
        assert not root.findall(".//{*}script")
        assert max(map(len, texts(drawing))) < 80
        assert drawing.pdf.startswith(b"%PDF")
        page = str(drawing.inline())
        assert ET.fromstring(page).get("aria-label") == printable(drawing.alt)
        assert [t.strip() for t in ET.fromstring(page).itertext()] == [t.strip() for t in root.itertext()]
    assert any("<script>a" in text for text in texts(found[0]))
    assert any("_hidden" in text for text in texts(found[1]))


def test_words_of_a_figure_that_look_like_its_own_marks_are_left_alone():
    words = 'id="i0" href="#i0" url(#i0) #0a6cab'
    drawing = draw("name", "alt", "caption", lambda figure: figure.text(0.5, 0.5, words))
    assert words in "".join(ET.fromstring(str(drawing.inline())).itertext())
