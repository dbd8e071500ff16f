"""A real Chromium, Debian's, without a window; installed where it is missing and we are root."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from debian import Unavailable, obtain
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, or the test ends: skipped, or failed where DYNCONV_REQUIRE_BROWSER says that it must be had."""
    try:
        program = _find() or _install()
    except Unavailable as error:
        why = f"no Chromium: {error}"
        if os.environ.get("DYNCONV_REQUIRE_BROWSER") == "1":
            pytest.fail(f"DYNCONV_REQUIRE_BROWSER=1, but {why}", pytrace=False)
        warnings.warn(why, stacklevel=1)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def _find() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _install() -> str:
    obtain(("chromium", "fonts-dejavu-core"), "Chromium")
    if program := _find():
        return program
    raise Unavailable("no Chromium here, though its package was installed")
