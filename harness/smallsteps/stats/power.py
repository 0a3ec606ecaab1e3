"""What a planned comparison can detect. Discordance (psi) is the share of items on which two runs differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from smallsteps.errors import UserError
from smallsteps.stats.model import Floats, Ints
from smallsteps.stats.paired import mcnemar_exact_array, mcnemar_midp_array, tango_score_array

ENUMERATED = 1000  # discordant items
STEPS = 10_000  # margins are searched in hundredths of a point
# Beyond this shift a noncentral t is negative in less than one case in 10^9; scipy may return NaN for that.
NO_LOWER_TAIL = 6.0


def _check(n: int, discordance: float) -> None:
    if n < 1 or not 0 < discordance <= 1:
        raise UserError(
            f"power needs items and a discordance in (0, 1], got n={n}, discordance={discordance}"
        )


def _z(tail: float) -> float:
    return float(-special.ndtri(tail))


def items_needed(difference: float, discordance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Items for a paired test (Miettinen 1968, Connor 1987):
    n = (z_a/2 sqrt(psi) + z_b sqrt(psi - delta^2))^2 / delta^2.

    Raises:
        UserError: the difference is 0 or larger than the discordance.
    """
    delta = abs(difference)
    if not 0 < delta <= discordance:
        raise UserError(f"a difference of {delta} cannot come from a discordance of {discordance}")
    top = _z(alpha / 2) * math.sqrt(discordance) + _z(1 - power) * math.sqrt(discordance - delta**2)
    return math.ceil(top * top / delta**2)


def gate_power(n: int, discordance: float, margin: float, alpha: float = 0.05) -> float:
    """Probability that the gate passes a new run that lost nothing, by enumeration of the gate's own rule.

    m ~ Bin(n, psi) items are discordant and b | m ~ Bin(m, 1/2) of them speak for the new run. It passes if
    Tango's score at -margin exceeds the one-sided normal quantile, which is the same as a lower limit above
    -margin. With m fixed the score rises with b, so one critical b for each m says everything.
    """
    _check(n, discordance)
    sizes, weight = _discordant(n, discordance)
    z = _z(alpha)
    low, high = np.zeros_like(sizes), sizes + 1  # the critical b lies in [low, high]; m + 1: none passes
    for _ in range(int(sizes[-1] + 1).bit_length()):
        middle = (low + high) // 2
        passes = tango_score_array(middle, sizes - middle, np.array(n), np.array(-margin)) > z
        low, high = np.where(passes, low, np.minimum(middle + 1, high)), np.where(passes, middle, high)
    reached = np.where(high > 0, special.bdtrc(np.maximum(high - 1, 0), sizes, 0.5), 1.0)
    return float(weight @ np.where(high > sizes, 0.0, reached))


