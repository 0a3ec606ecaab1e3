"""Gates that stop as soon as the answer is known, without spending alpha twice.

Two designs. Planned looks: O'Brien-Fleming boundaries at equally spaced numbers of items. Watching a run: an
e-process, valid at every item. Items come in a fixed order that nobody chose after seeing results.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

from smallsteps.errors import UserError
from smallsteps.stats.model import PairedCounts
from smallsteps.stats.noninferiority import Verdict, check_margin
from smallsteps.stats.paired import tango_score


def hash_order(items: Iterable[str], salt: str) -> list[str]:
    """Items in the order of sha256(salt, item): fixed by the salt committed before the first result."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{salt}\x1f{item}".encode()).hexdigest())


def look_sizes(n: int, looks: int = 5) -> tuple[int, ...]:
    """Items at each planned look: equal steps, the last one all of them; fewer if n is small."""
    if n < 1 or looks < 1:
        raise UserError(f"a sequential gate needs items and looks, got n={n}, looks={looks}")
    return tuple(sorted({math.ceil(n * k / looks) for k in range(1, looks + 1)}))


@lru_cache(maxsize=64)
def obrien_fleming(looks: int = 5, alpha: float = 0.05, *, two_sided: bool = False) -> tuple[float, ...]:
    """Critical z at each look, C sqrt(K/k), C solved by recursive integration.

    O'Brien and Fleming 1979; the recursion over the density of the running score is Armitage, McPherson and
    Rowe's (1969), as in Jennison and Turnbull 2000, chapter 19.
    """
    low, high = 0.5, 8.0
    for _ in range(50):
        middle = (low + high) / 2
        bounds = [middle * math.sqrt(looks / k) for k in range(1, looks + 1)]
        if crossing_probability(bounds, two_sided=two_sided) > alpha:
            low = middle
        else:
            high = middle
    return tuple(high * math.sqrt(looks / k) for k in range(1, looks + 1))


def crossing_probability(bounds: Sequence[float], *, two_sided: bool = False, drift: float = 0.0) -> float:
    """Probability that z_k exceeds its bound at some of K equally spaced looks; E z_K = drift.

    Density of the score S_k = z_k sqrt(k) carried from look to look by Simpson's rule on the region of
    continuation.
    """
    points = 401
    step = drift / math.sqrt(len(bounds))
    grid, mass, crossed = np.zeros(1), np.ones(1), 0.0
    for k, bound in enumerate(bounds, start=1):
        top = bound * math.sqrt(k)
        bottom = -top if two_sided else k * step - 9 * math.sqrt(k)
        upper = special.ndtr((grid + step) - top)
        crossed += float(mass @ upper)
        if two_sided:
            crossed += float(mass @ special.ndtr(bottom - (grid + step)))
        nodes = np.linspace(bottom, max(top, bottom), points)
        width = (nodes[-1] - nodes[0]) / (points - 1)
        simpson = np.full(points, 2.0)
        simpson[1::2], simpson[[0, -1]] = 4.0, 1.0
        gap = nodes[:, None] - grid[None, :] - step
        density = (np.exp(-0.5 * gap * gap) / math.sqrt(2 * math.pi)) @ mass
        grid, mass = nodes, density * simpson * width / 3
    return crossed


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a planned gate.

    Attributes:
        number: from 1.
        items: items graded by then.
        z_pass: evidence against "loss at least the margin".
        z_fail: evidence against "loss less than the margin".
        critical: z needed at this look.
        verdict: PASS, FAIL, or INCONCLUSIVE (go on; at the last look: stay undecided).
    """

    number: int
    items: int
    z_pass: float
    z_fail: float
    critical: float
    verdict: Verdict


def look(counts: PairedCounts, number: int, margin: float, bounds: Sequence[float]) -> Look:
    """Judge the items so far at a planned look by Tango's score at -margin."""
    z = tango_score(counts, -check_margin(margin))
    critical = bounds[number - 1]
    verdict = Verdict.PASS if z >= critical else Verdict.FAIL if z <= -critical else Verdict.INCONCLUSIVE
    return Look(number, counts.n, z, -z, critical, verdict)


@dataclass(frozen=True, slots=True)
class EProcess:
    """State of a betting e-process for a mean of differences in [-1, 1] (Waudby-Smith and Ramdas 2024).

    Two wagers run side by side, one against "loss at least the margin" and one against "loss less than the
    margin". Each bet uses only items before it, so that the state can be saved and taken up again anywhere.

    Attributes:
        margin: the loss allowed.
        alpha: level; PASS when its wager reaches 1/alpha.
        fail_alpha: level of FAIL (default: alpha).
        n: items seen.
        total: sum of differences.
        squares: sum of squared differences.
        log_pass: logarithm of the wager for PASS.
        log_fail: logarithm of the wager for FAIL.
        verdict: sticky once reached.
    """

    margin: float
    alpha: float = 0.05
    fail_alpha: float | None = None
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    log_pass: float = 0.0
    log_fail: float = 0.0
    verdict: Verdict = Verdict.INCONCLUSIVE

    def update(self, differences: Iterable[float]) -> EProcess:
        """The state after some more items, in order."""
        state = self
        for difference in differences:
            state = state._step(float(difference))
        return state

    def _step(self, d: float) -> EProcess:
        if not -1.0 <= d <= 1.0:
            raise UserError(f"an item difference must lie in [-1, 1], got {d}")
        log_pass = self.log_pass + math.log1p(self._bet(+1) * (d + self.margin))
        log_fail = self.log_fail + math.log1p(self._bet(-1) * -(d + self.margin))
        verdict = self.verdict
        if verdict is Verdict.INCONCLUSIVE:
            if log_pass >= -math.log(self.alpha):
                verdict = Verdict.PASS
            elif log_fail >= -math.log(self.fail_alpha or self.alpha):
                verdict = Verdict.FAIL
        return replace(
            self,
            n=self.n + 1,
            total=self.total + d,
            squares=self.squares + d * d,
            log_pass=log_pass,
            log_fail=log_fail,
            verdict=verdict,
        )

    def _bet(self, side: int) -> float:
        # one pseudo-item with difference 0 and square 1/4 keeps the first bets small and defined
        mean = self.total / (self.n + 1)
        second = (0.25 + self.squares) / (self.n + 1)
        room = side * (mean + self.margin)
        variance = max(second - mean * mean, 1e-12) + room * room
        # an item can cost a PASS bet 1 - margin and a FAIL bet 1 + margin: at most half is staked
        return min(max(room / variance, 0.0), 0.5 / (1 - side * self.margin))
