"""Corpora of several teachers as one: all of them, or a teacher's only where the student fails (SIKeD).

Adarsh et al. 2024 (2410.18574): a student writes solutions in every strategy, those that are right are mixed
with the teacher's, and the next student learns from both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from smallsteps.problems import Rationale

Mixing = Literal["all", "adaptive"]


@dataclass(frozen=True, slots=True)
class Share:
    """What one section gave.

    Attributes:
        rationales: in their order.
        own: whether a student of the study wrote them.
    """

    rationales: tuple[Rationale, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rationales of several sections.

    Attributes:
        rationales: problem by problem, in the order of the sections.
        own, taught: how many a student of the study wrote, and how many another teacher.
        solved: left out, since the student solves the problem with that strategy itself.
        repeats: left out, since the same text was there.
    """

    rationales: tuple[Rationale, ...]
    own: int
    taught: int
    solved: int
    repeats: int

    @property
    def share(self) -> float:
        """Share of the teacher in the mixture, 0 to 1; the paper's alpha."""
        return self.taught / max(1, self.taught + self.own)


def mixed(shares: Sequence[Share], rule: Mixing, strategy: Callable[[Rationale], str]) -> Mixture:
    """Mix sections.

    Args:
        shares: the sections.
        rule: `all`, or `adaptive`: a teacher's rationale only where no student's solves the problem with the
            same strategy.
        strategy: how a rationale reasons.
    """
    solved = {(r.problem_id, strategy(r)) for share in shares if share.own for r in share.rationales}
    seen: set[tuple[str, str, str]] = set()
    groups: dict[str, list[Rationale]] = {}
    counts = {"own": 0, "taught": 0, "solved": 0, "repeats": 0}
    for share in shares:
        for rationale in share.rationales:
            place = rationale.problem_id, strategy(rationale)
            text = (*place, " ".join(rationale.text.split()))
            group = groups.setdefault(rationale.problem_id, [])
            if rule == "adaptive" and not share.own and place in solved:
                counts["solved"] += 1
            elif text in seen:
                counts["repeats"] += 1
            else:
                seen.add(text)
                group.append(rationale)
                counts["own" if share.own else "taught"] += 1
    return Mixture(tuple(r for group in groups.values() for r in group), **counts)
