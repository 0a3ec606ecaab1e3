"""Every line of golden.jsonl: one adversarial response with the verdict a careful reader gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.answers import score
from smallsteps.problems import AnswerKind

GOLDEN = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", GOLDEN, ids=[row["id"] for row in GOLDEN])
def test_golden_verdict(row: dict[str, Any]) -> None:
    result = score(
        row["response"],
        row["answer"],
        AnswerKind(row["kind"]),
        row.get("choices", ()),
        row.get("aliases", ()),
    )
    assert (result.strict, result.flexible) == (row["strict"], row["flexible"]), (row["reason"], result)


def test_golden_file_is_broad_and_explained() -> None:
    assert len(GOLDEN) >= 300
    assert all(row["reason"] for row in GOLDEN)
    assert len(
        {(row["response"], row["answer"], row["kind"], *row.get("choices", ())) for row in GOLDEN}
    ) == len(GOLDEN)
    kinds = {kind: sum(row["kind"] == kind for row in GOLDEN) for kind in AnswerKind}
    assert min(kinds.values()) >= 15, kinds
    for rule in ("strict", "flexible"):
        assert {row[rule] for row in GOLDEN} == {"right", "wrong", "unparsed"}
