"""A student of the study as a teacher: prompted as in its evaluation, in the layout of its own scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.engines import Decoding
from smallsteps.files import sha256_of
from smallsteps.schemes import FollowsStrategies
from smallsteps.schemes.base import only_prompt
from smallsteps.students import read_student
from smallsteps.teachers.huggingface import HuggingFaceTeacher
from smallsteps.teachers.model import Emit, Request, Status, answered
from smallsteps.teachers.spec import HuggingFaceSpec

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
        """Chunk by chunk; sample i draws from `seed + i`. With log-probabilities, one model in fp32."""
        from smallsteps.evaluation.system import load_system

        if self._system is None:
            self._system = load_system(self.folder)
        system = self._system

        def drawn(request: Request) -> tuple[str, int]:
            return request.sampling.canonical(), request.sample

        told = [request for request in requests if request.sampling.logprobs]
        if told:
            self._with_distributions(system, told, emit)
        plain = [request for request in requests if not request.sampling.logprobs]
        for _, group in groupby(sorted(plain, key=drawn), key=drawn):
            same = list(group)
            sampling = same[0].sampling
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

    def _with_distributions(self, system: System, requests: Sequence[Request], emit: Emit) -> None:
        """The model of a scheme of one text, asked as any local model is."""
        (part,) = system.scheme.parts
        asked = {}
        for request in requests:
            prompt = only_prompt(system.scheme, request.prompt)
            assert prompt is not None  # the study was checked
            asked[request.key] = replace(request, prompt=str(prompt))
        prompts = {request.key: request.prompt for request in requests}
        model = HuggingFaceTeacher(
            HuggingFaceSpec(kind="huggingface", model=system.engines.places[part], batch=CHUNK)
        )
        model.answer(
            list(asked.values()),
            lambda samples: emit([replace(s, prompt=prompts[s.key], teacher=self.name) for s in samples]),
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
