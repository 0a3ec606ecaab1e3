"""Score matrices of students on one task, after checking that they were asked the same things."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable, Status
from smallsteps.reports.compare.voting import check_rule, one_score
from smallsteps.stats.model import Floats, as_scores, is_binary

ALLOWABLE = ("prompts", "scoring")


@dataclass(frozen=True, slots=True)
class Graded:
    """One student on one task.

    Attributes:
        student: its name; task: the task.
        items: item keys, sorted.
        seeds: training seeds, sorted; None alone where unknown.
        scores: seeds x items x samples.
        clusters: cluster of each item, or None where no item has one.
        prompts: prompt hash of each item; scorers: scoring versions seen.
        failed: share of responses that are not `ok`.
    """

    student: str
    task: str
    items: tuple[str, ...]
    seeds: tuple[int | None, ...]
    scores: Floats
    clusters: tuple[str, ...] | None
    prompts: tuple[str | None, ...]
    scorers: frozenset[str]
    failed: float

    @property
    def samples(self) -> int:
        return int(self.scores.shape[2])

    def by_seed(self) -> Floats:
        """Mean over samples: seeds x items."""
        return np.asarray(self.scores.mean(axis=2), dtype=np.float64)

    def binary(self) -> bool:
        """One 0/1 score an item."""
        return self.samples == 1 and is_binary(self.scores)


def students_of(table: OutcomeTable) -> list[str]:
    """Student names in the order of first appearance."""
    return [str(name) for name in table.unique("student")]


def tasks_of(table: OutcomeTable, wanted: Sequence[str] = ()) -> list[str]:
    """Task names, sorted; or those wanted.

    Raises:
        UserError: a wanted task that is not there.
    """
    known = sorted(str(name) for name in table.unique("task"))
    for name in wanted:
        if name not in known:
            raise unknown_name("task", name, known, code=DATA)
    return [name for name in known if not wanted or name in wanted]


def grade_all(
    table: OutcomeTable, tasks: Collection[str], samples_as: str = "mean"
) -> dict[tuple[str, str], Graded]:
    """Every (student, task) that has outcomes.

    Args:
        table: outcomes.
        tasks: tasks to use.
        samples_as: `mean` keeps all samples; `majority` and `pass@K` make one score an item of them.

    Raises:
        UserError: a duplicated response, an item that lacks a seed or a sample, or a score that is missing.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    columns = table.columns
    for index, key in enumerate(zip(columns["student"], columns["task"], strict=True)):
        if key[1] in tasks:
            rows.setdefault(key, []).append(index)
    check_rule(samples_as)
    return {key: _grade(table, key, index, samples_as) for key, index in rows.items()}


def _grade(table: OutcomeTable, key: tuple[str, str], index: list[int], samples_as: str) -> Graded:
    columns = table.columns
    where = f"student '{key[0]}', task '{key[1]}'"
    cells: dict[tuple[str, int | None, int], float] = {}
    answers: dict[tuple[str, int | None, int], str | None] = {}
    clusters: dict[str, str | None] = {}
    prompts: dict[str, str | None] = {}
    scorers: set[str] = set()
    failed = 0
    for i in index:
        item = columns["item"][i]
        cell = (item, columns["seed"][i], columns["sample"][i])
        if cell in cells:
            raise UserError(
                f"item '{item}' is there twice (seed {cell[1]}, sample {cell[2]})", where=where, code=DATA
            )
        cells[cell] = columns["score"][i]
        answers[cell] = columns["extracted"][i]
        clusters[item] = columns["cluster"][i]
        prompts.setdefault(item, columns["prompt"][i])
        failed += columns["status"][i] != Status.OK
        if columns["scorer"][i]:
            scorers.add(columns["scorer"][i])
    items = sorted(clusters)
    seeds = sorted({seed for _, seed, _ in cells}, key=lambda s: (s is not None, s or 0))
    samples = sorted({sample for _, _, sample in cells})
    if len(cells) != len(items) * len(seeds) * len(samples):
        for seed in seeds:
            for item in items:
                for sample in samples:
                    if (item, seed, sample) not in cells:
                        raise UserError(
                            f"item '{item}' has no outcome for seed {seed}, sample {sample}",
                            where=where,
                            fix="every seed needs every item with the same number of samples",
                            code=DATA,
                        )
    scores = np.array([[[cells[item, seed, s] for s in samples] for item in items] for seed in seeds])
    as_scores(scores.ravel(), where)
    if samples_as != "mean":
        rows = [
            [
                one_score(samples_as, scores[s, i].tolist(), [answers[item, seed, k] for k in samples], where)
                for i, item in enumerate(items)
            ]
            for s, seed in enumerate(seeds)
        ]
        scores = np.array(rows)[:, :, None]
    labels = tuple(clusters[item] or item for item in items)
    has_clusters = any(clusters[item] is not None for item in items)
    return Graded(
        key[0],
        key[1],
        tuple(items),
        tuple(seeds),
        scores,
        labels if has_clusters else None,
        tuple(prompts[item] for item in items),
        frozenset(scorers),
        failed / len(index),
    )


def check_comparable(a: Graded, b: Graded, allow: Collection[str] = ()) -> list[str]:
    """Notes on differences that were allowed.

    Raises:
        UserError: other items, prompts or scoring; the error names the difference.
    """
    where = f"task '{a.task}'"
    if a.items != b.items:
        raise UserError(
            f"'{a.student}' and '{b.student}' were graded on different items: {_difference(a, b)}",
            where=where,
            fix="evaluate both on the same items (same data, same limit)",
            code=DATA,
        )
    notes = []
    different = [i for i, (p, q) in enumerate(zip(a.prompts, b.prompts, strict=True)) if p and q and p != q]
    if different:
        share = f"{len(different)} of {len(a.items)} items"
        text = f"'{a.student}' and '{b.student}' saw different prompts on {share}"
        if "prompts" not in allow:
            raise UserError(
                f"{text} (first: item '{a.items[different[0]]}')",
                where=where,
                fix="if that is intended (students of different schemes), add --allow prompts",
                code=DATA,
            )
        notes.append(text)
    if a.scorers and b.scorers and a.scorers != b.scorers:
        mine, theirs = ", ".join(sorted(a.scorers)), ", ".join(sorted(b.scorers))
        text = f"'{a.student}' was scored by {mine} and '{b.student}' by {theirs}"
        if "scoring" not in allow:
            raise UserError(text, where=where, fix="score both alike, or add --allow scoring", code=DATA)
        notes.append(text)
    return notes


def _difference(a: Graded, b: Graded) -> str:
    only_a, only_b = sorted(set(a.items) - set(b.items)), sorted(set(b.items) - set(a.items))
    parts = []
    for name, extra in ((a.student, only_a), (b.student, only_b)):
        if extra:
            shown = ", ".join(f"'{item}'" for item in extra[:3]) + (", ..." if len(extra) > 3 else "")
            parts.append(f"{len(extra)} only in '{name}' ({shown})")
    return f"{len(set(a.items) & set(b.items))} in common, {'; '.join(parts)}"