def provable_margin(n: int, discordance: float, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest margin at which the gate passes with this power if nothing was lost, see `gate_power`.

    Returns:
        The margin in whole hundredths of a point, rounded up so that the power is reached at what is printed;
        None if no margin below 100 points is passed with this power.
    """
    _check(n, discordance)
    low, high = 0, STEPS
    while high - low > 1:
        middle = (low + high) // 2
        if gate_power(n, discordance, middle / STEPS, alpha) >= power:
            high = middle
        else:
            low = middle
    return high / STEPS if high < STEPS else None


@lru_cache(maxsize=4096)
def _critical(m: int, alpha: float, test: Literal["exact", "midp"]) -> int:
    """Largest k <= m/2 such that min(b, c) = k is significant; -1 if none is."""
    smaller = np.arange(m // 2 + 1)
    compute = mcnemar_exact_array if test == "exact" else mcnemar_midp_array
    return int(np.count_nonzero(compute(smaller, m - smaller) <= alpha)) - 1


@lru_cache(maxsize=64)
def _criticals(bits: int, alpha: float, test: Literal["exact", "midp"]) -> Ints:
    """`_critical` of every m below 2^bits; planning asks for the same ones over and over."""
    return np.array([_critical(m, alpha, test) for m in range(1 << bits)])


def _binomial(k: Ints, n: int, p: float) -> Floats:
    """Binomial probabilities; much faster than scipy.stats for one call."""
    if p >= 1:
        return np.asarray(k == n, dtype=np.float64)
    logs = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.asarray(np.exp(logs + k * math.log(p) + (n - k) * math.log1p(-p)), dtype=np.float64)


def _discordant(n: int, discordance: float) -> tuple[Ints, Floats]:
    """Numbers of discordant items that can occur, and their probabilities; less than 1e-15 is left out."""
    centre, spread = n * discordance, math.sqrt(n * discordance * (1 - discordance))
    low, high = max(0, math.floor(centre - 9 * spread - 9)), min(n, math.ceil(centre + 9 * spread + 9))
    sizes = np.arange(low, high + 1)
    return sizes, _binomial(sizes, n, discordance)


def mcnemar_power(
    n: int,
    discordance: float,
    difference: float,
    alpha: float = 0.05,
    test: Literal["exact", "midp"] = "exact",
) -> float:
    """Power of McNemar's test by enumeration of m ~ Bin(n, psi) and b | m ~ Bin(m, (1 + delta/psi)/2)."""
    _check(n, discordance)
    share = (1 + difference / discordance) / 2
    if not -1e-12 <= share <= 1 + 1e-12:
        raise UserError(f"a difference of {difference} cannot come from a discordance of {discordance}")
    share = min(1.0, max(0.0, share))
    sizes, weight = _discordant(n, discordance)
    cut = _criticals(int(sizes[-1]).bit_length(), alpha, test)[sizes]
    reject = np.where(cut >= 0, special.bdtr(np.maximum(cut, 0), sizes, share), 0.0)
    reject += np.where(cut >= 0, special.bdtr(np.maximum(cut, 0), sizes, 1 - share), 0.0)
    return float(weight @ reject)


def detectable_difference(
    n: int,
    discordance: float,
    alpha: float = 0.05,
    power: float = 0.8,
    test: Literal["exact", "midp"] = "exact",
) -> float | None:
    """Smallest difference McNemar's test finds with this power; None if not even delta = psi is found.

    By enumeration up to `ENUMERATED` discordant items, beyond by the normal approximation of Miettinen (1968)
    with the exact test's continuity correction, which agrees to less than 1 % there.
    """
    _check(n, discordance)
    return _detectable(n, round(discordance, 12), alpha, power, test)


@lru_cache(maxsize=8192)
def _detectable(
    n: int, discordance: float, alpha: float, power: float, test: Literal["exact", "midp"]
) -> float | None:
    if n * discordance > ENUMERATED:
        z_alpha, z_power = _z(alpha / 2), _z(1 - power)
        edge = z_alpha * math.sqrt(discordance) + (1 / math.sqrt(n) if test == "exact" else 0.0)
        # (delta sqrt(n) - edge)^2 = z_power^2 (psi - delta^2), solved for delta
        room = discordance * (n + z_power**2) - edge**2
        return (edge * math.sqrt(n) + z_power * math.sqrt(room)) / (n + z_power**2)

    def missing(difference: float) -> float:
        return mcnemar_power(n, discordance, difference, alpha, test) - power

    if missing(discordance) < 0:
        return None
    from scipy.optimize import brentq  # here, because it takes 0.2 s to import

    return float(brentq(missing, 0.0, discordance, xtol=1e-9))


def detectable_by_t(error: float, df: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Difference that a two-sided t test with this standard error finds with the power asked for."""
    return _noncentrality(df, alpha, power) * error


@dataclass(frozen=True, slots=True)
class MethodPower:
    """What a design with several seeds per method can detect.

    Attributes:
        standard_error: of the difference of methods.
        df: degrees of freedom (Satterthwaite).
        detectable: difference found with the power asked for; None with one seed.
    """

    standard_error: float
    df: float
    detectable: float | None


def method_power(
    seeds: int,
    n: int,
    seed_sd: float,
    discordance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> MethodPower:
    """Detectable difference between two methods with `seeds` seeds each.

    Args:
        seeds: seeds per method.
        n: items.
        seed_sd: standard deviation of accuracy between seeds of one method, as a proportion.
        discordance: share of items on which one checkpoint of each would differ (upper bound for seed means).
        alpha: two-sided level.
        power: wanted power.
        design_effect: inflation of the item variance by clusters.
    """
    _check(n, discordance)
    seed_part = 2 * seed_sd**2 / seeds
    item_part = design_effect * discordance / n
    variance = seed_part + item_part
    if seeds < 2:
        return MethodPower(math.sqrt(variance), 0.0, None)
    spread = 2 * (seed_sd**2 / seeds) ** 2 / (seeds - 1) + item_part**2 / max(n - 1, 1)
    df = variance**2 / spread
    return MethodPower(math.sqrt(variance), df, _noncentrality(df, alpha, power) * math.sqrt(variance))


def _noncentrality(df: float, alpha: float, power: float) -> float:
    """Shift of t at which a two-sided test has the power asked for."""
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    low, high = 0.0, 10.0 * critical + 10.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = float(1 - special.nctdtr(df, middle, critical))
        if middle < NO_LOWER_TAIL:
            reached += float(special.nctdtr(df, middle, -critical))
        if reached < power:
            low = middle
        else:
            high = middle
    return high


def seeds_needed(
    difference: float,
    n: int,
    seed_sd: float,
    discordance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
    most: int = 200,
) -> int | None:
    """Seeds per method that detect a difference; None if `most` would not do (then items are missing)."""
    for seeds in range(2, most + 1):
        found = method_power(
            seeds, n, seed_sd, discordance, alpha=alpha, power=power, design_effect=design_effect
        ).detectable
        if found is not None and found <= abs(difference):
            return seeds
    return None
