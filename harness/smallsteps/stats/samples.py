"""Several sampled generations per item: the item stays the unit of analysis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from smallsteps.errors import UserError
from smallsteps.stats.model import as_scores
from smallsteps.stats.students_t import NOISE


@dataclass(frozen=True, slots=True)
class SampleVariance:
    """Variance of a mean over items and samples: between/n + within/(n k).

    Attributes:
        mean: mean score over items.
        between: variance of the items' expected scores (omega^2).
        within: mean variance of one sample of an item (sigma^2); 0 with one sample an item.
        items: n.
        samples: k.
        identical: all samples of every item are equal, as greedy decoding gives: k counts as 1.
        standard_error: of the mean, items as units; None with one item, or if all items score alike.
        enough_samples: smallest k at which sampling adds at most a tenth to the variance between items;
            None if items do not differ, or with one sample an item.
    """

    mean: float
    between: float
    within: float
    items: int
    samples: int
    identical: bool
    standard_error: float | None
    enough_samples: int | None


def sample_variance(scores: ArrayLike) -> SampleVariance:
    """Split the variance of an items x samples score matrix (Miller 2024).

    sigma^2 is the unbiased within-item variance, which for 0/1 scores is mean p_i (1 - p_i) k/(k - 1).
    """
    y = as_scores(scores, "scores", ndim=2)
    n, k = y.shape
    means = y.mean(axis=1)
    identical = k > 1 and bool((y == y[:, :1]).all())
    within = float(y.var(axis=1, ddof=1).mean()) if k > 1 else 0.0
    total = float(means.var(ddof=1)) if n > 1 else 0.0
    between = max(0.0, total - within / k)
    enough = None
    if k > 1 and between > 0:
        enough = 1 if identical else max(1, math.ceil(within / (0.1 * between)))
    error = math.sqrt(total / n) if n > 1 and total > NOISE else None
    return SampleVariance(float(means.mean()), between, within, n, k, identical, error, enough)


def pass_at_k(drawn: int, correct: int, k: int) -> float:
    """Unbiased pass@k of one item, 1 - C(N-c, k)/C(N, k) (Chen et al. 2021, HumanEval).

    Raises:
        UserError: k exceeds the number of samples drawn, or counts are impossible.
    """
    if not 1 <= k <= drawn:
        raise UserError(f"pass@{k} needs at least {k} samples an item, there are {drawn}")
    if not 0 <= correct <= drawn:
        raise UserError(f"{correct} correct of {drawn} samples")
    if drawn - correct < k:
        return 1.0
    miss = 1.0
    for j in range(drawn - correct + 1, drawn + 1):
        miss *= 1.0 - k / j
    return 1.0 - miss


@dataclass(frozen=True, slots=True)
class MajorityVote:
    """Majority answer of one item's samples.

    Attributes:
        winners: answers with the most votes, in the order of their first vote; empty if none was parsed.
        votes: votes for each winner.
        tied: more than one winner.
    """

    winners: tuple[str, ...]
    votes: int
    tied: bool

    def score(self, gold: str) -> float:
        """Expected score under a fair draw among the winners: 1/ties if gold is one of them, else 0."""
        return 1.0 / len(self.winners) if gold in self.winners else 0.0

    def first(self) -> str | None:
        """The winner voted for first: the 0/1 rule that needs no random number."""
        return self.winners[0] if self.winners else None


def majority_vote(answers: Sequence[str | None]) -> MajorityVote:
    """Majority over extracted answers in normal form; unparsed ones (None) have no vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return MajorityVote((), 0, False)
    top = max(votes.values())
    winners = tuple(answer for answer, count in votes.items() if count == top)
    return MajorityVote(winners, top, len(winners) > 1)
