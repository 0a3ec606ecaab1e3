"""Checkpoints as a path: labels, the table, the picture."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from outcome_tables import correlated, join, table
from smallsteps.comparing.tradeoff import TradeoffQuestion, TradeoffReport, build
from smallsteps.errors import UserError
from smallsteps.files import write_json
from smallsteps.outcomes.checkpoints import chosen_checkpoints, tokens_of, trajectories
from smallsteps.reports.page.plane import Marked, Trail, plane
from smallsteps.reports.tradeoff import html, layout

CHROMIUM = shutil.which("chromium")
TARGET = correlated(200, {"cot@0": 0.2, "cot@900": 0.7, "cot@1000": 0.6, "other": 0.4})
TRANSFER = correlated(200, {"cot@0": 0.2, "cot@900": 0.4, "cot@1000": 0.3, "other": 0.3}, 1)
GENERIC = correlated(200, {"cot@0": 0.6, "cot@900": 0.5, "cot@1000": 0.3, "other": 0.5}, 2)


def _report(chosen: int | None = 900) -> TradeoffReport:
    world = join(
        table(TARGET, "smallsteps_micro_problems"),
        table(TRANSFER, "smallsteps_micro_more_steps"),
        table(GENERIC, "logic"),
    )
    wish = TradeoffQuestion("cot@0", generic=("logic",), chosen={} if chosen is None else {"cot": chosen})
    return build(world, wish)


def test_labels_of_checkpoints() -> None:
    assert tokens_of("a@b@12") == ("a@b", 12)
    assert tokens_of("cot") is tokens_of("cot@x") is tokens_of("@12") is tokens_of("cot@²") is None
    assert trajectories(["cot@1000", "cot@900", "x@5"]) == {"cot": [(900, "cot@900"), (1000, "cot@1000")]}


def test_a_trajectory_is_in_the_order_of_its_tokens() -> None:
    (found,) = _report().trajectories
    assert [stop.tokens for stop in found.stops] == [0, 900, 1000]
    assert found.stops[1].target == pytest.approx(sum(TARGET["cot@900"]) / 200)
    assert found.stops[1].transfer == pytest.approx(sum(TRANSFER["cot@900"]) / 200)
    assert found.stops[1].generic == pytest.approx(sum(GENERIC["cot@900"]) / 200)
    assert found.stops[1].ability is None
    assert [stop.chosen for stop in found.stops] == [False, True, False]


def test_tables_name_the_chosen_checkpoint() -> None:
    report = _report()
    text = layout.as_markdown(report)
    assert "## Checkpoints of cot" in text
    assert re.search(r"\| 900 .*\| chosen", text)
    assert layout.as_json(report)["trajectories"][0]["stops"][1]["chosen"] is True
    assert "Checkpoints of cot" in layout.as_text(report)


def test_the_page_draws_a_path_and_a_ring() -> None:
    page = html.page(_report(), None)
    assert page.count('class="arrow trail"') == 2
    assert page.count('class="ring"') == 1
    assert page.count('class="arrow"') == 1  # of the student without checkpoints
    assert 'class="ring"' not in html.page(_report(None), None)


def test_reports_without_checkpoints_are_as_before() -> None:
    world = join(
        table({k: TARGET[k] for k in ("cot@0", "other")}, "smallsteps_micro_problems"),
        table({k: GENERIC[k] for k in ("cot@0", "other")}, "logic"),
    )
    report = build(world, TradeoffQuestion("cot@0", generic=("logic",)))
    assert "trajectories" not in layout.as_json(report)
    assert "Checkpoints" not in layout.as_markdown(report)


def test_a_path_begins_at_the_base_of_another_name() -> None:
    marks = [Marked(n, str(n), 0.1 * n, 0.5) for n in range(3)]
    picture = plane(marks[0], marks[1:], "x", "y", "n", trails=[Trail((1, 2), 2)])
    assert picture.count("arrow trail") == 2
    assert picture.count("marker-end") == 1


def test_the_chosen_one_is_read_beside_the_runs(tmp_path: Path) -> None:
    run = tmp_path / "watch" / "tokens-000000000900" / "run"
    run.mkdir(parents=True)
    record = {"schema": "smallsteps.selection/1", "student": "cot", "tokens": 900}
    write_json(tmp_path / "watch" / "selection.json", record)
    assert chosen_checkpoints([run]) == chosen_checkpoints([tmp_path]) == {"cot": 900}
    write_json(tmp_path / "watch" / "selection.json", {**record, "tokens": "x"})
    with pytest.raises(UserError, match="names no chosen checkpoint"):
        chosen_checkpoints([run])


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_the_page_is_readable_on_three_widths(tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    (tmp_path / "page.html").write_text(html.page(_report(), None))
    with sync.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (390, 768, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(f"file://{tmp_path}/page.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            labels = page.evaluate(
                """[...document.querySelectorAll('svg.plane text')].map((one) => one.getBoundingClientRect())
                .filter((box) => box.width).map((box) => [box.left, box.top, box.right, box.bottom])"""
            )
            assert labels
            for i, a in enumerate(labels):
                for b in labels[:i]:
                    over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                    assert over[0] <= 1 or over[1] <= 3, (width, a, b)
        found = axe.run(page).response["violations"]
        assert not found, [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
        browser.close()
