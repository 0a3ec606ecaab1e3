"""Any small table of outcomes gives a report without exception, NaN or zero width, or one clear error."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outcome_tables import join, table
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.tradeoff import TradeoffQuestion
from smallsteps.comparing.tradeoff import build as weigh
from smallsteps.errors import UserError
from smallsteps.files import to_json
from smallsteps.gate import layout as gate_layout
from smallsteps.gate.decide import decide
from smallsteps.gate.rules import parse_margins
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.compare import layout
from smallsteps.reports.tradeoff import layout as tradeoff_layout


@st.composite
def outcomes(draw: st.DrawFn) -> OutcomeTable:
    """Two or three students, few items, some with seeds, samples, clusters and partial credit."""
    values = st.sampled_from(draw(st.sampled_from([[0.0], [1.0], [0.0, 1.0], [0.0, 0.5, 1.0], [0.3, 1 / 3]])))
    items, seeds, samples = draw(st.integers(1, 10)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    clusters = draw(st.sampled_from([0, 1, 2, 7]))
    tasks = draw(st.sampled_from([["svamp"], ["svamp", "gsm8k"], ["bbh_snarks", "bbh_navigate"]]))
    students = draw(st.sampled_from([["a", "b"], ["a", "b", "c"]]))
    return OutcomeTable.of(
        Outcome(
            student,
            task,
            f"i{i}",
            draw(values),
            seed=seed if seeds > 1 else None,
            sample=sample,
            cluster=f"c{i % clusters}" if clusters else None,
        )
        for student in students
        for task in tasks
        for i in range(items)
        for seed in range(seeds)
        for sample in range(samples)
    )


def _no_zero_width(value: Any) -> None:
    if isinstance(value, dict):
        if set(value) == {"low", "high"} and value["high"] is not None:
            assert value["low"] < value["high"], value
        if "standard_error" in value:
            assert value["standard_error"] != 0
        for inner in value.values():
            _no_zero_width(inner)
    elif isinstance(value, list):
        for inner in value:
            _no_zero_width(inner)


@settings(max_examples=60)
@given(outcomes())
def test_compare_always_answers(world: OutcomeTable) -> None:
    report = build(world, Question())
    for row in report.rows:
        assert row.interval is None or row.interval.low < row.interval.high
        assert row.p is None or 0 < row.p <= 1
    data = layout.as_json(report)
    to_json(data)  # refuses NaN and infinity
    for row in data["rows"]:
        row["seeds"] = None  # counts of seeds, not an interval
        _no_zero_width({key: value for key, value in row.items() if key not in ("a", "b")})
    assert "nan" not in layout.as_text(report)
    assert layout.as_markdown(report)


@settings(max_examples=40)
@given(outcomes())
def test_gate_always_answers(world: OutcomeTable) -> None:
    report = decide(world.where(student="a"), [world.where(student="b")], parse_margins(["3"]))
    assert report.exit_code in (0, 1, 2)
    to_json(gate_layout.as_json(report))
    assert "nan" not in gate_layout.as_text(report)
    gate_layout.as_junit(report)


@settings(max_examples=10)
@given(outcomes())
def test_tradeoff_always_answers(world: OutcomeTable) -> None:
    generic = table({name: [1.0, 0.0, 1.0] for name in world.unique("student")}, "logic")
    both = join(world, generic)
    try:
        report = weigh(both, TradeoffQuestion("a", tuple(world.unique("task")), ("logic",)))
    except UserError as error:
        if "seed" not in str(error):
            raise
        return
    to_json(tradeoff_layout.as_json(report))
    assert "nan" not in tradeoff_layout.as_text(report)
