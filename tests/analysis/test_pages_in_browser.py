"""The pages in a real browser: nothing leaves them, everybody can read them, tables sort."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no types
from playwright.sync_api import Browser, Page, Route, sync_playwright

from analysis.compare import compare_runs
from analysis.compare_page import render_comparison
from analysis.report import make_report
from tests.analysis.known_run import known_run

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true",
    reason="no chromium on this machine; on Debian and Ubuntu: apt install chromium",
)
NEXT_MONTH = "2026-09-22T12:00:00+00:00"
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
THIN = """document.querySelectorAll("tbody tr:nth-child(n+4):not(.part, .total), section:nth-of-type(n+9)")
    .forEach((element) => element.remove())"""
"""Rows of a table are coloured alike, and so are sections; looking at each would take a minute."""
KEYS = """(table, column) => [...table.tBodies].map((body) => [...body.rows]
    .filter((row) => !row.matches(".unit")).map((row) => row.cells[column].dataset.key ?? null))"""


class Visit:
    """One page as a reader sees it, and what it did meanwhile."""

    def __init__(self, browser: Browser, path: Path, scheme: str, size: str) -> None:
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.route("**/*", self._record)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def _record(self, route: Route) -> None:
        self.requests.append(route.request.url)
        route.continue_()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI has no chromium"
    # Chromium's sandbox refuses to run for root.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    old = known_run().write(folder / "old")
    run = known_run()
    run.domain("new.test", "10 mx.new.test")
    run.host("mx.new.test", "192.0.2.99")
    run.session("mx.new.test", "192.0.2.99")
    new = run.write(folder / "new", run_id="later", started_at=NEXT_MONTH, finished_at=NEXT_MONTH)
    return {
        "report": make_report(new, since=old).path,
        "compare": render_comparison(compare_runs([old, new]), folder / "compare"),
    }


@pytest.fixture
def desk(browser: Browser, pages: dict[str, Path]) -> Iterator[Page]:
    """The report on a desk."""
    visit = Visit(browser, pages["report"], "light", "desk")
    yield visit.page
    visit.context.close()


def serious(page: Page, options: dict[str, object]) -> list[tuple[str, str]]:
    """Return what axe finds, with the first element that it finds it at."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "compare"])
def test_a_page_is_readable_by_everybody_and_asks_nobody(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str, size: str
) -> None:
    visit = Visit(browser, pages[name], scheme, size)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    assert serious(visit.page, {"rules": {"color-contrast": {"enabled": False}}}) == []
    visit.page.evaluate(THIN)
    assert serious(visit.page, {"runOnly": ["color-contrast"]}) == []
    assert visit.requests == [pages[name].as_uri()]
    assert visit.complaints == []
    visit.context.close()


def test_the_page_stays_under_two_megabytes(pages: dict[str, Path]) -> None:
    assert pages["report"].stat().st_size < 2_000_000


def test_numbers_sort_by_value_with_what_is_missing_last_and_a_third_press_undoes_it(desk: Page) -> None:
    table = desk.locator("table", has=desk.locator("caption", has_text="published figures beside")).first
    title = table.locator("thead th").nth(1)
    before = table.evaluate(KEYS, 1)
    for direction in ("descending", "ascending", None):
        title.locator("button").click()
        assert title.get_attribute("aria-sort") == direction
        for was, keys in zip(before, table.evaluate(KEYS, 1), strict=True):
            numbers = [float(key) for key in was if key is not None]
            expected = sorted(numbers, reverse=direction == "descending") if direction else numbers
            assert [float(key) for key in keys if key is not None] == expected
            if direction:
                assert keys[len(numbers) :] == [None] * (len(was) - len(numbers))
    assert table.evaluate(KEYS, 1) == before


def test_missing_numbers_come_last_both_ways(desk: Page) -> None:
    table = desk.locator("#ladder ~ .scroll table")
    column = 4
    assert table.evaluate(KEYS, column)[0].count(None) >= 2
    for _ in range(2):
        table.locator("thead button").nth(column).click()
        keys = table.evaluate(KEYS, column)[0]
        assert keys == [key for key in keys if key is not None] + [None] * keys.count(None)


def test_tables_sort_by_keyboard_and_say_so(desk: Page) -> None:
    title = desk.locator("#brief ~ .scroll table thead th").first
    names = desk.locator("#brief ~ .scroll table tbody th a")
    title.locator("button").focus()
    desk.keyboard.press("Enter")
    assert title.get_attribute("aria-sort") == "ascending"
    assert names.all_inner_texts() == sorted(names.all_inner_texts(), key=str.casefold)
    desk.keyboard.press("Space")
    assert title.get_attribute("aria-sort") == "descending"
    assert desk.locator("[aria-sort]").count() == 1


def test_groups_of_a_table_stay_apart_with_their_headings(desk: Page) -> None:
    table = desk.locator("#populations ~ .scroll table")
    headings = table.locator("tr.unit").all_inner_texts()
    table.locator("thead button").first.click()
    assert table.locator("tbody tr:first-child").all_inner_texts() == headings


def test_the_first_tab_stop_skips_to_the_figures(desk: Page) -> None:
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.className") == "skip"
    desk.keyboard.press("Enter")
    assert desk.evaluate("document.activeElement.id") == "main"


def test_the_page_prints_on_white_without_queries(desk: Page) -> None:
    desk.emulate_media(media="print", color_scheme="dark")
    assert desk.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not desk.locator("main pre").first.is_visible()
    assert desk.locator("main svg").first.is_visible()
    assert desk.pdf(format="A4").startswith(b"%PDF-")


def test_without_a_script_the_page_is_whole(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["report"].as_uri())
    assert page.locator("button").count() == 0
    assert page.locator("table").count() > 30
    context.close()
