"""Small outcome tables for the tests of reports and of the gate."""

from __future__ import annotations

import numpy as np

from smallsteps.outcomes import Outcome, OutcomeTable


def table(
    scores: dict[str, list[float]],
    task: str = "svamp",
    *,
    seed: int | None = None,
    clusters: list[str] | None = None,
    prompt: str | None = None,
    scorer: str | None = None,
) -> OutcomeTable:
    """One row per score; items are numbered."""
    return OutcomeTable.of(
        Outcome(
            student,
            task,
            f"i{i:04d}",
            float(score),
            seed=seed,
            cluster=clusters[i] if clusters else None,
            prompt=f"{prompt}{i}" if prompt else None,
            scorer=scorer,
        )
        for student, row in scores.items()
        for i, score in enumerate(row)
    )


def join(*tables: OutcomeTable) -> OutcomeTable:
    """All rows."""
    return OutcomeTable.concatenate(list(tables))


def correlated(n: int, rates: dict[str, float], seed: int = 0, noise: float = 0.5) -> dict[str, list[float]]:
    """0/1 scores of students that find the same items hard."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n)
    return {
        name: [float(x) for x in ((1 - noise) * easy + noise * rng.random(n) < rate)]
        for name, rate in rates.items()
    }
