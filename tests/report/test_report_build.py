"""The page as a whole: self-contained, well-formed, the same for the same tables, harmless whatever the names."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from report_example import DATASETS, VARIANTS, run_rows
from report_page import Page

from dynconv.errors import DynconvError
from dynconv.report.build import build

OF_EACH_TASK = ("accuracy-cost", "accuracy-time", "critical-difference", "differences", "performance-profile")
LOADING = {"src", "srcset", "data", "poster", "action", "formaction", "background"}


def test_loads_nothing(page):
    for tag, attributes in page.tags:
        assert not LOADING & attributes.keys(), tag
        assert tag not in ("iframe", "object", "embed", "base", "img", "image")
        assert not any(name.startswith("on") for name in attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    assert not re.search(r"@import|url\((?!#)", page.source)
    links = [a["href"] for a in page.all("a")]
    assert links and not [href for href in links if href.startswith(("http:", "https:", "//", "javascript:"))]


def test_the_only_script_is_the_one_the_page_permits(page):
    assert [name for name, _ in page.tags].count("script") == 1
    script = re.search(r"<script>(.*?)</script>", page.source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_identifiers_are_unique_and_every_reference_resolves(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    uses = {u["xlink:href"][1:] for u in page.all("use")}
    clips = set(re.findall(r"url\(#([^)]+)\)", page.source))
    labels = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert anchors and uses and clips and labels
    assert anchors | uses | clips | labels <= set(ids)


def test_links_to_files_resolve(small, tmp_path):
    out = tmp_path / "elsewhere/deeper/page.html"
    targets = [a["href"] for a in Page(build(small, out)).all("a") if not a["href"].startswith("#")]
    assert len(targets) > len(list((small / "tables").iterdir()))
    assert all((out.parent / target).exists() for target in targets)


def test_accessible_structure(page):
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in th for th in page.all("th"))
    figures = [svg for svg in page.all("svg") if svg.get("aria-hidden") != "true"]
    assert figures and all(svg["role"] == "img" and len(svg["aria-label"]) > 30 for svg in figures)
    regions = [div for div in page.all("div") if div.get("class", "").startswith("scroll")]
    assert len(regions) == len(page.all("table"))
    assert all(div["tabindex"] == "0" and div["aria-label"] for div in regions)


def test_same_tables_same_bytes(results):
    first = (results / "report.html").read_bytes()
    figures = {path.name: path.read_bytes() for path in (results / "figures").iterdir()}
    assert build(results).read_bytes() == first
    assert {path.name: path.read_bytes() for path in (results / "figures").iterdir()} == figures


def test_figures_are_also_files(built):
    names = {path.stem for path in (built / "figures").iterdir()}
    assert names == {
        "forest",
        *(f"{kind}-{task}" for kind in OF_EACH_TASK for task in set(DATASETS.values())),
        *(f"learning-curves-{task}-1" for task in set(DATASETS.values())),
    }
    images = sorted((built / "figures").glob("*.svg"))
    assert [path.stem for path in images] == sorted(path.stem for path in (built / "figures").glob("*.pdf"))
    for path in images:
        assert "var(--" not in path.read_text()  # a file has no page to take its colours from
        ET.parse(path)


def test_unknown_folder_and_unreadable_tables_are_one_line(results, tmp_path):
    with pytest.raises(DynconvError, match=r"runs\.parquet: no such file"):
        build(tmp_path / "nowhere")
    before = (results / "report.html").read_bytes()
    for table in ("tables/predictions.parquet", "stats/means.parquet"):
        whole = (results / table).read_bytes()
        (results / table).write_bytes(b"PAR1 no longer")
        with pytest.raises(DynconvError, match=table) as caught:
            build(results)
        assert "\n" not in str(caught.value)
        (results / table).write_bytes(whole)
    assert (results / "report.html").read_bytes() == before


EVIL = "<script>alert(1)</script>"


def test_hostile_names_are_text(make):
    long = "d" * 200
    odd = "a/b $x_1$ \"q\" 'r' &amp; é ../.."
    variants = {"vanilla": 1.0, EVIL: 1.1, '" onload="x': 1.2, "{{ 7 * 7 }}": 1.3}
    datasets = {long: "timeseries", odd: "timeseries", EVIL: "classification"}
    rows = run_rows(variants, datasets, hostname="</style><img src=x onerror=alert(1)>")
    rows[0] |= {"status": "failed", "failure": "]]></svg><script>alert(2)</script>"}
    results = make(rows)
    page = Page(build(results))
    assert [name for name, _ in page.tags].count("script") == 1
    assert not page.all("img")
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for name in (*variants, *datasets, rows[0]["failure"], rows[0]["hostname"]):
        assert name in page.text
    files = list((results / "figures").rglob("*"))
    tasks = set(datasets.values())
    assert len(files) == 2 * (1 + (len(OF_EACH_TASK) + 1) * len(tasks))  # SVG and PDF of the forest, and of each task's
    assert all(path.parent == results / "figures" and re.fullmatch(r"[\w.-]+\.(svg|pdf)", path.name) for path in files)
    for path in (results / "figures").glob("*.svg"):
        assert not ET.parse(path).findall(".//{*}script")


def test_more_variants_than_colours(make):
    many = {f"variant_{n}": 1 + n / 10 for n in range(11)} | {"vanilla": 1.0}
    page = Page(build(make(run_rows({"vanilla": 1.0, **many}, {"digits": "classification"}))))
    assert all(name in page.text for name in many)


def test_every_known_variant_has_one_colour_on_the_whole_page(page):
    colours: dict[str, set[str]] = {name: set() for name in VARIANTS}
    for colour, name in re.findall(r'<i style="background: var\(--([\w-]+)\)"></i>([^<]+)</span>', page.source):
        colours[name].add(colour)
    assert all(len(found) == 1 for found in colours.values())
    assert len({colour for found in colours.values() for colour in found}) == len(VARIANTS)
