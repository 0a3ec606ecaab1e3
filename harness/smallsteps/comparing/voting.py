"""Several samples of an item as one score: their mean, the majority's answer, or pass@k."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.errors import DATA, UserError
from smallsteps.stats.samples import majority_vote, pass_at_k

PASS = re.compile(r"^pass@([1-9][0-9]*)$")


def check_rule(rule: str) -> str:
    """The rule itself.

    Raises:
        UserError: not `mean`, `majority` or `pass@K`.
    """
    if rule not in ("mean", "majority") and not PASS.match(rule):
        raise UserError(f"samples cannot be read as '{rule}'", fix="known: mean, majority, pass@K")
    return rule


def one_score(rule: str, scores: Sequence[float], answers: Sequence[str | None], where: str) -> float:
    """Score of one item from its samples; `rule` is `majority` or `pass@K`.

    An answer is as right as the samples that gave it. Tied majorities share the credit, which is what a fair
    draw among them would earn on average; no parsed answer at all scores 0.

    Raises:
        UserError: pass@K with partial credit, or with fewer than K samples.
    """
    match = PASS.match(rule)
    if match is None and len(scores) == 1:  # nothing to vote on, and foreign outcomes hold no answers
        return scores[0]
    if match is None:
        vote = majority_vote(answers)
        worth = dict(
            zip(reversed(answers), reversed(scores), strict=True)
        )  # of equal answers, the first counts
        return sum(worth[winner] for winner in vote.winners) / len(vote.winners) if vote.winners else 0.0
    if any(score not in (0.0, 1.0) for score in scores):
        raise UserError("pass@k needs scores of 0 or 1", where=where, code=DATA)
    return pass_at_k(len(scores), int(sum(scores)), int(match[1]))
