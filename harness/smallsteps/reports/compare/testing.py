"""The right test for two students on one task."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from smallsteps.errors import DATA, UserError
from smallsteps.reports.compare.model import CheckpointDetails, Level, Row, Side
from smallsteps.reports.compare.pairing import Graded
from smallsteps.stats.clusters import ClusterComparison, cluster_t
from smallsteps.stats.model import Floats, Interval
from smallsteps.stats.paired import (
    can_reach,
    cohen_g,
    conditional_odds_ratio,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    paired_counts,
    tango_interval,
)
from smallsteps.stats.partial import paired_t, sign_flip
from smallsteps.stats.power import detectable_difference
from smallsteps.stats.proportions import wilson_interval
from smallsteps.stats.samples import sample_variance
from smallsteps.stats.seeds import ONE_SEED, SeedComparison, compare_methods, seed_sd_that_erases
from smallsteps.stats.strata import compare_suite

CHECKPOINT = "these two checkpoints, on items like these"
METHOD = "the two methods, over training seeds and items like these"


def side_of(graded: Graded, confidence: float) -> Side:
    """Accuracy of one student; Wilson for one 0/1 run, t over items otherwise."""
    y = graded.by_seed()
    interval: Interval | None
    if graded.binary() and len(graded.seeds) == 1:
        interval = wilson_interval(int(y.sum()), y.size, confidence)
    else:
        interval = None if len(graded.seeds) > 1 else paired_t(y[0], confidence).interval
    return Side(graded.student, float(y.mean()), interval, len(graded.seeds), graded.samples, graded.failed)


def real_clusters(graded: Graded) -> tuple[str, ...] | None:
    """Cluster labels, where some cluster holds several items and there are several clusters."""
    labels = graded.clusters
    if labels is None or not 1 < len(set(labels)) < len(labels):
        return None
    return labels


def compare_pair(
    a: Graded, b: Graded, confidence: float = 0.95, *, same_seeds: bool = False, fixed: Collection[str] = ()
) -> Row:
    """A against B on one task, at the level that the seeds allow.

    Args:
        same_seeds: equal seeds of A and B share initialisation and data order, and are pairs.
        fixed: students that are one given model (an untrained base), not a draw from a method.
    """
    seeds = min(len(a.seeds), len(b.seeds))
    if max(len(a.seeds), len(b.seeds)) > 1:
        if seeds > 1:
            return _methods(a, b, confidence, same_seeds)
        return (
            _against_fixed(a, b, confidence) if _lone(a, b).student in fixed else _one_seed(a, b, confidence)
        )
    return _checkpoints(a, b, confidence)


def _checkpoints(a: Graded, b: Graded, confidence: float) -> Row:
    sides = side_of(a, confidence), side_of(b, confidence)
    y, z = a.by_seed()[0], b.by_seed()[0]
    d = np.asarray(y - z, dtype=np.float64)
    notes: list[str] = []
    details, partial, samples = None, None, None
    if a.binary() and b.binary():
        details = checkpoint_details(y, z, confidence)
        p: float | None = details.exact_p
        interval: Interval | None = details.tango
        method = "exact McNemar, Tango interval"
    else:
        partial = paired_t(d, confidence)
        interval, p = partial.interval, sign_flip(d).pvalue if d.size > 1 else None
        method = "sign-flip permutation, paired t interval"
        if partial.note:
            notes.append(partial.note)
    if a.samples > 1 or b.samples > 1:
        samples = sample_variance(a.scores[0]), sample_variance(b.scores[0])
        notes += [
            f"all {g.samples} samples of every item of '{g.student}' are alike: counted as one"
            for g, v in zip((a, b), samples, strict=True)
            if v.identical
        ]
    labels = real_clusters(a)
    clusters: ClusterComparison | None = None
    if labels is not None:
        clusters = cluster_t(d, labels, confidence)
        interval, p, method = clusters.test.interval, clusters.test.pvalue, clusters.test.method
        if clusters.test.note:
            notes.append(clusters.test.note)
    sensitivity = None
    error = partial.standard_error if partial else details.counts.standard_error if details else None
    if clusters is not None:
        error = clusters.test.standard_error
    if error:
        sensitivity = seed_sd_that_erases(float(d.mean()), error, d.size, confidence)
    return Row(
        *sides,
        a.task,
        d.size,
        "checkpoint" if p is not None else "none",
        CHECKPOINT,
        float(d.mean()),
        interval,
        p,
        method,
        checkpoint=details,
        clusters=clusters,
        partial=partial,
        samples=samples,
        sensitivity=sensitivity,
        notes=tuple(notes),
    )


def checkpoint_details(y: Floats, z: Floats, confidence: float) -> CheckpointDetails:
    """Everything four counts say."""
    counts = paired_counts(y, z)
    detectable = detectable_difference(counts.n, counts.discordance) if counts.discordant else None
    return CheckpointDetails(
        counts,
        mcnemar_exact(counts),
        mcnemar_midp(counts),
        tango_interval(counts, confidence),
        exact_bootstrap_interval(counts, confidence),
        conditional_odds_ratio(counts, confidence),
        cohen_g(counts),
        detectable,
        can_reach(counts),
    )


def _methods(a: Graded, b: Graded, confidence: float, same_seeds: bool) -> Row:
    if same_seeds and a.seeds != b.seeds:
        raise UserError(
            f"seeds of '{a.student}' and '{b.student}' differ, so they cannot be paired",
            where=f"task '{a.task}'",
            fix="leave out --same-seeds",
            code=DATA,
        )
    found = compare_methods(a.by_seed(), b.by_seed(), confidence, same_seeds=same_seeds)
    notes = [found.test.note] if found.test.note else []
    if real_clusters(a) is not None:
        notes.append("items come in clusters, which this test over seeds does not count")
    return Row(
        side_of(a, confidence),
        side_of(b, confidence),
        a.task,
        len(a.items),
        "method" if found.test.pvalue is not None else "none",
        METHOD,
        found.test.estimate,
        found.test.interval,
        found.test.pvalue,
        found.test.method,
        seeds=found,
        notes=tuple(notes),
    )


def _lone(a: Graded, b: Graded) -> Graded:
    return a if len(a.seeds) == 1 else b


def compare_with_fixed(y: Floats, z: Floats, confidence: float) -> SeedComparison:
    """Several seeds of one method against one given model: per-seed differences, seeds and items vary."""
    seeds = max(len(y), len(z))
    first, second = (np.repeat(m, seeds, axis=0) if len(m) == 1 else m for m in (y, z))
    return compare_methods(first, second, confidence, same_seeds=True)


def _against_fixed(a: Graded, b: Graded, confidence: float) -> Row:
    found = compare_with_fixed(a.by_seed(), b.by_seed(), confidence)
    lone = _lone(a, b)
    method = b if lone is a else a
    return Row(
        side_of(a, confidence),
        side_of(b, confidence),
        a.task,
        len(a.items),
        "method" if found.test.pvalue is not None else "none",
        f"the method '{method.student}' over training seeds, against the one model '{lone.student}'",
        found.test.estimate,
        found.test.interval,
        found.test.pvalue,
        found.test.method,
        seeds=found,
        notes=(found.test.note,) if found.test.note else (),
    )


def _one_seed(a: Graded, b: Graded, confidence: float) -> Row:
    found = compare_methods(a.by_seed(), b.by_seed(), confidence)
    lone = _lone(a, b)
    return Row(
        side_of(a, confidence),
        side_of(b, confidence),
        a.task,
        len(a.items),
        "none",
        METHOD,
        found.test.estimate,
        None,
        None,
        found.test.method,
        seeds=found,
        notes=(f"{ONE_SEED} ('{lone.student}')",),
    )


def compare_on_suite(
    name: str,
    pairs: list[tuple[Graded, Graded]],
    families: dict[str, str],
    confidence: float,
    fixed: Collection[str] = (),
) -> Row:
    """A against B on a suite of subtasks, both estimands; over seeds where there are several.

    Args:
        name: of the suite.
        pairs: (A, B) on each subtask.
        families: family of each subtask.
        confidence: of intervals.
        fixed: students that are one given model.
    """
    d = np.concatenate([x.by_seed().mean(axis=0) - y.by_seed().mean(axis=0) for x, y in pairs])
    subtasks = [x.task for x, _ in pairs for _ in x.items]
    found = compare_suite(d, subtasks, [families[task] for task in subtasks], confidence)
    test = found.on_items
    claim = f"these checkpoints, on {name} (its {found.subtasks} subtasks fixed, items like these)"
    level: Level = "checkpoint"
    notes: list[str] = []
    seeds: SeedComparison | None = None
    if any(len(graded.seeds) > 1 for pair in pairs for graded in pair):
        first = np.hstack([x.by_seed() for x, _ in pairs])
        second = np.hstack([y.by_seed() for _, y in pairs])
        lone = min(len(first), len(second)) == 1 and _lone(*pairs[0]).student in fixed
        seeds = (compare_with_fixed if lone else compare_methods)(first, second, confidence)
        test, level = seeds.test, "method"
        claim = f"the two methods, over training seeds and items like those of {name}"
        notes.append("the reading by families averages seeds: it speaks of these trained students")
    notes += [note for note in (test.note, found.beyond.test.note) if note]
    return Row(
        _suite_side([x for x, _ in pairs]),
        _suite_side([y for _, y in pairs]),
        name,
        d.size,
        level if test.pvalue is not None else "none",
        claim,
        test.estimate,
        test.interval,
        test.pvalue,
        test.method,
        suite=found,
        seeds=seeds,
        notes=tuple(dict.fromkeys(notes)),
    )


def _suite_side(graded: list[Graded]) -> Side:
    n = sum(len(g.items) for g in graded)
    accuracy = sum(float(g.by_seed().mean()) * len(g.items) for g in graded) / n
    failed = sum(g.failed * len(g.items) for g in graded) / n
    first = graded[0]
    return Side(first.student, accuracy, None, len(first.seeds), first.samples, failed)
