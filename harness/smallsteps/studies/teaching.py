"""A student of the study as a teacher: prompted as in its evaluation, in the layout of its own scheme."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.engines import Decoding
from smallsteps.errors import UserError
from smallsteps.files import sha256_of
from smallsteps.schemes import FollowsStrategies
from smallsteps.students import read_student
from smallsteps.teachers.model import Emit, Request, Status, answered

if TYPE_CHECKING:
    from smallsteps.evaluation.system import System
    from smallsteps.schemes import Solution

CHUNK = 256  # prompts answered and stored together


class StudentTeacher:
    """Answers bare questions; of a dialogue, the replies in their order are the rationale."""

    paid = False

    def __init__(self, folder: Path, strategy: str | None = None) -> None:
        card = read_student(folder)
        self.folder, self.strategy = folder, strategy
        self.name = f"student:{card.name}:s{card.seed}:{sha256_of(card.weights)[:16]}"
        self.name += f":{strategy}" if strategy else ""
        self._system: System | None = None

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Chunk by chunk; sample i draws from `seed + i`.

        Raises:
            UserError: log-probabilities are asked for, which a student of several parts does not have.
        """
        from smallsteps.evaluation.system import load_system

        if self._system is None:
            self._system = load_system(self.folder)
        system = self._system

        def drawn(request: Request) -> tuple[str, int]:
            return request.sampling.canonical(), request.sample

        for _, group in groupby(sorted(requests, key=drawn), key=drawn):
            same = list(group)
            sampling = same[0].sampling
            if sampling.logprobs:
                raise UserError("a student as a teacher gives no log-probabilities", fix="set logprobs: 0")
            decoding = Decoding(
                max_new_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                stop=sampling.stop,
                seed=sampling.seed + same[0].sample,
            )
            for start in range(0, len(same), CHUNK):
                chunk = same[start : start + CHUNK]
                rows = self._solved(system, [request.prompt for request in chunk], decoding)
                system.engines.forget()
                emit(
                    [
                        answered(
                            request,
                            self.name,
                            text_of(solution),
                            Status.LENGTH if solution.stop == "length" else Status.OK,
                            completion_tokens=solution.tokens,
                        )
                        for request, (solution,) in zip(chunk, rows, strict=True)
                    ]
                )

    def _solved(self, system: System, questions: Sequence[str], decoding: Decoding) -> list[list[Solution]]:
        scheme = system.scheme
        if self.strategy is None:
            return scheme.solve(questions, system.engines, decoding)
        assert isinstance(scheme, FollowsStrategies)  # the study was checked
        return scheme.solve_by(self.strategy, questions, system.engines, decoding)


def text_of(solution: Solution) -> str:
    """The rationale of a student's solution: its text, or the replies of its dialogue."""
    replies = [turn.reply for turn in solution.turns]
    return "\n".join(replies) if replies and replies[-1] == solution.response else solution.response
