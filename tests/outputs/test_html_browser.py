"""The page in a real Chromium: an attacking log moves nothing in it, and it is read as its reader wants to.

Skipped where there is no Chromium or no Playwright to drive it, unless AIBTUI_REQUIRE_CHROMIUM is 1.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.outputs.pages import attacking_log, failing_log, page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _go_without("Playwright is not installed: pip install playwright")
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            _go_without(f"There is no Chromium: {error}")
        yield found
        found.close()


def _go_without(reason: str) -> None:
    if os.environ.get("AIBTUI_REQUIRE_CHROMIUM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Seen:
    """A page that was opened, and whatever it did besides being there."""

    def __init__(self, page: Page, file: Path, fragment: str = "") -> None:
        self.page = page
        self.file = file
        self.deeds: list[str] = []
        page.on("dialog", lambda dialog: (self.deeds.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: self.deeds.append(f"console {message.text}"))
        page.on("pageerror", lambda error: self.deeds.append(f"error {error}"))
        page.on("request", lambda request: self.deeds.append(f"request {request.url}"))
        page.on("popup", lambda popup: self.deeds.append("popup"))
        page.on("download", lambda download: self.deeds.append("download"))
        page.goto(f"{file.as_uri()}{fragment}")

    @property
    def alien(self) -> list[str]:
        """What it did that is not the opening of the file itself."""
        return [deed for deed in self.deeds if not deed.startswith(f"request {self.file.as_uri()}")]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page_of(failing_log("found here", before=400)))
    return file


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(10_000)
    yield page
    page.close()


def test_a_log_that_attacks_gets_nothing(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(attacking_log()))
    seen = Seen(page, file)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    page.mouse.move(300, 300)
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)
    assert seen.alien == []
    assert page.evaluate("window.pwned") is None
    assert page.url.startswith(file.as_uri())
    report = "JSON.parse(document.getElementById('report').textContent)"
    assert page.evaluate(f"{report}.outcome") == "failed"
    assert page.locator("#log img, #log script, #log svg, #log iframe, #log link, #log form, #log meta").count() == 0
    assert "<script>window.pwned = 1; alert(1)</script>" in page.locator("#log").inner_text()


def test_what_got_into_the_page_nevertheless_could_not_run_or_load(page: Page, failed: Path) -> None:
    seen = Seen(page, failed)
    refused: list[str | None] = []
    page.on("requestfailed", lambda request: refused.append(request.failure))
    page.on("response", lambda response: refused.append(f"an answer from {response.url}"))
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.pwned = 1";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend",
            "<img src='https://example.invalid/x.png' onerror='window.pwned = 2'><p style='color:red'>x</p>");
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    assert len([deed for deed in seen.alien if "Content Security Policy" in deed]) >= 3
    assert refused == ["csp"]


def test_finding_shows_the_lines_that_match_wherever_they_are_and_nothing_else(page: Page, failed: Path) -> None:
    seen = Seen(page, failed)
    page.fill("#find", "OUTPUT 39")
    page.locator("#found", has_text="10 lines").wait_for()  # 390 to 399; 39 is one of those left out
    lines = page.locator("#log li:visible code").all_inner_texts()
    assert len(lines) == 10
    assert all("output 39" in line for line in lines)
    page.fill("#find", "")
    page.locator("#found:empty").wait_for(state="attached")
    assert page.locator("#log details:visible").count() > 3
    assert page.locator("#log details[open]").count() == 1
    assert seen.alien == []


def test_a_link_to_a_line_opens_its_part(page: Page, failed: Path) -> None:
    Seen(page, failed)
    row = page.locator("#log details:not([open]) li[id]").first
    line = row.get_attribute("id")
    assert not row.is_visible()
    page.evaluate(f"location.hash = '#{line}'")
    page.locator(f"#{line}").wait_for(state="visible")


def test_debug_lines_can_be_put_away_without_a_script(page: Page, failed: Path) -> None:
    Seen(page, failed)
    debug = page.locator("#log details[open] li.log").first
    assert debug.is_visible()
    page.check("#quiet")
    assert not debug.is_visible()
    assert page.locator("#log details[open] li.ui").first.is_visible()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_wider_than_a_phone(page: Page, tmp_path: Path, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(attacking_log()))
    page.set_viewport_size({"width": width, "height": 800})
    Seen(page, file)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_that_is_wished_and_always_light_on_paper(page: Page, failed: Path) -> None:
    Seen(page, failed)
    background = "getComputedStyle(document.body).backgroundColor"
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of these two
        shades.append(sum(map(int, page.evaluate(background)[4:-1].split(","))))
    assert shades[0] > 700
    assert shades[1] < 100
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert not page.locator("#find").is_visible()
    assert page.locator("#log details:visible").count() == 1
