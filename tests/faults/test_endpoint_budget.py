"""A budget holds, whatever an endpoint says about tokens and however runs are cut up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import SAMPLING, Hostile, Scripted, body, collected, problems, purse, raw, teacher_of

from smallsteps.corpora import Store
from smallsteps.teachers import Status
from smallsteps.teachers.budget import BudgetReachedError
from smallsteps.teachers.prices import most_tokens

pytestmark = pytest.mark.timeout(60)
PROMPT = most_tokens("Q: What is 10 + 1?")
MOST = 0.001 * (PROMPT + SAMPLING.max_tokens)  # dollars that one request can cost

LIES: dict[str, Any] = {
    "negative": {"prompt_tokens": -(10**9), "completion_tokens": -(10**9)},
    "one of them negative": {"prompt_tokens": 8, "completion_tokens": -(10**9)},
    "nothing": {"prompt_tokens": 0, "completion_tokens": 0},
    "unsaid": None,
    "text": "free of charge",
    "absurd": {"prompt_tokens": 10**30, "completion_tokens": 10**30},
}


@pytest.mark.parametrize("name", LIES)
def test_no_lie_about_tokens_voids_a_budget(tmp_path: Path, name: str) -> None:
    """Negative usage brought the bill to -15,000 dollars, and the run went on without end."""
    with Hostile(script=lambda asked, number: Scripted(raw(body(usage=LIES[name])))) as server:
        teacher = teacher_of(server)
        teacher.purse = purse(10 * MOST)
        with pytest.raises(BudgetReachedError):
            collected(teacher, tmp_path / "s", 200)
        assert 5 <= len(server.times) <= 11, "each is counted at the most it can have cost"
        assert 0 < teacher.purse.spent <= 10 * MOST
    with Store(tmp_path / "s") as store:
        assert 0 < store.usage()["prompt_tokens"] <= PROMPT * len(store)
        assert 0 < store.usage()["completion_tokens"] <= 64 * len(store)


def test_unusable_answers_count(tmp_path: Path) -> None:
    """They were billed and forgotten: a run of them could go on for ever."""
    broken = Scripted(raw(body(choices=[{"index": 0, "message": "x"}])))

    def script(asked: dict[str, Any], number: int) -> Scripted:
        return Scripted(raw(body())) if number == 1 else broken

    with Hostile(script=script) as server:
        teacher = teacher_of(server, limits={"attempts": 50, "retries": 100.0, "concurrency": 2})
        teacher.purse = purse(5 * MOST)
        with pytest.raises(BudgetReachedError):
            collected(teacher, tmp_path / "s", 3)
        assert len(server.times) <= 6
        assert teacher.purse.spent <= 5 * MOST
        assert "brought nothing usable and may have been billed" in " ".join(teacher.notices)


def test_what_failed_answers_cost_is_kept_with_the_row_over_runs(tmp_path: Path) -> None:
    broken = Scripted(raw(body(choices=[{"index": 0, "message": "x"}])))
    good = Scripted(raw(body()))
    bad = "What is 2 +"
    with Hostile(script=lambda asked, number: broken if bad in str(asked) else good) as server:
        rows = collected(teacher_of(server), tmp_path / "s", 6)
        assert rows[2].status is Status.ERROR
        assert rows[2].completion_tokens == 2 * 64, "two attempts, at the most each can have cost"
        server.script = lambda asked, number: good
        rows = collected(teacher_of(server), tmp_path / "s", 6)
    assert rows[2].status is Status.OK
    assert rows[2].completion_tokens == 2 * 64 + 12
    assert rows[2].attempts == 3
    assert rows[1].completion_tokens == 12
    assert len(problems(6)) == len(rows)
