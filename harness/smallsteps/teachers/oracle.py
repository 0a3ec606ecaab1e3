"""The oracle of the micro-world: perfect or deliberately erring rationales, free and instant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from smallsteps.teachers.model import Emit, Request, Sample, answered


class OracleTeacher:
    """Speaks only of micro-world problems."""

    paid = False

    def __init__(self, error_rate: float = 0.0) -> None:
        self.error_rate = error_rate
        self.name = f"oracle:microworld:error_rate={error_rate:g}"

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Emit all samples of one problem at a time."""
        from smallsteps.microworld.oracle import oracle_samples

        batch: list[Sample] = []
        for (_, seed), group in groupby(requests, key=lambda r: (r.problem.id, r.sampling.seed)):
            wanted = list(group)
            count = 1 + max(request.sample for request in wanted)
            texts = oracle_samples(wanted[0].problem, count, seed, self.error_rate)
            # short problems have fewer wordings: what the oracle lacks stays unanswered
            batch += [answered(r, self.name, texts[r.sample]) for r in wanted if r.sample < len(texts)]
            if len(batch) >= 1000:
                emit(batch)
                batch = []
        emit(batch)
