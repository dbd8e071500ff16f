"""Studies side by side in a real browser: quiet, offline, accessible, and no wider than a phone."""

import shutil
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from chromium import chromium
from report_example import run_rows, write

from dynconv.report.studies.build import build


def test_the_page_is_quiet_accessible_and_fits_a_phone(tmp_path):
    evil = "<script>alert(1)</script>" + "v" * 150
    a = write(tmp_path / "a", run_rows({"vanilla": 1.0, evil: 1.1}, {"d" * 200: "classification"}, device="CPU"))
    b = Path(shutil.copytree(a, tmp_path / ("b" * 100)))
    file = build([a, b], tmp_path / "comparison.html")
    said, asked = [], []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("tr[data-row^='AB/'] td[data-value]").nth(2).click()
        assert "A/tables/runs.parquet B/tables/runs.parquet" in page.locator("#trace").inner_text()
        assert 'pandas.concat(map(pandas.read_parquet, ["A/tables' in page.locator("#trace pre").inner_text()
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
        assert [(rule["id"], rule["help"]) for rule in found.response["violations"]] == []
    assert said == [] and {url for url in asked if not url.startswith("data:")} == {file.as_uri()}
