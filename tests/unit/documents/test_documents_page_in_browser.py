"""The pages in a real browser: no script error, no request beyond the file, toggle and sorting work, all fits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwright.documents import profile, report
from tests.unit.documents import document_samples as samples

pytestmark = pytest.mark.services
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        if os.environ.get("MODELWRIGHT_REQUIRE_SERVICES") == "1":
            pytest.fail("a Chromium and playwright are required, and one of them is missing")
        pytest.skip("no Chromium or no playwright")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


def _open(browser: Any, folder: Path, text: str, width: int, scheme: str = "light") -> tuple[Any, list[str]]:
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(file.as_uri())
    return page, trouble


@pytest.mark.parametrize("width", [390, 1280])
def test_report_loads_quietly_and_fits(browser: Any, tmp_path: Path, width: int) -> None:
    page, trouble = _open(browser, tmp_path, report.html(samples.binary()), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("text=CONDITIONAL").first.is_visible()
    assert [each for each in trouble if not each.startswith("data:")] == []
    page.close()


def test_theme_and_sorting_work(browser: Any, tmp_path: Path) -> None:
    page, trouble = _open(browser, tmp_path, report.html(samples.binary()), 1280)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click(".toggle")
    assert page.evaluate(background) != light
    table = page.locator("table.sortable").first
    fit = table.locator("th").nth(2)
    fit.locator("button").click()
    times = table.locator("tbody tr").evaluate_all("rows => rows.map(r => +r.cells[2].dataset.value)")
    assert times == sorted(times)
    assert fit.get_attribute("aria-sort") == "ascending"
    assert [each for each in trouble if not each.startswith("data:")] == []
    page.close()


def test_dark_is_followed_and_profile_loads(browser: Any, tmp_path: Path) -> None:
    described = {"rows": 3, "columns": {"<script>alert(1)</script>": {"type": "number", "n_unique": 2, "missing": 1}}}
    page, trouble = _open(browser, tmp_path, profile.html(described, None, "table.csv"), 1280, "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.locator("h3", has_text="<script>alert(1)</script>").is_visible()
    assert [each for each in trouble if not each.startswith("data:")] == []
    page.close()


def test_print_is_light_even_where_the_screen_is_dark(browser: Any, tmp_path: Path) -> None:
    page, _ = _open(browser, tmp_path, report.html(samples.binary()), 1280, "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 19)"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
