"""Items that changed sides between two students: how many were gained and lost, with intervals."""

from __future__ import annotations

import numpy as np

from smallsteps.comparing.model import Flips
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.stats.crossed import Arm, moments, problem_of
from smallsteps.stats.model import Floats, Interval, PairedCounts
from smallsteps.stats.proportions import wilson_interval
from smallsteps.stats.students_t import t_test


def flips_of(sheet: Sheet, a: str, b: str, unit: Unit, counts: PairedCounts | None = None) -> Flips | None:
    """Shares of items that only A, and that only B, has right; None for partial credit or unequal seeds.

    Args:
        sheet: the graded runs.
        a, b: students that have the unit.
        unit: task or suite.
        counts: of two single runs on items that vary alone, where these are known.
    """
    if counts is not None:
        shares = [
            (c / counts.n, wilson_interval(c, counts.n, sheet.confidence))
            for c in (counts.only_a, counts.only_b)
        ]
        return Flips(*shares[0], *shares[1])
    runs = [(sheet.graded[a, task], sheet.graded[b, task]) for task in unit.tasks]
    if not (sheet.binary(a, unit) and sheet.binary(b, unit)):
        return None
    if sheet.seeds(a, unit.tasks) is None or sheet.seeds(b, unit.tasks) is None:
        return None
    first, second = np.hstack([x.by_seed() for x, _ in runs]), np.hstack([y.by_seed() for _, y in runs])
    fixed = sheet.is_fixed(a, unit.tasks), sheet.is_fixed(b, unit.tasks)
    gained, gained_interval = _share(sheet, unit, first, 1 - second, fixed)
    lost, lost_interval = _share(sheet, unit, 1 - first, second, fixed)
    return Flips(gained, gained_interval, lost, lost_interval)


def _share(
    sheet: Sheet, unit: Unit, right: Floats, wrong: Floats, fixed: tuple[bool, bool]
) -> tuple[float, Interval | None]:
    """Mean over items and pairs of seeds of right * wrong, two seeds x items matrices of 0 and 1.

    The variance adds the item part of the products and the seed part of each side, the other held at its
    mean; the seed-by-item part, which both contain, is not taken off, so that the interval is a little too
    wide.
    """
    products = right.mean(axis=0) * wrong.mean(axis=0)
    share, design = float(products.mean()), sheet.design(unit.tasks)
    if problem_of(design):
        return share, None
    each = np.full(products.size, 1 / products.size)
    items = moments([Arm(products[None, :], each)], design)
    sides = [
        moments([Arm(right * wrong.mean(axis=0), each, fixed[0])], design),
        moments([Arm(right.mean(axis=0) * wrong, each, fixed[1])], design),
    ]
    parts = [*items.clusters, *(part for side in sides for part in side.seeds)]
    dfs = [*items.clusters_df, *(df for side in sides for df in side.seeds_df)]
    variance = float(sum(parts))
    spread = sum(part**2 / df for part, df in zip(parts, dfs, strict=True))
    found = t_test(
        share, variance, variance**2 / spread if spread > 0 else 0.0, sheet.confidence, ""
    ).interval
    return share, None if found is None else Interval(max(0.0, found.low), min(1.0, found.high))
