"""Stored answers of a finished run, which can be graded again without the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallsteps.evaluation.requests import Ask, Defaults, decoding_of
from smallsteps.evaluation.store import solution_from_json
from smallsteps.files import read_jsonl
from smallsteps.outcomes.lm_eval_names import SAMPLES
from smallsteps.schemes import Solution

_SOLUTION = ("response", "tokens", "stop", "turns", "thoughts")


@dataclass(frozen=True, slots=True)
class Stored:
    """Answers keyed by the whole request, so that a changed prompt or decoding goes to the model again.

    Attributes:
        solutions: by (task, item, prompt); decodings: of the same requests.
        likelihoods: by (context, continuation).
    """

    solutions: dict[tuple[str, str, str], list[Solution]] = field(default_factory=dict)
    decodings: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    likelihoods: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)

    def answer(self, ask: Ask) -> list[Solution] | None:
        """The solutions of an identical earlier request."""
        key = (ask.task, ask.item, ask.text)
        return self.solutions[key] if self.decodings.get(key) == ask.decoding else None


def read_stored(run: Path, defaults: Defaults) -> Stored:
    """The answers of a run directory; unreadable ones are left out and will be generated again."""
    found = Stored()
    turns: dict[tuple[str, str], list[Solution]] = {}
    side = run / "solutions.jsonl"
    for _, row in read_jsonl(side) if side.exists() else ():
        fields = {name: row[name] for name in _SOLUTION if name in row}
        turns.setdefault((row["task"], row["item"]), []).append(solution_from_json(fields))
    for path in sorted(run.glob("samples_*.jsonl")):
        match = SAMPLES.fullmatch(path.name)
        for _, row in read_jsonl(path) if match else ():
            assert match is not None
            _take(found, row, match["task"], turns, defaults)
    return found


def _take(
    found: Stored,
    row: Mapping[str, Any],
    task: str,
    turns: Mapping[tuple[str, str], list[Solution]],
    defaults: Defaults,
) -> None:
    asked = list(row["arguments"].values())
    if not isinstance(asked[0]["arg_1"], Mapping):
        for one, answer in zip(asked, row["resps"], strict=True):
            value, greedy = answer[0]
            found.likelihoods[one["arg_0"], one["arg_1"]] = float(value), str(greedy) == "True"
        return
    item = str(row["doc"].get("item") or "")
    known = turns.get((task, item), [])
    responses = row["resps"][0]
    if [solution.response for solution in known] != responses:
        return
    key = (task, item, asked[0]["arg_0"])
    decoding = decoding_of(asked[0]["arg_1"], defaults, task)
    found.solutions[key] = known
    found.decodings[key] = replace(decoding, samples=len(responses))
