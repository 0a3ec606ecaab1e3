"""The study's page in a real browser: from disk, without a network, with nothing of the study run as code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from study_inputs import HOSTILE, pair, rows, study, whole_study

from smallsteps.reports.page.items import TEXT_LIMITS
from smallsteps.reports.study import Sample, StudentInfo, build, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write(build(whole_study()), folder)
    return folder / "report.html"


def opened(browser: Browser, path: Path, anchor: str = "", width: int = 1280, height: int = 800) -> Page:
    """The page, which must say nothing on the console and ask for nothing but itself."""
    page = browser.new_page(viewport={"width": width, "height": height})
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda asked: noise.append(asked.url) if not asked.url.startswith("file:") else None)
    page.goto(f"file://{path}{anchor}")
    if anchor.startswith("#items?"):
        page.wait_for_selector("#explorer article")
    assert noise == []
    return page


def count_line(page: Page) -> str:
    return page.locator("#explorer [role=status]").inner_text()


def test_the_first_screen_holds_picture_table_and_three_sentences(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    for selector in (
        "h1",
        ".headlines li:nth-child(3)",
        ".front svg.plane",
        ".front table tbody tr:nth-child(3)",
    ):
        box = page.locator(selector).first.bounding_box()
        assert box is not None, selector
        assert box["y"] + box["height"] <= 800, selector
    page.close()


def test_cells_and_claims_lead_to_their_items(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    page.locator("#claims td a").first.click()
    page.wait_for_selector("#explorer article")
    assert count_line(page) == "60 of 200 items"  # 50 won and 10 lost
    page.locator('select[name="show"]').select_option("won")
    page.wait_for_function(
        "document.querySelector('#explorer [role=status]').textContent.startsWith('50 of')"
    )
    assert "show=won" in page.url
    page.close()


def test_a_filter_about_the_first_student_names_one(browser: Browser, report: Path) -> None:
    """It found nothing before a first student was chosen, and did not say why."""
    page = opened(browser, report, "#items?task=word_problems&show=wrong")
    first = page.locator('select[name="a"]').input_value()
    assert first != ""
    page.locator('select[name="show"]').select_option("differ")
    page.wait_for_url("**&b=*")
    assert page.locator('select[name="b"]').input_value() not in ("", first)
    page.close()


def test_search_sort_and_deep_links(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "#items?task=word_problems&q=i0007&a=cot")
    assert count_line(page) == "1 of 200 items"
    page.locator("#explorer article .meta a").click()
    page.wait_for_url("**item=i0007*")
    address = page.url
    page.close()
    page = opened(browser, report, address[address.index("#") :])
    assert count_line(page).startswith("One item")
    page.close()
    page = opened(browser, report, "#items?task=word_problems&sort=hardest")
    assert page.locator("#explorer article").count() == 20
    page.locator("button.more").click()
    page.wait_for_selector("#explorer article >> nth=39")
    page.close()


def test_hostile_texts_are_shown_and_do_nothing(browser: Browser, tmp_path: Path) -> None:
    bad = HOSTILE + "<b onmouseover=alert(3)>" + "x" * (1 << 20)
    students = (StudentInfo("answer_only", HOSTILE, "x"), StudentInfo("cot", "CoT", "cot"))
    first, second = pair(3, 2, 1, 1)
    given = study(rows("cot", first) + rows("answer_only", second), students=students, response=bad)
    write(build(given), tmp_path)
    page = opened(browser, tmp_path / "report.html", "#items?task=word_problems")
    assert page.locator("#explorer article").count() == 7
    assert page.locator("#explorer img, #explorer script, #explorer b").count() == 0
    text = page.locator("#explorer pre").first.inner_text()
    assert "<script>alert(1)</script>" in text
    assert "\\u0000\\u202e" in text
    assert "\u202e" not in page.locator("body").inner_text()
    assert "more characters)" in text
    assert len(text) < TEXT_LIMITS[0] + 200
    page.close()


def test_dialogues_stand_beside_the_gold_plan_and_samples_are_folded(
    browser: Browser, tmp_path: Path
) -> None:
    def texts(student: str, *_: Any) -> Sample:
        if student == "answer_only":
            return Sample("How many?", ("7", "8"))
        return Sample("How many?", ("7",), ("gold one", "gold two"), ((("own one", "3"),),))

    outcomes = rows("cot", [1, 0]) + rows("answer_only", [1, 1]) + rows("answer_only", [0, 1], sample=1)
    given = study(outcomes)
    given = given.__class__(**{n: getattr(given, n) for n in given.__dataclass_fields__} | {"samples": texts})
    write(build(given), tmp_path)
    page = opened(browser, tmp_path / "report.html", "#items?task=word_problems")
    cells = page.locator("#explorer article").first.locator(".dialogue tbody td").all_inner_texts()
    assert cells == ["own one", "3", "gold one", "", "", "gold two"]
    assert "all 2 responses, 1 right" in page.locator("#explorer article").first.inner_text()
    page.close()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overlaps_or_runs_out_of_the_page(browser: Browser, report: Path, width: int) -> None:
    page = opened(browser, report, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.evaluate(
        """[...document.querySelectorAll('svg.plane')].map((plot) => [...plot.querySelectorAll('text')]
        .map((one) => one.getBoundingClientRect()).filter((box) => box.width)
        .map((box) => [box.left, box.top, box.right, box.bottom]))"""
    )
    for labels in boxes:
        for i, a in enumerate(labels):
            for b in labels[:i]:
                over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                assert over[0] <= 1 or over[1] <= 3, (a, b)
    page.close()


def test_accessible_in_light_and_dark_and_by_keyboard(browser: Browser, report: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme in ("light", "dark"):
        page = opened(browser, report, "#items?task=word_problems")
        page.emulate_media(color_scheme=scheme)
        found = [v for v in axe.run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, json.dumps([(v["id"], v["nodes"][0]["html"][:200]) for v in found])
        page.close()
    page = opened(browser, report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.close()


def test_tables_and_pictures_download(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    saved: dict[str, bytes] = {}
    for button in ("CSV", "Markdown", "LaTeX"):
        with page.expect_download() as download:
            page.locator(".front-side button", has_text=button).click()
        saved[button] = Path(download.value.path()).read_bytes()
    assert saved["CSV"].startswith(b'"Student","Target')
    assert saved["Markdown"].splitlines()[1] == b"| --- | --- | --- |"
    assert b"\\toprule" in saved["LaTeX"]
    for button, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.locator(".front figure button", has_text=button).click()
        assert Path(download.value.path()).read_bytes().startswith(start)
    page.close()


def test_the_tables_stand_without_javascript(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{report}")
    assert page.locator(".front table tbody tr").count() == 5
    assert "The list needs JavaScript" in page.locator("#items").inner_text()
    context.close()


def test_a_spreadsheet_reads_names_as_text(browser: Browser, tmp_path: Path) -> None:
    students = (StudentInfo("answer_only", "=1+1", "x"), StudentInfo("cot", "@cot", "cot"))
    first, second = pair(3, 2, 1, 1)
    write(build(study(rows("cot", first) + rows("answer_only", second), students=students)), tmp_path)
    page = opened(browser, tmp_path / "report.html")
    with page.expect_download() as download:
        page.locator(".front-side button", has_text="CSV").click()
    text = Path(download.value.path()).read_text()
    assert '"\'=1+1"' in text
    assert '"\'@cot"' in text
    page.close()
