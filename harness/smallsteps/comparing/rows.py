"""One row: A against B on a task or suite, by the procedure its seeds, clusters and strata ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smallsteps.comparing.flips import flips_of
from smallsteps.comparing.graded import Graded
from smallsteps.comparing.model import (
    ALPHA,
    AtLarge,
    CheckpointDetails,
    ClaimKind,
    ClusterDetails,
    Equivalence,
    Row,
    SeedDetails,
    Side,
)
from smallsteps.comparing.sheet import Estimate, Level, Sheet, Unit
from smallsteps.comparing.tables import checkpoint_details
from smallsteps.stats.clusters import design_effect
from smallsteps.stats.crossed import Design, problem_of
from smallsteps.stats.model import Floats, Interval, PairedCounts
from smallsteps.stats.noninferiority import equivalence_p, noninferior_paired, noninferior_t
from smallsteps.stats.partial import sign_flip, unvarying_interval
from smallsteps.stats.power import detectable_by_t, detectable_difference
from smallsteps.stats.proportions import wilson_interval
from smallsteps.stats.samples import sample_variance
from smallsteps.stats.seeds import seed_sd_that_erases, what_to_buy
from smallsteps.stats.students_t import DifferenceTest, t_test


def side_of(sheet: Sheet, student: str, unit: Unit) -> Side:
    """Accuracy of one student, with an interval that counts what varies: items, clusters, strata, seeds."""
    key = ("side", student, *unit.tasks)
    if key not in sheet.memo:
        sheet.memo[key] = _side(sheet, student, unit)
    found: Side = sheet.memo[key]
    return found


def _side(sheet: Sheet, student: str, unit: Unit) -> Side:
    runs = [sheet.graded[student, task] for task in unit.tasks]
    weights = sheet.weights(unit)
    failed = sum(weights[run.task] * run.failed for run in runs)
    seeds = sheet.seeds(student, unit.tasks)
    accuracy = sheet.accuracy(student, weights)
    interval = _accuracy_interval(sheet, student, unit, runs, accuracy)
    return Side(student, accuracy, interval, len(seeds or ()), runs[0].samples, failed)


def _accuracy_interval(
    sheet: Sheet, student: str, unit: Unit, runs: Sequence[Graded], accuracy: float
) -> Interval | None:
    design = sheet.design(unit.tasks)
    if design.plain and len(runs[0].seeds) == 1 and sheet.binary(student, unit):
        y = runs[0].by_seed()
        return wilson_interval(int(y.sum()), y.size, sheet.confidence)
    found = sheet.contrast({student: sheet.weights(unit)}).test.interval
    return None if found is None else Interval(max(0.0, found.low), min(1.0, found.high))


def compare_unit(sheet: Sheet, a: str, b: str, unit: Unit, *, margin: float | None = None) -> Row:
    """A against B on a unit.

    One run each of 0/1 scores on items that vary alone: exact McNemar test, Tango interval. Partial credit
    likewise: sign-flip permutation test, t interval. Clusters, strata or seeds: t on the contrast (see
    `smallsteps.stats.crossed`).

    Args:
        sheet: the graded runs.
        a, b: students that have the unit.
        unit: task or suite.
        margin: of an equivalence test; None makes none.
    """
    sides = side_of(sheet, a, unit), side_of(sheet, b, unit)
    first, second = sheet.graded[a, unit.tasks[0]], sheet.graded[b, unit.tasks[0]]
    alone = sheet.design(unit.tasks).plain and sides[0].seeds == sides[1].seeds == 1
    details = samples = sensitivity = seeds = None
    if alone and sheet.binary(a, unit) and sheet.binary(b, unit):
        details = checkpoint_details(sheet, a, b, unit)
        found = _from_counts(sheet, details.counts, unit)
    else:
        weights = sheet.weights(unit)
        found = sheet.contrast({a: weights, b: {task: -w for task, w in weights.items()}})
    test = found.test
    interval, p, method, notes = test.interval, test.pvalue, test.method, [test.note] if test.note else []
    if details is not None:
        p, interval, method, notes = details.exact_p, details.tango, "exact McNemar, Tango interval", []
    elif alone and interval is not None:
        p, method, notes = (
            sign_flip(_differences(sheet, a, b, unit)).pvalue,
            "sign-flip permutation, paired t interval",
            [],
        )
    one_each = found.level != "method" and sides[0].seeds == sides[1].seeds == 1
    if one_each and interval is None and not problem_of(found.design):
        d = _differences(sheet, a, b, unit)
        p, interval, notes = *_unvarying(d, found.design, sheet.confidence), []
        method = "sign-flip permutation, interval for differences that do not vary"
    if one_each and (first.samples > 1 or second.samples > 1) and len(unit.tasks) == 1:
        samples = sample_variance(first.scores[0]), sample_variance(second.scores[0])
        notes += [
            f"all {g.samples} samples of every item of '{g.student}' are alike: counted as one"
            for g, v in zip((first, second), samples, strict=True)
            if v.identical
        ]
    if one_each and test.standard_error:
        sensitivity = seed_sd_that_erases(test.estimate, test.standard_error, test.df or math.inf, 1 - ALPHA)
    if found.level == "method" and found.moments is not None:
        parts = found.moments.parts()
        seeds = SeedDetails(parts, what_to_buy(parts))
    level = found.level if p is None or found.level != "none" else "checkpoint"
    return Row(
        *sides,
        unit.name,
        sheet.size(unit),
        level if p is not None else "none",
        _claim(sheet, level, found.design, a, b, unit),
        test.estimate,
        interval,
        p,
        method,
        test,
        checkpoint=details,
        clusters=_cluster_details(sheet, a, b, unit, found.design),
        seeds=seeds,
        at_large=_at_large(sheet, a, b, unit),
        samples=samples,
        flips=flips_of(sheet, a, b, unit, details.counts if details else None),
        equivalence=None if margin is None else _equivalence(margin, details, test),
        parts=int(found.design.per_stratum.size),
        sensitivity=sensitivity,
        detectable=_detectable(details, test),
        notes=tuple(dict.fromkeys(notes)),
    )


def _from_counts(sheet: Sheet, counts: PairedCounts, unit: Unit) -> Estimate:
    """The paired t of two 0/1 runs, in closed form."""
    error = counts.standard_error
    variance = None if error is None else error * error
    test = t_test(counts.difference, variance, counts.n - 1, sheet.confidence, "paired t")
    return Estimate(test, "checkpoint", None, sheet.design(unit.tasks))


def _claim(sheet: Sheet, level: Level, design: Design, a: str, b: str, unit: Unit) -> str:
    where = "items like these"
    parts = int(design.per_stratum.size)
    if parts > 1:
        where = f"{unit.name} (its {parts} parts fixed, items like these)"
    if design.clustered:
        where = where.replace("items like these", "clusters of items like these")
    if level == "checkpoint":
        return f"these two checkpoints, on {where}"
    for student, other in ((a, b), (b, a)):
        if sheet.is_fixed(student, unit.tasks):
            return f"the method '{other}' over training seeds, against the one model '{student}', on {where}"
    return f"the two methods, over training seeds and {where}"


def _detectable(details: CheckpointDetails | None, test: DifferenceTest) -> float | None:
    """Difference found with 80 % power at 5 %, from the counts or the variance that the test itself uses."""
    if details is not None:
        counts = details.counts
        return detectable_difference(counts.n, counts.discordance) if counts.discordant else None
    if test.standard_error is None or test.df is None or test.pvalue is None:
        return None
    return detectable_by_t(test.standard_error, test.df)


def _cluster_details(sheet: Sheet, a: str, b: str, unit: Unit, design: Design) -> ClusterDetails | None:
    if not design.clustered:
        return None
    d = _differences(sheet, a, b, unit)
    icc, effect = design_effect(d, design.clusters)
    effective = None if effect is None else min(float(d.size), d.size / effect)
    return ClusterDetails(design.cluster_count, icc, effect, effective)


def _differences(sheet: Sheet, a: str, b: str, unit: Unit) -> Floats:
    """A minus B by item, mean over seeds and samples."""
    means = [[sheet.graded[name, t].by_seed().mean(axis=0) for t in unit.tasks] for name in (a, b)]
    return np.asarray(np.concatenate(means[0]) - np.concatenate(means[1]), dtype=np.float64)


def _unvarying(d: Floats, design: Design, confidence: float) -> tuple[float, Interval]:
    """Test and interval of a difference that is the same in every cluster and stratum."""
    sums = np.bincount(design.clusters, weights=d)
    return sign_flip(sums).pvalue, unvarying_interval(float(d.mean()), design.cluster_count, confidence)


def _at_large(sheet: Sheet, a: str, b: str, unit: Unit) -> AtLarge | None:
    found = sheet.at_large(a, b, unit)
    return None if found is None else AtLarge(*found)


def margin_p(row: Row, kind: ClaimKind, margin: float) -> float | None:
    """Of "A is within the margin of B" (`equivalent`) or "A is not worse by more than it" (`noninferior`).

    Returns:
        The larger of two one-sided p-values, or one; None where no test is possible.
    """
    counts = row.checkpoint.counts if row.checkpoint else None
    if kind == "equivalent":
        return equivalence_p(counts, row.test, margin)
    if counts is not None:
        return noninferior_paired(counts, margin).pvalue
    return noninferior_t(row.test, row.n, margin).pvalue


def _equivalence(margin: float, details: CheckpointDetails | None, test: DifferenceTest) -> Equivalence:
    return Equivalence(margin, equivalence_p(details.counts if details else None, test, margin))
