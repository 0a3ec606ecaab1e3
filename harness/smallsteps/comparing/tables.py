"""What the four counts of two 0/1 runs say, for all pairs of students on one task at once."""

from __future__ import annotations

import numpy as np

from smallsteps.comparing.model import CheckpointDetails
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.stats.model import Interval, PairedCounts
from smallsteps.stats.paired import (
    can_reach,
    cohen_g,
    mcnemar_exact_array,
    mcnemar_midp_array,
    odds_of_share,
    tango_interval_array,
)
from smallsteps.stats.proportions import clopper_pearson_array


def checkpoint_details(sheet: Sheet, a: str, b: str, unit: Unit) -> CheckpointDetails:
    """Counts, tests, interval and effect sizes of two students with one 0/1 score for each item of a task."""
    (task,) = unit.tasks
    key = ("tables", task)
    if key not in sheet.memo:
        sheet.memo[key] = _Tables(sheet, unit)
    tables: _Tables = sheet.memo[key]
    return tables.details(a, b)


class _Tables:
    """All pairs of 0/1 runs on one task; equal tables are computed once, all of them in a few array calls."""

    def __init__(self, sheet: Sheet, unit: Unit) -> None:
        (task,) = unit.tasks
        names = [student for student, of in sheet.graded if of == task and sheet.binary(student, unit)]
        names = [name for name in names if len(sheet.graded[name, task].seeds) == 1]
        right = np.stack([sheet.graded[name, task].by_seed()[0] for name in names])  # students x items
        both = np.rint(right @ right.T).astype(np.int64)
        only_first = both.diagonal()[:, None] - both
        pairs = np.stack([only_first.ravel(), only_first.T.ravel()])
        (b, c), place = np.unique(pairs, axis=1, return_inverse=True)
        self._n = right.shape[1]
        self._names = {name: i for i, name in enumerate(names)}
        self._both, self._place = both, place.reshape(both.shape)
        self._only_a, self._only_b = b.tolist(), c.tolist()
        self._exact, self._midp = mcnemar_exact_array(b, c).tolist(), mcnemar_midp_array(b, c).tolist()
        low, high = tango_interval_array(b, c, np.array(self._n), sheet.confidence)
        self._tango = [Interval(*limits) for limits in zip(low.tolist(), high.tolist(), strict=True)]
        low, high = clopper_pearson_array(b, np.maximum(b + c, 1), sheet.confidence)
        self._share = [Interval(*limits) for limits in zip(low.tolist(), high.tolist(), strict=True)]

    def details(self, a: str, b: str) -> CheckpointDetails:
        """Of one pair."""
        first, second = self._names[a], self._names[b]
        at, both = int(self._place[first, second]), int(self._both[first, second])
        only_a, only_b = self._only_a[at], self._only_b[at]
        counts = PairedCounts(both, only_a, only_b, self._n - both - only_a - only_b)
        return CheckpointDetails(
            counts,
            self._exact[at],
            self._midp[at],
            self._tango[at],
            odds_of_share(counts, self._share[at]),
            cohen_g(counts),
            can_reach(counts),
        )
