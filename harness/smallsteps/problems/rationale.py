"""A teacher's sample for one problem, as it leaves the corpus and enters a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from smallsteps.problems.model import Step


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token with the teacher's most probable alternatives.

    Attributes:
        token: surface text of the drawn token.
        logprob: natural-log probability of the drawn token.
        top: (surface, natural-log probability) of the candidates, most probable first.
        token_id: vocabulary id, where the teacher is local; top_ids: those of the candidates. Several ids can
            share a surface (the bytes of half a character), so that only they name a distribution exactly.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    token_id: int | None = None
    top_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> TokenLogprob:
        """Inverse of `dataclasses.asdict`, also after a way through JSON."""
        top = tuple((str(surface), float(value)) for surface, value in values["top"])
        ids = tuple(int(i) for i in values.get("top_ids", ()))
        return cls(values["token"], values["logprob"], top, values["token_id"], ids)


@dataclass(frozen=True, slots=True)
class Rationale:
    """One teacher sample for one problem.

    Attributes:
        problem_id: `Problem.id` it belongs to.
        text: the reasoning, without the closing answer sentence.
        answer: extracted final answer, None when none could be found.
        correct: whether the answer equals the gold answer; None without a gold answer.
        steps: sub-questions with their solutions, where the teacher decomposed.
        sample: index among the samples of the same prompt.
        teacher: name of the teacher.
        tokens: token log-probabilities, where the teacher gives them.
        thoughts: what the teacher thought before the text, where the student learns it within marks.
    """

    problem_id: str
    text: str
    answer: str | None
    correct: bool | None
    steps: tuple[Step, ...] = ()
    sample: int = 0
    teacher: str = ""
    tokens: tuple[TokenLogprob, ...] = ()
    thoughts: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values; without `thoughts` where there are none, so that hashes stay as they were."""
        found = asdict(self)
        if not self.thoughts:
            del found["thoughts"]
        return found
