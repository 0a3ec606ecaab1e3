"""Is it no worse than a margin allows? PASS, FAIL or INCONCLUSIVE: "no difference found" is no pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy import special

from smallsteps.errors import UserError
from smallsteps.stats.model import Interval, PairedCounts
from smallsteps.stats.paired import tango_interval, tango_score
from smallsteps.stats.students_t import DifferenceTest, t_quantile, t_tail


class Verdict(StrEnum):
    """What a gate can say."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Outcome of a non-inferiority test of new minus reference against -margin.

    Attributes:
        verdict: PASS if the lower limit is above -margin, FAIL if the upper one is below it.
        regressed: surely worse than the reference (upper limit below 0), even if within the margin.
        difference: new minus reference, in proportions.
        limits: one-sided limits at level alpha each (a 1 - 2 alpha interval); None if not estimable.
        margin: the loss allowed.
        pvalue: one-sided p of "loss at least the margin"; None if not estimable.
        smallest_margin: the smallest margin that would pass, -lower limit, at least 0.
        n: items.
        items_needed: items at which the observed difference and discordance would pass; None if never,
            or if the verdict is not INCONCLUSIVE.
        method: the procedure in words.
        note: what the reader must know.
        pvalue_of_loss: one-sided p of "no loss at all", for the claim that the new one is worse; None if
        unknown.
    """

    verdict: Verdict
    regressed: bool
    difference: float
    limits: Interval | None
    margin: float
    pvalue: float | None
    smallest_margin: float | None
    n: int
    items_needed: int | None
    method: str
    note: str = ""
    pvalue_of_loss: float | None = None

    def equivalent(self) -> bool:
        """Two one-sided tests: both limits within +-margin."""
        return self.limits is not None and -self.margin < self.limits.low and self.limits.high < self.margin


def check_margin(margin: float) -> float:
    """The margin itself, as a proportion.

    Raises:
        UserError: not strictly between 0 and 1.
    """
    if not 0 < margin < 1:
        raise UserError(
            f"a margin must lie strictly between 0 and 1 (100 points), got {margin}",
            fix="name the largest loss you would accept, for example 1 point",
        )
    return margin


def judge(limits: Interval, margin: float) -> tuple[Verdict, bool]:
    """(verdict, regressed) from one-sided limits."""
    regressed = limits.high < 0
    if limits.low > -margin:
        return Verdict.PASS, regressed
    return (Verdict.FAIL if limits.high < -margin else Verdict.INCONCLUSIVE), regressed


def items_to_pass(difference: float, variance: float, margin: float, alpha: float) -> int | None:
    """Items at which this difference and variance per item would pass; None if it is at or past -margin."""
    room = difference + margin
    if room <= 0 or variance <= 0:
        return None
    z = float(-special.ndtri(alpha))
    return math.ceil(z * z * variance / (room * room))


def noninferior_paired(counts: PairedCounts, margin: float, alpha: float = 0.05) -> NonInferiority:
    """Tango score test of H0: difference <= -margin, by its one-sided limit (Tango 1998).

    Args:
        counts: A is the new student, B the reference.
        margin: the loss allowed, as a proportion.
        alpha: one-sided level.
    """
    check_margin(margin)
    limits = tango_interval(counts, 1 - 2 * alpha)
    verdict, regressed = judge(limits, margin)
    score = tango_score(counts, -margin)
    needed = None
    if verdict is Verdict.INCONCLUSIVE and score > 0:
        z = float(-special.ndtri(alpha))  # with all four counts in proportion, the score grows with sqrt(n)
        needed = max(math.ceil(counts.n * (z / score) ** 2), counts.n + 1)
    p = float(special.ndtr(-score))
    return NonInferiority(
        verdict,
        regressed,
        counts.difference,
        limits,
        margin,
        p,
        max(0.0, -limits.low),
        counts.n,
        needed,
        "Tango score, one-sided",
        "no discordant item" if counts.discordant == 0 else "",
        float(special.ndtr(tango_score(counts, 0.0))),
    )


def noninferior_t(test: DifferenceTest, n: int, margin: float, alpha: float = 0.05) -> NonInferiority:
    """The same by a t statistic, for partial credit, clusters, strata or seeds: T = (d + M)/SE.

    Args:
        test: new minus reference, with standard error and degrees of freedom.
        n: items.
        margin: the loss allowed.
        alpha: one-sided level.
    """
    check_margin(margin)
    if test.standard_error is None or test.df is None or test.pvalue is None:
        return NonInferiority(
            Verdict.INCONCLUSIVE,
            False,
            test.estimate,
            None,
            margin,
            None,
            None,
            n,
            None,
            test.method,
            test.note,
        )
    error = test.standard_error
    half = t_quantile(1 - 2 * alpha, test.df) * error
    limits = Interval(test.estimate - half, test.estimate + half)
    verdict, regressed = judge(limits, margin)
    needed = None
    if verdict is Verdict.INCONCLUSIVE:
        needed = items_to_pass(test.estimate, error * error * n, margin, alpha)
        needed = None if needed is None else max(needed, n + 1)
    return NonInferiority(
        verdict,
        regressed,
        test.estimate,
        limits,
        margin,
        t_tail((test.estimate + margin) / error, test.df),
        max(0.0, -limits.low),
        n,
        needed,
        f"{test.method}, one-sided",
        test.note,
        t_tail(-test.estimate / error, test.df),
    )


def equivalence_p(counts: PairedCounts | None, test: DifferenceTest, margin: float) -> float | None:
    """Two one-sided tests (Schuirmann 1987): the larger p of "difference <= -margin" and ">= margin".

    Args:
        counts: of two 0/1 runs, for Tango's score; None for a t statistic.
        test: the same difference with standard error and degrees of freedom.
        margin: as a proportion.

    Returns:
        None where no test is possible.
    """
    check_margin(margin)
    if counts is not None:
        scores = tango_score(counts, -margin), -tango_score(counts, margin)
        return max(float(special.ndtr(-score)) for score in scores)
    if test.standard_error is None or test.df is None or test.pvalue is None:
        return None
    room = margin - abs(test.estimate)
    return t_tail(room / test.standard_error, test.df)
