"""The built site in a real browser: from disk, without a network, by mouse and keyboard, on three widths."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import board_cases as cases

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
RATES = {"low": 0.3, "mid": 0.6, "near": 0.62, "top": 0.9}
PAGES = (
    "index.html",
    "students/top.html",
    "benchmarks/smallsteps_sums.html",
    "pairs-main.html",
    "pareto-main.html",
    "method.html",
    "downloads.html",
    "releases/first/index.html",
)


EXPECTED: dict[str, Any] = {}  # filled while the benchmarks of the board can be found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from smallsteps.leaderboard.adding import add_entry
    from smallsteps.leaderboard.site import build

    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        board = cases.make_board(folder, patch, baseline="low", hostile=True)
        cases.add_students(board, folder, RATES)
        half = {cases.TARGET: cases.responses(cases.TARGET, 0.5, 9, text=cases.HOSTILE)}
        run = cases.write_run(folder / "half", "</script><script>alert(1)</script>", half, manifest=False)
        add_entry(board, [run], name="half", who=cases.HOSTILE.replace("\0", ""))
        build(board, folder / "site", release="first")
        texts = cases.responses(cases.TARGET, RATES["low"], list(RATES).index("low"))
        EXPECTED["keys"] = {doc["item"] for doc in cases.docs_of(cases.TARGET)}
        EXPECTED["wrong"] = sum("1000000" in text for text in texts)
    return folder / "site"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Watched:
    """A page that remembers what went wrong on it."""

    page: Any
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser: Any, site: Path) -> Iterator[Any]:
    contexts = []

    def opened(name: str, width: int = 1280, **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("console", lambda message: watched.wrong.append(message.text))
        watched.page.on("pageerror", lambda error: watched.wrong.append(str(error)))
        watched.page.on("dialog", lambda dialog: (watched.wrong.append(dialog.message), dialog.dismiss()))
        watched.page.on("request", lambda request: watched.asked.append(request.url))
        watched.page.goto(f"file://{site}/{name}")
        return watched

    yield opened
    for context in contexts:
        context.close()


def names(page: Any) -> list[str]:
    """Students of the visible rows, in their order."""
    found: list[str] = page.eval_on_selector_all(
        "#board tbody tr",
        "rows => rows.filter(r => !r.hidden).map(r => r.cells[1].querySelector('a').textContent)",
    )
    return found


@pytest.mark.parametrize("name", PAGES)
def test_pages_open_from_disk_without_errors_or_a_network(open_page: Any, site: Path, name: str) -> None:
    watched = open_page(name)
    assert watched.page.title().endswith("Small board")
    assert watched.wrong == []
    assert watched.asked == [f"file://{site}/{name}"]


def test_the_first_screen_says_what_came_out(open_page: Any) -> None:
    page = open_page("index.html").page
    assert "top is first on The sums" in page.inner_text(".said")
    box = page.locator("#board tbody tr").first.bounding_box()
    assert box["y"] + box["height"] < 800


def test_sorting_by_mouse_and_keyboard(open_page: Any) -> None:
    page = open_page("index.html").page
    before = names(page)
    assert before[0] == "top"
    page.click("th[data-c=student] button")
    assert names(page)[1:] == ["low", "mid", "near", "top"]
    assert page.get_attribute("th[data-c=student]", "aria-sort") == "ascending"
    page.focus("th[data-c=score] button")
    page.keyboard.press("Enter")
    assert names(page)[0] == "top"
    page.keyboard.press("Space")
    assert names(page)[0] == "low"
    assert page.get_attribute("th[data-c=score]", "aria-sort") == "ascending"
    assert page.get_attribute("th[data-c=student]", "aria-sort") is None


def test_search_filters_and_columns_make_a_view_that_a_link_keeps(open_page: Any, site: Path) -> None:
    page = open_page("index.html").page
    page.fill("#q", "mid")
    assert names(page) == ["mid"]
    assert page.inner_text("#found") == "1 of 5 rows"
    page.fill("#q", "")
    page.select_option("select[data-filter=scheme]", "cot")
    page.click("summary:has-text('Columns')")
    assert page.locator("th[data-c=malformed]").is_hidden()
    page.check("input[data-column=malformed]")
    assert page.locator("th[data-c=malformed]").is_visible()
    page.click("th[data-c=score] button")
    page.click("th[data-c=score] button")
    link = page.evaluate("document.getElementById('permalink').href")
    shown = names(page)
    other = open_page(f"index.html#{link.partition('#')[2]}").page
    assert names(other) == shown
    assert other.locator("th[data-c=malformed]").is_visible()
    assert other.input_value("select[data-filter=scheme]") == "cot"
    other.click("button[type=reset]")
    assert other.locator("th[data-c=malformed]").is_hidden()
    assert names(other)[0] == "top"


@pytest.mark.parametrize("name", PAGES)
def test_every_table_and_picture_downloads(open_page: Any, name: str) -> None:
    watched = open_page(name, accept_downloads=True)
    found = watched.page.evaluate(
        """() => ['main table', 'table[data-name]', 'main figure', 'figure[data-name]', '.downloads button']
          .map(wanted => document.querySelectorAll(wanted).length)"""
    )
    tables, named, figures, drawn, buttons = found
    lists = watched.page.locator(
        "#item-list table"
    ).count()  # a list that is searched, not a table of results
    assert (named, drawn) == (tables - lists, figures)
    assert buttons == 3 * named + 2 * drawn
    names = watched.page.eval_on_selector_all(
        "[data-name]", "all => all.map(e => e.tagName + e.dataset.name)"
    )
    assert len(set(names)) == len(names)
    assert watched.wrong == []


def test_a_download_holds_what_the_view_shows(open_page: Any) -> None:
    page = open_page("index.html#q=mid", accept_downloads=True).page
    with page.expect_download() as waiting:
        page.locator("#board").locator("xpath=../following-sibling::p[1]").get_by_text("CSV").click()
    rows = Path(waiting.value.path()).read_text().splitlines()
    assert len(rows) == 2
    assert "mid" in rows[1]
    assert "Malformed" not in rows[0]  # a folded column
    figure = open_page("pareto-main.html", accept_downloads=True).page
    with figure.expect_download() as waiting:
        figure.locator("figure[data-name=trade-off-main]").get_by_text("SVG").click()
    assert "<svg" in Path(waiting.value.path()).read_text()


def test_every_item_is_reached_from_disk(open_page: Any) -> None:
    name = f"benchmarks/{cases.TARGET}.html"
    watched = open_page(name)
    page = watched.page
    page.wait_for_selector("#item-list tbody tr")
    assert page.locator("#item-list tbody tr").count() == cases.ITEMS
    keys = page.eval_on_selector_all("#item-list tbody tr th a", "all => all.map(e => e.textContent)")
    assert set(keys) == EXPECTED["keys"]
    page.select_option("#item-list select[name=student]", "low")
    page.select_option("#item-list select[name=show]", "wrong")
    wrong = page.locator("#item-list tbody tr").count()
    assert wrong == EXPECTED["wrong"]
    same = open_page(f"{name}#items?show=wrong&student=low").page
    same.wait_for_selector("#item-list tbody tr")
    assert same.locator("#item-list tbody tr").count() == wrong
    one = open_page(f"{name}#items?item={keys[7]}").page
    one.wait_for_selector("#item-list tbody tr")
    assert one.locator("#item-list tbody tr").count() == 1
    page.fill("#item-list input[name=q]", keys[3])
    assert page.locator("#item-list tbody tr").count() <= 1
    strange = open_page(f"{name}#items?show=constructor&student=%3Cscript%3E&sort=x")
    strange.page.wait_for_selector("#item-list tbody tr")
    assert strange.page.locator("#item-list tbody tr").count() == cases.ITEMS
    assert watched.wrong == strange.wrong == []


def test_a_strange_link_shows_the_whole_board(open_page: Any) -> None:
    watched = open_page("index.html#sort=constructor:down&kind=%3Cscript%3E&columns=&q=")
    assert len(names(watched.page)) == 5
    assert watched.wrong == []


def test_a_student_is_one_click_away_and_back(open_page: Any) -> None:
    page = open_page("index.html").page
    page.click("#board a:has-text('top')")
    assert page.inner_text("h1") == "top"
    page.click("section a:has-text('The lists')")
    assert page.inner_text("h1") == "The lists"
    page.click("a.home")
    assert page.inner_text("h1") == "Sums and lists"


def test_without_javascript_the_tables_stand(open_page: Any) -> None:
    page = open_page("index.html", java_script_enabled=False).page
    assert page.locator("#board tbody tr").count() == 5
    assert page.locator("#tools").is_hidden()
    assert page.locator("#board caption").is_visible()


def test_the_skip_link_comes_first(open_page: Any) -> None:
    page = open_page("index.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert len(names(page)) == 5


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", PAGES[:5])
def test_nothing_overlaps_or_is_cut(open_page: Any, name: str, width: int) -> None:
    page = open_page(name, width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlaps = page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll(
            'h1, h2, .said, .lead, nav a, .tools label, .tools button, #permalink, caption, svg text, td')]
            .filter(e => e.checkVisibility() && !e.classList.contains('hidden'))
            .filter(e => !e.closest('details:not([open])'))
            .map(e => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width > 1 && b.height > 1);
          const found = [];
          for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
            const [a, p] = boxes[i], [b, q] = boxes[j];
            if (a.contains(b) || b.contains(a)) continue;
            const w = Math.min(p.right, q.right) - Math.max(p.left, q.left);
            const h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
            if (w > 1.5 && h > 3) found.push([a.textContent.slice(0, 30), b.textContent.slice(0, 30), w, h]);
          }
          return found;
        }"""
    )
    assert overlaps == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES[:5])
def test_axe_finds_nothing_serious(open_page: Any, name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(name, color_scheme=scheme, bypass_csp=True).page
    found = axe.Axe().run(page).response["violations"]
    serious = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found
               if one["impact"] in ("serious", "critical")]  # fmt: skip
    assert serious == []


def test_dark_pages_are_dark_and_print_hides_the_tools(open_page: Any) -> None:
    page = open_page("index.html", color_scheme="dark").page
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in colour[4:-1].split(",")) < 150
    page.emulate_media(media="print")
    assert page.locator("#tools").is_hidden()
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(e => getComputedStyle(e).overflowX === 'visible')"
    )
    assert wide
