"""Learning curves, paths over checkpoints and budgets in a study's report: pictures and their tables."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from study_inputs import HOSTILE, whole_study

from smallsteps.reports.page.chart import Line, Place, chart, round_ticks
from smallsteps.reports.study import Budget, DevPath, LossCurve, Stop, StudyReport, build, write
from smallsteps.reports.study.html import to_html
from smallsteps.reports.study.learning import over_seeds, path_over_seeds
from smallsteps.reports.study.learning_views import budget_figures, loss_table, path_figures, stop_table
from smallsteps.reports.study.markdown import to_markdown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")


def path(student: str, seed: int, chosen: int, shift: float = 0.0) -> DevPath:
    """Eight checkpoints that learn the target and lose generic ability."""
    stops = [
        Stop(
            100_000 * n,
            40_000 * n,
            {"target": 0.1 + n * (0.08 + shift), "transfer": 0.1 + 0.02 * n, "generic": 0.8 - 0.05 * n},
            n == chosen,
        )
        for n in range(9)
    ]
    first = dataclasses.replace(stops[0], scores={"target": 0.1, "transfer": 0.1, "generic": 0.8})
    return DevPath(student, seed, "the best on target dev", "dev", (first, *stops[1:]))


@pytest.fixture(scope="module")
def report() -> StudyReport:
    seen = tuple(range(8000, 320_001, 8000))
    losses = [
        LossCurve(student, seed, "", seen, tuple(3.0 / (n + seed) + 0.1 for n in range(1, 41)))
        for student in ("answer_only", "cot")
        for seed in (1, 2, 3)
    ]
    losses += [LossCurve("socratic", 1, part, seen, (1.0,) * 40) for part in ("decomposer", "solver")]
    paths = [path("cot", 1, 5), path("cot", 2, 8, 0.01), path("answer_only", 1, 3, -0.04)]
    budget = Budget(
        "corpus.limit", "training problems", ((("answer_only", 100), ("base", 200), ("cot", 800)),)
    )
    given = dataclasses.replace(whole_study(), losses=losses, paths=paths, budgets=[budget])
    return build(given)


def test_a_band_reaches_from_the_lowest_seed_to_the_highest() -> None:
    places = over_seeds([([10, 20, 30], [1.0, 0.5, 0.3]), ([12, 20, 28], [0.8, 0.7, 0.1])])
    assert (places[0].x, places[-1].x) == (12, 28)  # where both are known
    at = {place.x: place for place in places}
    assert at[20].y == pytest.approx(0.6)
    assert (at[20].low, at[20].high) == (0.5, 0.7)
    assert at[28].high == pytest.approx(0.34)  # between 0.5 at 20 and 0.3 at 30
    one = over_seeds([([1, 2], [0.5, 0.4])])
    assert [(p.x, p.y) for p in one] == [(1, 0.5), (2, 0.4)]


def test_checkpoints_of_several_seeds_are_averaged_while_all_go_on() -> None:
    short = dataclasses.replace(path("cot", 2, 2, 0.01), stops=path("cot", 2, 2, 0.01).stops[:4])
    places = path_over_seeds([path("cot", 1, 5), short], "target")
    assert [place.x for place in places] == [0, 40_000, 80_000, 120_000]
    assert places[2].y == pytest.approx(0.1 + 2 * 0.085)
    assert places[2].high == pytest.approx(0.1 + 2 * 0.09)


def test_tables_hold_the_numbers_of_the_pictures(report: StudyReport) -> None:
    losses, stops = loss_table(report), stop_table(report)
    assert losses is not None
    assert stops is not None
    rows = {row[0]: row[1:] for row in losses.rows}
    assert rows["CoT"][:3] == ["3", "320 k", "1.18 (0.85 to 1.60)"]
    assert rows["CoT"][-1].startswith("0.17")
    assert "Socratic, solver" in rows
    assert stops.header[4:] == ("Target", "Transfer", "Generic", "")
    assert ["CoT", "1", "500,000", "200,000", "50.0", "20.0", "55.0", "chosen"] in stops.rows
    assert sum(row[-1] == "chosen" for row in stops.rows) == 3
    assert "Selection rules: CoT: the best on target dev" in stops.caption
    text = to_markdown(report)
    assert "## How they learned" in text
    assert "| CoT | 1 | 500,000 | 200,000 | 50.0 | 20.0 | 55.0 | chosen |" in text


def test_every_training_is_a_path_with_a_ring_at_its_choice(report: StudyReport) -> None:
    (figure,) = path_figures(report)
    assert figure.plot.count("arrow trail") == 3 * 8
    assert figure.plot.count('class="ring"') == 3
    assert "CoT, seed 2: chosen" in figure.plot
    assert [title for _, title in figure.legend] == ["CoT", "Answer only"]


def test_students_of_another_base_begin_elsewhere(report: StudyReport) -> None:
    other = path("cot", 1, 5)
    first = dataclasses.replace(other.stops[0], scores={"target": 0.3, "generic": 0.3})
    moved = dataclasses.replace(other, stops=(first, *other.stops[1:]))
    two = dataclasses.replace(report, paths=(path("answer_only", 1, 3), moved))
    assert len(path_figures(two)) == 2


def test_a_budget_is_drawn_over_its_declared_values(report: StudyReport) -> None:
    figures = budget_figures(report, report.budgets[0])
    assert [figure.title for figure in figures] == [column.title for column in report.front]
    assert figures[0].plot.count("<title>") == 3
    labels = re.findall(r'text-anchor="(?:middle|end)">(\d+)</text>', figures[0].plot)
    assert {"100", "200", "800"} <= set(labels)  # a logarithmic axis shows the values themselves


def test_lines_of_a_budget_are_named_by_what_they_share(report: StudyReport) -> None:
    lines = (("cot", 1), ("answer_only", 2)), (("socratic", 1), ("socratic+gold_plans", 2))
    two = dataclasses.replace(report, budgets=(Budget("corpus.samples", "samples a problem", lines),))
    assert [title for _, title in budget_figures(two, two.budgets[0])[0].legend] == ["cot", "socratic"]


def test_a_report_without_trainings_has_no_such_section() -> None:
    plain = build(whole_study())
    assert 'id="learning"' not in to_html(plain)
    assert "How they learned" not in to_markdown(plain)


def test_names_in_pictures_are_escaped() -> None:
    plot = chart(
        [Line(1, HOSTILE, (Place(1, 0.5), Place(2, 0.6)), ((1, 0.5, HOSTILE),))],
        "x",
        "y",
        x_text=str,
        y_text=str,
    )
    assert "<script>" not in plot
    assert "<img" not in plot


def test_axes_have_round_numbers() -> None:
    assert round_ticks(0, 320_000, 5) == [0, 100_000, 200_000, 300_000]
    assert round_ticks(0.12, 0.47, 5) == pytest.approx([0.2, 0.3, 0.4])
    assert round_ticks(5, 5, 5) == [5]
    one = chart([Line(0, "a", (Place(3, 0.0),))], "x", "y", x_text=str, y_text=str)  # a single place
    assert "nan" not in one
    assert ">-" not in one  # nothing is below 0


def test_json_holds_curves_and_paths(report: StudyReport) -> None:
    data = json.loads(json.dumps(report.to_json()))
    assert data["paths"][0]["stops"][5]["chosen"] is True
    assert data["losses"][0]["supervised_tokens"][-1] == 320_000
    assert data["budgets"][0]["lines"][0][2] == ["cot", 800]


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page_file(report: StudyReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning")
    write(report, folder)
    return folder / "report.html"


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_label_covers_another(browser: Browser, page_file: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.goto(f"file://{page_file}#learning")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots: list[list[Any]] = page.evaluate(
        """[...document.querySelectorAll('#learning svg.plane')].map((plot) => {
          const outer = plot.getBoundingClientRect();
          return [...plot.querySelectorAll('text')]
            .map((one) => [one.textContent, one.getBoundingClientRect()])
            .filter(([, box]) => box.width)
            .map(([text, box]) => [text, box.left, box.top, box.right, box.bottom, outer.left, outer.right]);
        })"""
    )
    assert len(plots) == 3 + 1 + 3 + 2  # losses of three parts, paths, three roles, a budget on two columns
    for labels in plots:
        for i, a in enumerate(labels):
            assert a[1] >= a[5] - 2, a
            assert a[3] <= a[6] + 2, a
            for b in labels[:i]:
                over = min(a[3], b[3]) - max(a[1], b[1]), min(a[4], b[4]) - max(a[2], b[2])
                assert over[0] <= 1 or over[1] <= 3, (width, a[0], b[0])
    page.locator("#learning summary").first.click()
    assert page.locator("#learning table").first.is_visible()
    assert noise == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_with_open_tables(browser: Browser, page_file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page.goto(f"file://{page_file}")
    page.evaluate("document.querySelectorAll('#learning details').forEach((one) => { one.open = true; })")
    found = axe.run(page, "#learning").response["violations"]
    assert not found, json.dumps([(v["id"], v["nodes"][0]["html"][:200]) for v in found])
    page.close()
