"""The contact sheets on the page: folded, few, self-contained; a folder without any has the page it always had."""

import re

import numpy as np
import pytest
from report_example import VARIANTS, run_rows
from report_page import words

from dynconv.data.sheet import Example, Row, Sheet
from dynconv.errors import DynconvError
from dynconv.report.build import build
from dynconv.report.contact_sheet import draw


def put(results, dataset, steps=("flip",)):
    """A sheet of two rows of a rising series or, for the image sets, of a ramp of greys with its mask."""
    series, masks = dataset.startswith("ucr/"), dataset == "shapes_voc"
    x = np.linspace(0, 1, 20, dtype=np.float32)[None] if series else np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    example = Example(x, np.full((8, 8), 255, np.uint8) if masks else None)
    rows = tuple(Row(n, n, example, (example,) * 3) for n in range(2))
    file = results / "samples" / f"{dataset}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(draw(Sheet(dataset, False, ("first", "<b>second</b>"), steps, 0, rows)), encoding="utf-8")
    return file


@pytest.fixture
def with_sheets(results):
    for dataset in ("digits", "shapes_voc", "ucr/GunPoint", "ucr/ArrowHead"):
        put(results, dataset)
    put(results, "stray_set")  # of no dataset of the tables
    return results


def test_sheets_are_folded_below_their_task(with_sheets):
    page = words(with_sheets)
    assert page.text.count("As stored and as augmented") == 3
    assert "As stored and as augmented: 2 datasets" in page.text  # of the time series
    assert page.all("details") and not any("open" in details for details in page.all("details"))
    assert (
        page.text.count("class <b>second</b>") == 3 and "stray_set" not in page.text
    )  # a mask's row has a key instead
    labels = [svg["aria-label"] for svg in page.all("svg") if "role" in svg]
    assert any(label.startswith("ucr/GunPoint: training examples of first and <b>second</b>") for label in labels)
    assert "<title>" not in page.source.partition("</head>")[2]


def test_sheets_follow_the_pages_colours_and_keep_to_themselves(with_sheets):
    page = words(with_sheets)
    images = page.all("image")
    assert len(images) == 2 * 4 + 2 * 4 * 2  # the digits, and the shapes with their masks
    assert all(re.match("data:image/(png|webp);base64,", image["xlink:href"]) for image in images)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "img-src data:" in policy
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {use["xlink:href"][1:] for use in page.all("use")} | set(re.findall(r"url\(#([^)]+)\)", page.source))
    assert used <= set(ids)
    sheet = page.source.partition("As stored and as augmented")[2].partition("</details>")[0]
    assert "fill: var(--muted)" in sheet and not re.search(r"fill: #(?!0{6})", sheet)


def test_a_folder_without_sheets_says_nothing_of_them(with_sheets):
    first = words(with_sheets).source
    assert "Training examples" in first and words(with_sheets).source == first
    for file in (with_sheets / "samples").rglob("*.svg"):
        file.unlink()
    assert "Training examples" not in words(with_sheets).source


def test_of_an_archive_the_first_are_shown_and_the_others_linked(make):
    datasets = {f"ucr/Set{n:02}": "timeseries" for n in range(15)}
    results = make(run_rows(VARIANTS, datasets, seeds=1))
    before = len(words(results).source)
    for dataset in datasets:
        put(results, dataset)
    page = words(results)
    assert "The first 12 of the study's datasets are shown here. Those of 3 more datasets" in page.text
    shown = [
        svg["aria-label"].partition(":")[0]
        for svg in page.all("svg")
        if "training examples" in svg.get("aria-label", "")
    ]
    assert shown == [*datasets][:12]
    linked = [a["href"] for a in page.all("a") if "/samples/" in a["href"]]
    assert linked == [f"./samples/{dataset}.svg" for dataset in [*datasets][12:]]
    assert all((results / href).is_file() for href in linked)
    assert len(page.source.encode()) - before < 12 * 20 * 1024


@pytest.mark.parametrize(
    ("content", "cause"),
    [("<svg", "not a readable SVG"), ("<svg xmlns='http://www.w3.org/2000/svg'/>", "not a contact sheet")],
)
def test_a_damaged_sheet_is_named(small, content, cause):
    put(small, "digits").write_text(content)
    with pytest.raises(DynconvError, match=rf"samples/digits\.svg: {cause}.*`dynconv samples`") as caught:
        build(small)
    assert "\n" not in str(caught.value)
    assert not (small / "report.html").exists()
