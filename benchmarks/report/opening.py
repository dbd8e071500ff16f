"""How long a real browser takes to open a page: Debian's Chromium, without a window, through Playwright."""

import shutil
import statistics
import time
from pathlib import Path

# After `load`: what the page still does, and two frames.  A page that is busy answers late.
IDLE = """() => new Promise(done => requestIdleCallback(
    () => requestAnimationFrame(() => requestAnimationFrame(done)), {timeout: 60000}))"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


def seconds(pages: dict[str, Path], turns: int) -> dict[str, tuple[float, float]]:
    """Of each page, medians over turns, each in a fresh context: until `load`, and until it is at rest.

    Raises:
        SystemExit: neither Playwright nor a Chromium is here.
    """
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        raise SystemExit("opening is not measured: it needs Chromium and `pip install playwright`")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(turns):
            for name, page in pages.items():
                taken[name].append(_once(browser, page))
        browser.close()
    return {
        name: (statistics.median(a), statistics.median(b))
        for name, ab in taken.items()
        for a, b in [zip(*ab, strict=True)]
    }


def _once(browser, page: Path) -> tuple[float, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    start = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="load", timeout=120_000)
    loaded = time.perf_counter() - start
    tab.evaluate(IDLE)
    rested = time.perf_counter() - start
    context.close()
    return loaded, rested
