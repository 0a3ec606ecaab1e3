"""Published model outputs against the values published or computed for them elsewhere."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smallsteps.comparing.compare import Question, build
from smallsteps.files import read_jsonl
from smallsteps.outcomes import OutcomeTable

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@pytest.fixture(scope="module")
def script(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "benchmarks" / "real_comparisons.py"))


def _accuracies(outcomes: Any) -> dict[str, float]:
    table = OutcomeTable.of(outcomes)
    return {s: float(table.where(student=s).scores().mean()) for s in table.unique("student")}


def test_example_solution_accuracies(data_dir: Path) -> None:
    rows = [row for _, row in read_jsonl(data_dir / "gsm8k" / "example_model_solutions.jsonl.gz")]
    y = np.array([[float(row[m]["is_correct"]) for m in MODELS] for row in rows])
    assert 100 * y.mean(0) == pytest.approx([21.68, 39.04, 34.72, 56.25], abs=0.005)


def test_abel_accuracies(data_dir: Path, script: dict[str, Any]) -> None:
    found = _accuracies(script["abel"](data_dir))
    expected = {"abel-7b": 0.5974, "abel-13b": 0.6641, "abel-70b": 0.8362}
    assert found == pytest.approx(expected, abs=5e-5)


def test_sub_question_accuracies(data_dir: Path, script: dict[str, Any]) -> None:
    found = _accuracies(script["sub_questions"](data_dir))
    assert len(found) == 16
    expected = {
        "ChatGPT": 0.679,
        "BC DistilGPT-2": 0.474,
        "BC GPT-2": 0.505,
        "BC GPT-2 medium": 0.536,
        "filtered BC DistilGPT-2": 0.491,
        "filtered BC GPT-2": 0.522,
        "filtered BC GPT-2 medium": 0.573,
    }
    for name, value in expected.items():
        assert found[f"{name} + chatgpt"] == pytest.approx(value, abs=5e-4), name


def test_bbh_both_readings(data_dir: Path, script: dict[str, Any]) -> None:
    (row,) = build(OutcomeTable.of(script["bbh"](data_dir)), Question()).rows
    assert (row.a.accuracy, row.b.accuracy) == pytest.approx((0.7397, 0.5234), abs=5e-5)
    assert row.at_large is not None
    assert (row.n, row.parts, row.at_large.families) == (6511, 27, 23)
    assert row.at_large.test.estimate == pytest.approx(0.7371 - 0.5276, abs=1e-4)
    large = row.at_large.test
    assert large.df == 22
    assert large.standard_error is not None
    assert row.test.standard_error is not None
    # tasks vary far more than items: the two claims are not the same claim
    assert large.standard_error > 4 * row.test.standard_error


def test_zero_shot_runs_have_the_accuracies_their_logs_print(data_dir: Path, script: dict[str, Any]) -> None:
    table = OutcomeTable.of(script["zero_shot"](data_dir))
    folder = data_dir / "teacher" / "zero_shot_cot_instructgpt"
    names = {"zero_shot": "zero-shot", "zero_shot_cot": "zero-shot CoT"}
    checked = 0
    for _, run in read_jsonl(folder / "runs.jsonl"):
        found = table.where(student=names[run["method"]], task=run["dataset"]).scores()
        if found.size == run["rows"]:
            assert 100 * found.mean() == pytest.approx(run["accuracy_reported"], abs=1e-9), run["dataset"]
            checked += 1
    assert checked >= 14


@pytest.mark.full
def test_the_page_is_what_the_script_writes(
    data_dir: Path, repository: Path, script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setitem(script["main"].__globals__, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["script", str(data_dir)])
    script["main"]()
    assert page.read_bytes() == (repository / "docs" / "real-comparisons.md").read_bytes()
