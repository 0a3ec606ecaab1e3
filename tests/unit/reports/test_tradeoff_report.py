"""The trade-off report."""

from __future__ import annotations

import numpy as np
import pytest

from outcome_tables import correlated, join, table
from smallsteps.comparing.axes import bootstrap_axes, make_axis
from smallsteps.comparing.sheet import Sheet
from smallsteps.comparing.tradeoff import TradeoffQuestion, build
from smallsteps.errors import UserError
from smallsteps.files import to_json
from smallsteps.outcomes import OutcomeTable
from smallsteps.problems import Role
from smallsteps.reports.tradeoff import layout
from smallsteps.reports.tradeoff.html import page as page_of
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.partial import paired_t

TARGET = correlated(500, {"base": 0.3, "cot": 0.6})
TARGET["weak"] = [1 - score if i < 6 else score for i, score in enumerate(TARGET["base"])]
GENERIC = correlated(400, {"base": 0.5, "cot": 0.4, "weak": 0.5}, 1)


def _world() -> OutcomeTable:
    return join(table(TARGET, "gsm8k"), table(GENERIC, "logic"))


WISH = TradeoffQuestion("base", ("gsm8k",), ("logic",))


def test_gain_and_change_are_paired_differences() -> None:
    cot = next(p for p in build(_world(), WISH).points if p.student == "cot")
    expected = paired_t(np.subtract(TARGET["cot"], TARGET["base"]))
    assert cot.gain.estimate == pytest.approx(expected.estimate)
    assert cot.gain.standard_error == pytest.approx(expected.standard_error)
    assert cot.loss.estimate < 0
    assert cot.rate.estimate == pytest.approx(-cot.loss.estimate / cot.gain.estimate)


def test_a_suite_of_generic_tasks_alone_can_be_named() -> None:
    # the suite was looked for among the target tasks as well, and not found there
    second = correlated(100, {"base": 0.5, "cot": 0.4, "weak": 0.5}, 2)
    world = join(table(TARGET, "gsm8k"), table(GENERIC, "logic"), table(second, "logic_more"))
    report = build(world, TradeoffQuestion("base", ("gsm8k",), ("logic*",), suites=("all=logic*",)))
    assert [part.name for part in report.generic.parts] == ["all"]
    assert [part.name for part in report.target.parts] == ["gsm8k"]
    with pytest.raises(UserError, match="no task matches 'nothing'"):
        build(world, TradeoffQuestion("base", ("gsm8k",), ("logic*",), suites=("all=nothing",)))


def test_a_page_does_not_deny_losses_where_nobody_gained() -> None:
    # a student that is worse on the target was said not to differ from the base there
    worse = [max(0.0, y - float(i % 2)) for i, y in enumerate(TARGET["base"])]
    target, same = (
        {"base": TARGET["base"], "worse": worse},
        {"base": GENERIC["base"], "worse": GENERIC["base"]},
    )
    report = build(join(table(target, "gsm8k"), table(same, "logic")), WISH)
    assert report.points[0].gain_adjusted is not None
    assert report.points[0].gain_adjusted < 0.05
    page = page_of(report, None)
    assert "No gain on the target is shown for any student." in page
    assert "No loss in generic accuracy is shown for any student." in page
    assert "not shown to differ" not in page


def test_the_rate_is_undefined_without_a_gain() -> None:
    weak = next(p for p in build(_world(), WISH).points if p.student == "weak")
    assert weak.rate.estimate is None
    assert "interval of the gain contains 0" in layout.sentence(weak, build(_world(), WISH))


def test_margin_gives_a_verdict_on_the_generic_axis() -> None:
    points = {
        p.student: p
        for p in build(_world(), TradeoffQuestion("base", ("gsm8k",), ("logic",), margin=0.04)).points
    }
    assert points["cot"].within is not None
    assert points["cot"].within.verdict is Verdict.FAIL
    assert points["weak"].within is not None
    assert points["weak"].within.verdict is not Verdict.FAIL


def test_front_probabilities_and_hypervolume() -> None:
    known = TradeoffQuestion("base", ("gsm8k",), ("logic",), chance={"gsm8k": 0.0, "logic": 0.0})
    report = build(_world(), known)
    shares = {p.student: p.on_front for p in report.points}
    assert shares["cot"] == 1.0  # by far the best on the target, so nothing can beat it there
    assert 0 < report.base_on_front <= 1
    best = max(np.mean(TARGET["cot"]) * np.mean(GENERIC["cot"]), 0)
    assert report.hypervolume >= best - 1e-12  # type: ignore[operator]


def test_no_hypervolume_where_a_chance_level_is_not_known() -> None:
    report = build(_world(), WISH)
    assert report.reference[1] is None
    assert report.hypervolume is None
    assert layout.as_json(report)["hypervolume"] is None
    text = " ".join(layout.as_text(report).split())
    assert "No hypervolume, as a chance level is not known (0.03, unknown)." in text


def test_chance_is_taken_off_retention_and_moves_the_reference_point() -> None:
    plain, above = (
        build(_world(), WISH),
        build(_world(), TradeoffQuestion("base", ("gsm8k",), ("logic",), chance={"logic": 0.25})),
    )
    assert "chance level of logic not known" in plain.points[0].kept.note
    plain = build(_world(), TradeoffQuestion("base", ("gsm8k",), ("logic",), chance={"logic": 0.0}))
    kept = [next(p for p in r.points if p.student == "cot").kept.estimate for r in (plain, above)]
    assert kept[0] is not None
    assert kept[1] is not None
    assert kept[1] < kept[0] < 1
    assert above.reference[1] == 0.25
    base = np.mean(GENERIC["base"]) - 0.25
    assert kept[1] == pytest.approx((np.mean(GENERIC["cot"]) - 0.25) / base)


