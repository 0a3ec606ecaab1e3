"""Claims carry the day and hash of their declaration, and say which of them came after results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.integrity import read_sealed
from smallsteps.studies.check import check_folder
from smallsteps.studies.declaring import DECLARED, SCHEMA, declare, declared_in, read_declared
from smallsteps.studies.folder import claim_folder
from smallsteps.studies.study import Study

FIRST = {"better": "cot", "than": "answer_only", "on": ["target"], "text": "Steps help"}
SECOND = {"better": "answer_only", "than": "cot", "on": ["target"]}


def study(*claims: dict[str, Any], limit: int = 40) -> Study:
    return Study.model_validate(
        {
            "study": "s",
            "title": "S",
            "recipes": ["a.yaml"],
            "suites": {"target": {"role": "target", "limit": limit, "tasks": ["smallsteps_micro_problems"]}},
            "claims": list(claims),
        }
    )


def evaluated(out: Path, count: int) -> None:
    for number in range(count):
        (out / "runs" / f"cot-s{number}").mkdir(parents=True, exist_ok=True)
        (out / "runs" / f"cot-s{number}" / "stage.json").write_text("{}")


def test_claims_noted_before_the_first_evaluation_are_in_time(tmp_path: Path) -> None:
    declare(tmp_path, study(FIRST))
    first = (tmp_path / DECLARED).read_bytes()
    evaluated(tmp_path, 3)
    declare(tmp_path, study({**FIRST, "text": "other words"}))  # a resumed study; words decide nothing
    assert (tmp_path / DECLARED).read_bytes() == first
    found = declared_in(tmp_path, study(FIRST))
    assert found is not None
    assert (found.late, found.evaluations, found.dropped) == ((), 0, 0)
    (noted,) = read_declared(tmp_path)
    assert noted["evaluations"] == 0
    assert noted["at"].startswith(found.day)
    assert noted["at"].endswith("+00:00")
    assert noted["sha256"] == found.digest


@pytest.mark.parametrize(
    ("later", "late", "dropped"),
    [
        ([FIRST, SECOND], (1,), 0),  # one more claim
        (
            [{"equivalent": "cot", "to": "answer_only", "within": 2, "on": ["target"]}],
            (0,),
            1,
        ),  # another kind
        ([SECOND], (0,), 1),  # turned round: one dropped, one new
        ([], (), 1),
    ],
)
def test_claims_that_change_after_results_are_late_or_dropped(
    later: list[dict[str, Any]], late: tuple[int, ...], dropped: int, tmp_path: Path
) -> None:
    declare(tmp_path, study(FIRST))
    evaluated(tmp_path, 3)
    declare(tmp_path, study(*later))
    found = declared_in(tmp_path, study(*later))
    assert found is not None
    assert (found.late, found.dropped) == (late, dropped)
    assert found.evaluations == (3 if late else 0)
    assert len(read_declared(tmp_path)) == 2  # the first one stays


def test_the_same_claim_on_other_items_is_another_claim(tmp_path: Path) -> None:
    declare(tmp_path, study(FIRST))
    evaluated(tmp_path, 1)
    declare(tmp_path, study(FIRST, limit=80))
    found = declared_in(tmp_path, study(FIRST, limit=80))
    assert found is not None
    assert found.late == (0,)


def test_claims_that_are_left_keep_the_day_and_hash_of_their_declaration(tmp_path: Path) -> None:
    declare(tmp_path, study(FIRST, SECOND))
    evaluated(tmp_path, 3)
    declare(tmp_path, study(FIRST))
    found = declared_in(tmp_path, study(FIRST))
    assert found is not None
    assert (found.late, found.dropped) == ((), 1)
    assert found.digest == read_declared(tmp_path)[0]["sha256"]


def test_claims_changed_before_any_result_are_in_time(tmp_path: Path) -> None:
    declare(tmp_path, study(FIRST))
    declare(tmp_path, study(SECOND))
    found = declared_in(tmp_path, study(SECOND))
    assert found is not None
    assert (found.late, found.dropped) == ((), 0)


def test_a_folder_with_results_and_no_record_shows_nothing(tmp_path: Path) -> None:
    evaluated(tmp_path, 2)
    declare(tmp_path, study(FIRST))
    found = declared_in(tmp_path, study(FIRST))
    assert found is not None
    assert (found.late, found.evaluations) == ((0,), 2)


def test_a_study_without_claims_notes_nothing(tmp_path: Path) -> None:
    declare(tmp_path, study())
    assert not (tmp_path / DECLARED).exists()
    assert declared_in(tmp_path, study()) is None


def test_a_record_that_was_edited_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path / "out", "s", resume=False)
    declare(tmp_path / "out", study(FIRST))
    path = tmp_path / "out" / DECLARED
    read_sealed(path, SCHEMA)
    path.write_text(path.read_text().replace('"evaluations": 0', '"evaluations": 1'))
    with pytest.raises(UserError, match="declared"):
        declare(tmp_path / "out", study(FIRST))
    assert any("declared.json" in problem.where for problem in check_folder(tmp_path / "out").problems)
