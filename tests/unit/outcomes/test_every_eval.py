"""Files in the every_eval_ever format: instances are outcomes, aggregates are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.outcomes.lm_eval_files import Choice
from smallsteps.outcomes.readers import load


def _instance(index: int, score: float, **more: Any) -> dict[str, Any]:
    return {
        "schema_version": "0.2.1",
        "evaluation_id": "sums/org_m/1",
        "model_id": "org/m",
        "evaluation_name": "sums",
        "sample_id": f"q{index}",
        "sample_hash": "0" * 64,
        "interaction_type": "single_turn",
        "input": {"raw": f"What is {index} plus 2?", "formatted": None, "reference": [str(index + 2)]},
        "output": {"raw": ["four"], "reasoning_trace": []},
        "messages": None,
        "answer_attribution": [
            {"turn_idx": 0, "source": "output.raw", "extracted_value": "3", "is_terminal": False},
            {"turn_idx": 0, "source": "output.raw", "extracted_value": "4", "is_terminal": True},
        ],
        "evaluation": {"score": score, "is_correct": score == 1},
        "token_usage": {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14},
        "error": None,
        **more,
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


AGGREGATE = {"schema_version": "0.2.1", "evaluation_id": "sums/org_m/1", "evaluation_results": []}


def test_instances_are_outcomes(tmp_path: Path) -> None:
    path = _write(tmp_path / "1_samples.jsonl", [_instance(0, 1.0), _instance(1, 0.0)])
    (tmp_path / "1.json").write_text(json.dumps(AGGREGATE))
    table = load([path]).table
    assert table == load([tmp_path]).table == load([tmp_path / "1.json"]).table
    row = table.rows()[0]
    assert (row.student, row.task, row.score, row.extracted, row.gold, row.tokens) == (
        "org/m",
        "sums",
        1.0,
        "4",
        "2",
        5,
    )
    assert row.item.startswith("q0:")


def test_a_file_of_aggregates_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(json.dumps(AGGREGATE))
    for path in (tmp_path, tmp_path / "1.json"):
        with pytest.raises(UserError, match="only aggregate results: outcomes of single items are needed"):
            load([path])


def test_other_questions_under_one_id_are_other_items(tmp_path: Path) -> None:
    other = {"raw": "What is 7 plus 2?", "reference": ["9"]}
    first = _write(tmp_path / "a.jsonl", [_instance(0, 1.0)])
    second = _write(tmp_path / "b.jsonl", [_instance(0, 1.0, input=other)])
    assert load([first]).table.columns["item"] != load([second]).table.columns["item"]


def test_repeated_samples_and_failed_ones(tmp_path: Path) -> None:
    rows = [
        _instance(0, 1.0),
        _instance(0, 0.0),
        _instance(1, 1.0, error="timeout", evaluation={"score": None}),
    ]
    table = load([_write(tmp_path / "a.jsonl", rows)]).table
    assert table.columns["sample"] == [0, 1, 0]
    assert table.columns["status"] == ["ok", "ok", "error"]
    assert table.columns["score"] == [1.0, 0.0, 0.0]


def test_one_of_several_metrics_is_chosen_and_said(tmp_path: Path) -> None:
    rows = [
        _instance(i, score, evaluation_result_id=name)
        for name, score in (("em", 1.0), ("f1", 0.5))
        for i in (0, 1)
    ]
    path = _write(tmp_path / "a.jsonl", rows)
    loaded = load([path])
    assert loaded.table.columns["score"] == [1.0, 1.0]
    assert loaded.notes == ("sums: result 'em' (also there: f1; choose with --metric)",)
    assert load([path], Choice(metric="f1")).table.columns["score"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluation": {"score": 87.0}}, r"a\.jsonl:1: the score of this item is 87\.0"),
        ({"evaluation": 5}, r"a\.jsonl:1: the score of this item is None"),
        ({"model_id": ""}, r"a\.jsonl:1: no 'model_id'"),
        ({"evaluation_name": None}, r"a\.jsonl:1: no 'evaluation_name'"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load([_write(tmp_path / "a.jsonl", [_instance(0, 1.0, **change)])])


@pytest.mark.parametrize(
    "change", [{"input": 5}, {"answer_attribution": 5}, {"token_usage": []}, {"input": {}}]
)
def test_optional_parts_may_be_odd(tmp_path: Path, change: dict[str, Any]) -> None:
    assert load([_write(tmp_path / "a.jsonl", [_instance(0, 1.0, **change)])]).table.columns["score"] == [1.0]
