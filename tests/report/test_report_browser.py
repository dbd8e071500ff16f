"""The report in a real browser: quiet, offline, legible, and every control does what it says."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import chromium
from report_example import run_rows

from dynconv.report.build import build

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


class Visit:
    """A page that is open, and what it did that it should not."""

    def __init__(self, browser, file: Path, **context) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.fixture(scope="module")
def visit(browser, built):
    found = Visit(browser, built / "report.html", viewport=DESKTOP)
    yield found
    found.context.close()


@pytest.fixture
def tab(visit):
    """The open report, as it was when it was opened."""
    visit.page.reload()
    return visit.page


def test_it_is_quiet_and_asks_for_nothing(visit):
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith(("file:", "data:"))] == []
    assert {url for url in visit.asked if url.startswith("file:")} == {visit.page.url}


def test_every_anchor_leads_somewhere_and_every_image_is_one(tab):
    lost = tab.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
        ".filter(id => !document.getElementById(id))"
    )
    assert lost == []
    assert tab.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert tab.evaluate(
        "[...document.querySelectorAll('figure svg')].every(s => s.getBoundingClientRect().height > 50)"
    )
    for link in tab.locator("nav a:visible").all():
        link.click()
        section = tab.locator(link.get_attribute("href"))
        assert section.bounding_box()["y"] < DESKTOP["height"]


def test_tables_sort_by_every_column_both_ways(tab):
    tables = tab.locator("table[data-sortable]")
    assert tables.count() > 5
    cost = tab.locator("#task-timeseries-cost ~ .scroll table").first
    column = 2
    button = cost.locator("thead th").nth(column).locator("button")
    values = f"t => [...t.tBodies[0].rows].map(r => Number(r.cells[{column}].dataset.value))"
    before = cost.evaluate(values)
    button.click()
    assert cost.evaluate(values) == sorted(before) != before
    assert cost.locator("thead th").nth(column).get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert cost.evaluate(values) == sorted(before, reverse=True)
    names = "t => [...t.tBodies[0].rows].map(r => r.cells[1].textContent.trim())"
    cost.locator("thead th").nth(1).locator("button").click()
    assert cost.evaluate(names) == sorted(cost.evaluate(names))


def test_rows_are_filtered(tab):
    table = tab.locator("#task-timeseries-cost ~ .scroll table").first
    box = tab.locator("#task-timeseries-cost ~ .filter input").first
    box.fill("gunpoint odconv")
    shown = table.locator("tbody tr:visible")
    assert shown.count() == 1 and "ucr/GunPoint" in shown.inner_text() and "odconv" in shown.inner_text()
    assert "1 of 15 rows" in tab.locator("#task-timeseries-cost ~ .filter").first.inner_text()
    box.fill("")
    assert table.locator("tbody tr:visible").count() == 15


def test_a_number_says_where_it_comes_from_and_the_code_finds_it(tab, built, monkeypatch):
    box = tab.locator("#trace")
    assert not box.is_visible()
    cell = tab.locator('tr[data-row="timeseries/odconv"] td[data-value]').first
    cell.click()
    assert box.is_visible() and "stats/pairwise.parquet" in box.inner_text() and "mean_diff" in box.inner_text()
    tab.keyboard.press("Escape")
    assert not box.is_visible()
    monkeypatch.chdir(built)
    for selector in (
        'tr[data-row="timeseries/odconv"] td[data-value]',
        "#task-timeseries-means ~ .scroll td[data-value]",
        "#task-timeseries-cost ~ .scroll td[data-value]",
        ".matrix td[data-value]",
    ):
        cell = tab.locator(selector).first
        cell.click()
        *setup, last = box.locator("pre").inner_text().strip().splitlines()
        names: dict = {}
        exec("\n".join(setup), names)
        found = eval(last, names)
        value = found if isinstance(found, float) else found.item()
        assert value == pytest.approx(float(cell.get_attribute("data-value"))), last
        tab.keyboard.press("Escape")


def test_numbers_are_reached_by_keyboard(tab):
    table = tab.locator("#task-timeseries-means ~ .scroll table").first
    table.locator("td[tabindex='0']").focus()
    first = tab.evaluate("document.activeElement.dataset.value")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    second = tab.evaluate("document.activeElement.dataset.value")
    assert second != first and float(second) > 0
    tab.keyboard.press("Enter")
    assert second in tab.locator("#trace").inner_text()
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.dataset.value") == second


@pytest.mark.parametrize(
    ("theme", "kind", "rules"),
    [
        ("light", "tag", ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]),
        ("dark", "rule", ["color-contrast", "link-in-text-block"]),
    ],
)
def test_no_accessibility_rule_is_broken(browser, built, theme, kind, rules):
    visit = Visit(browser, built / "report.html", viewport=DESKTOP, color_scheme=theme)
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    # What is drawn within a figure is an image to a reader of the screen, and its colours are those of the page.
    found = Axe().run(
        visit.page,
        {"exclude": [["figure svg"]]},
        {"runOnly": {"type": kind, "values": rules}, "resultTypes": ["violations"]},
    )
    broken = [
        (rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"]][:3])
        for rule in found.response["violations"]
    ]
    assert broken == [] and found.response["passes"]
    visit.context.close()


def test_the_button_turns_light_to_dark(tab):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    tab.locator("#theme").click()
    dark = tab.evaluate(paper)
    assert sum(map(int, re.findall(r"\d+", dark))) < 150 < 700 < sum(map(int, re.findall(r"\d+", light)))


def test_it_fits_a_phone_and_paper(browser, built):
    visit = Visit(browser, built / "report.html", viewport=PHONE, device_scale_factor=2, is_mobile=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # What only a screen reader sees scrolls with its table, and so cannot widen the page.
    hidden = "[...document.querySelectorAll('.scroll .sr')].map(e => e.offsetParent.closest('.scroll') !== null)"
    assert set(visit.page.evaluate(hidden)) == {True}
    pdf = visit.page.pdf(format="A4")
    visit.context.close()
    assert pdf.startswith(b"%PDF") and visit.said == []


def test_hostile_names_do_nothing(browser, make):
    evil, long = "<script>alert(1)</script>", "d" * 200
    rows = run_rows(
        {"vanilla": 1.0, evil: 1.1, '"><img src=x onerror=alert(2)>': 1.2}, {long: "timeseries", evil: "timeseries"}
    )
    visit = Visit(browser, build(make(rows)), viewport=PHONE)
    assert visit.page.get_by_text(evil, exact=True).count() > 2
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for cell in visit.page.locator("td[tabindex='0']").all():
        cell.focus()
        visit.page.keyboard.press("Enter")
        visit.page.keyboard.press("Escape")
    assert visit.said == [] and all(url.startswith(("file:", "data:")) for url in visit.asked)
    visit.context.close()
