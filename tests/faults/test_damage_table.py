"""Every kind of file the product reads, damaged: found or harmless, no traceback, nothing used silently."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from damage_boards import BOARD_CASES
from damage_cases import CASES, Case, damages, replaced
from damage_studies import STUDY_CASES

from smallsteps.errors import UserError


def outcome(case: Case, folder: Path, expected: Any, damage: str) -> str:
    """What reading a damaged file came to."""
    try:
        value = case.read(folder)
    except UserError as error:
        code, message = error.code, str(error)
    except Exception as error:
        raise AssertionError(f"{damage}: {type(error).__name__}: {error}") from error
    else:
        if value == expected:
            return "harmless"
        assert not case.sealed, f"{damage}: used silently"
        return "another value"
    assert code >= 64, damage
    assert message.replace("\n", "").isprintable(), damage
    return "found"


def table_of(case: Case, folder: Path, places: int) -> dict[str, int]:
    """Outcomes (`found`, `harmless`, `another value`) of damaging each file of a case at so many places."""
    case.make(folder)
    expected = copy.deepcopy(case.read(folder))
    files = sorted({path for pattern in case.files for path in folder.glob(pattern)})
    assert files, "nothing to damage"
    counts = {"found": 0, "harmless": 0, "another value": 0}
    for path in files:
        raw = path.read_bytes()
        for how, content in damages(raw, places, path.name):
            replaced(path, content)
            counts[outcome(case, folder, expected, f"{path.name}, {how}")] += 1
        replaced(path, raw)
    return counts


@pytest.mark.parametrize("case", CASES + BOARD_CASES + STUDY_CASES, ids=lambda case: case.name)
def test_damage_is_found_or_harmless(case: Case, tmp_path: Path) -> None:
    counts = table_of(case, tmp_path, places=3 if case.name == "model" else 20)
    assert counts["found"] > 0 or case.name in ("responses", "times", "remembered")  # made again
    assert case.sealed is False or counts["another value"] == 0


@pytest.mark.full
@pytest.mark.parametrize("case", CASES + BOARD_CASES + STUDY_CASES, ids=lambda case: case.name)
def test_damage_at_many_places(case: Case, tmp_path: Path) -> None:
    table_of(case, tmp_path, places=300)