def test_a_base_not_above_chance_has_no_ratio() -> None:
    wish = TradeoffQuestion("base", ("gsm8k",), ("logic",), chance={"logic": float(np.mean(GENERIC["base"]))})
    cot = next(p for p in build(_world(), wish).points if p.student == "cot")
    assert cot.kept.note == "base not shown to be above chance"


def test_seeds_against_one_fixed_base_and_correlated_axes() -> None:
    parts = [table({"base": TARGET["base"]}, "gsm8k"), table({"base": GENERIC["base"]}, "logic")]
    for seed in range(4):
        parts.append(
            table({"cot": correlated(500, {"cot": 0.5 + 0.03 * seed}, seed)["cot"]}, "gsm8k", seed=seed)
        )
        parts.append(
            table({"cot": correlated(400, {"cot": 0.5 - 0.03 * seed}, seed)["cot"]}, "logic", seed=seed)
        )
    report = build(join(*parts), WISH)
    (cot,) = report.points
    assert cot.seeds == 4
    assert cot.gain.df is not None
    assert cot.gain.df < 10  # seeds, not items, limit what is known
    assert cot.region is not None
    assert cot.region.correlation < -0.3
    assert "1 seed" not in layout.sentence(cot, report)


def test_scaling_prints_its_degrees_of_freedom() -> None:
    students = {f"s{k}": 0.3 + 0.1 * k for k in range(4)}
    world = join(
        table(correlated(400, {"base": 0.2, **students}), "gsm8k"),
        table(correlated(400, {"base": 0.5, **dict.fromkeys(students, 0.5)}, 2), "logic"),
    )
    wish = TradeoffQuestion(
        "base", ("gsm8k",), ("logic",), sizes={name: 10.0 ** (6 + k) for k, name in enumerate(students)}
    )
    report = build(world, wish)
    assert report.scaling is not None
    assert report.scaling[0].df == 2
    assert "2 degrees of freedom" in " ".join(layout.as_text(report).split())


def test_roles_choose_the_axes_and_suites_weigh_items() -> None:
    tasks = ["gsm8k", "bbh_snarks", "bbh_navigate", "svamp"]
    assert make_axis(Role.TARGET, (), tasks).tasks == ["gsm8k"]
    generic = make_axis(Role.GENERIC, (), tasks)
    assert [(part.name, part.tasks) for part in generic.parts] == [("bbh", ("bbh_snarks", "bbh_navigate"))]
    with pytest.raises(UserError, match="no generic task"):
        make_axis(Role.GENERIC, (), ["gsm8k"])
    with pytest.raises(UserError, match="no task matches 'x"):
        make_axis(Role.GENERIC, ("x*",), tasks)


def test_bootstrap_draws_have_the_right_centre_and_spread() -> None:
    from smallsteps.comparing.graded import grade_all

    graded = grade_all(_world(), ["gsm8k", "logic"])
    axis = make_axis(Role.TARGET, ("gsm8k",), ["gsm8k", "logic"])
    sheet = Sheet(graded, axis.parts, ("base",))
    (draws,) = bootstrap_axes(sheet, (axis,), ["base", "cot"], 3000, 1)
    scores = np.array([TARGET["base"], TARGET["cot"]])
    assert draws.mean(0) == pytest.approx(scores.mean(1), abs=0.002)
    assert draws.std(0) == pytest.approx(scores.std(1) / np.sqrt(500), rel=0.06)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="did you mean 'base'"):
        build(_world(), TradeoffQuestion("bas", ("gsm8k",), ("logic",)))
    with pytest.raises(UserError, match="both axes"):
        build(_world(), TradeoffQuestion("base", ("gsm8k",), ("gsm8k",)))
    with pytest.raises(UserError, match="unknown task or suite 'logi'"):
        build(_world(), TradeoffQuestion("base", ("gsm8k",), ("logic",), chance={"logi": 0.2}))
    with pytest.raises(UserError, match="no task matches 'logic'"):
        build(table({"base": [1.0]}, "gsm8k"), WISH)
    alone = join(table({"base": [1.0, 0.0]}, "gsm8k"), table({"base": [1.0, 0.0]}, "logic"))
    with pytest.raises(UserError, match="no student but the base"):
        build(alone, WISH)


def test_checkpoints_keep_the_order_asked_for() -> None:
    wish = TradeoffQuestion("base", ("gsm8k",), ("logic",), students=("weak", "cot"))
    assert [p.student for p in build(_world(), wish).points] == ["weak", "cot"]
    assert [p.student for p in build(_world(), WISH).points] == ["cot", "weak"]


def test_json_is_deterministic_and_holds_the_outline() -> None:
    first, second = (to_json(layout.as_json(build(_world(), WISH))) for _ in range(2))
    assert first == second
    assert len(layout.as_json(build(_world(), WISH))["points"][0]["outline"]) == 64
    assert layout.as_markdown(build(_world(), WISH)).startswith("# Trade-off")
