"""The trade-off plane: one set of numbers and one picture for reports, verbs and leaderboards."""

from __future__ import annotations

import re

import pytest
from study_inputs import whole_study

from smallsteps.comparing.tradeoff import TradeoffQuestion
from smallsteps.comparing.tradeoff import build as weigh
from smallsteps.reports.page.cost import Priced, cost_picture
from smallsteps.reports.page.plane import Marked, front_of, placed_labels, plane
from smallsteps.reports.study import build
from smallsteps.reports.study.html import to_html


def test_report_and_verb_have_the_same_places() -> None:
    given = whole_study()
    (suite,) = build(given).generic
    question = TradeoffQuestion(
        "base", ("word_problems",), ("suite",), chance={"suite": 0.25}, students=("base", "cot")
    )
    report = weigh(given.outcomes, question)
    (point,) = report.points
    base, cot = suite.places
    assert (base.student, cot.student, cot.base) == ("base", "cot", "base")
    assert (cot.target, cot.generic, cot.on_front) == (point.target, point.generic, point.on_front)
    assert base.on_front == report.base_on_front
    assert cot.region is not None
    assert point.region is not None
    assert (cot.region.radius_x, cot.region.radius_y) == pytest.approx(
        (point.region.radius_x, point.region.radius_y)
    )


def test_the_front_leads_along_those_whom_nobody_beats() -> None:
    marks = [
        Marked(0, "kept", 0.1, 0.9, on_front=1.0), Marked(1, "learned", 0.8, 0.2, on_front=1.0),
        Marked(2, "beaten", 0.5, 0.1, on_front=0.0),
    ]  # fmt: skip
    picture = str(plane(None, marks, "target", "generic", "t"))
    lines = re.findall(
        r'<line x1="([\d.]+)%" y1="([\d.]+)" x2="([\d.]+)%" y2="([\d.]+)" class="front-line"', picture
    )
    places = {
        title: re.search(
            rf'<svg x="([\d.]+)%" y="([\d.]+)" class="at">(?:(?!</svg>).)*<title>{title}:', picture
        )
        for title in ("kept", "learned", "beaten")
    }
    corners = {(x2, y2) for _, _, x2, y2 in lines}
    assert all(found is not None for found in places.values())
    assert {found.groups() for title, found in places.items() if found and title != "beaten"} <= corners
    assert places["beaten"] is not None
    assert places["beaten"].groups() not in corners
    assert "on the front in 100% of the draws" in picture
    assert "front-line" not in str(
        plane(None, [Marked(0, "a", 0.1, 0.2), Marked(1, "b", 0.3, 0.1)], "x", "y", "t")
    )


def test_arrows_start_at_each_base_and_crowds_are_marks_alone() -> None:
    few = [Marked(0, "base", 0.1, 0.9), Marked(1, "b", 0.5, 0.5, origin=(0.1, 0.9))]
    assert str(plane(None, few, "x", "y", "t")).count('class="arrow"') == 1
    crowd = [Marked(i, f"s{i}", i / 20, 0.5, origin=(0.1, 0.9), on_front=0.6) for i in range(12)]
    picture = str(plane(None, crowd, "x", "y", "t"))
    assert ('class="arrow"' in picture, 'class="name"' in picture) == (False, False)
    assert picture.count('class="m front"') == 12
    own = str(plane(None, crowd, "x", "y", "t", own=3))
    assert (own.count('class="m self"'), own.count('class="arrow"'), own.count('class="name"')) == (1, 1, 1)


def test_names_keep_off_other_marks() -> None:
    """In the first version "Base, before distillation" ran over the mark of its neighbour."""
    wanted = [(10.0, 200.0, "Base, before distillation"), (18.0, 191.0, "Answer only")]
    lines = placed_labels(wanted, 300.0, 20.0)
    place = next(
        float(found[1]) for text in lines if "Base" in text and (found := re.search(r'y="([\d.]+)"', text))
    )
    assert abs(place - 4 - 191.0) >= 13
    assert len(lines) == 2


def test_who_is_on_the_front_is_said_surest_first() -> None:
    assert front_of([("a", 0.25), ("b", 1.0), ("c", 0.004)]) == "b 100%, a 25%"
    assert front_of([(f"s{i}", 1.0) for i in range(10)]).endswith("and 2 more")


def test_cost_is_drawn_on_a_logarithmic_scale() -> None:
    found = [
        Priced(i, name, cost, 0.5) for i, (name, cost) in enumerate((("a", 10), ("b", 100), ("c", 1000)))
    ]
    picture = str(cost_picture(found, "tokens", "accuracy"))
    at = [float(x) for x in re.findall(r'<svg x="([\d.]+)%" y="[\d.]+" class="at">', picture)]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=0.02)
    assert str(cost_picture(found[:1], "tokens", "accuracy")) == ""
    assert str(cost_picture([Priced(0, "a", 0, 0.5), found[0]], "tokens", "accuracy")) == ""


def test_all_claims_are_drawn_on_one_scale_with_zero_in_one_place() -> None:
    page = to_html(build(whole_study()))
    zeros = re.findall(r'<line x1="([\d.]+)%"[^>]*class="zero"', page)
    assert len(zeros) >= 2
    assert len(set(zeros)) == 1
