"""Score matrices of students on tasks, and the checks that make two of them comparable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.comparing.voting import check_rule, one_score
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable, Status
from smallsteps.stats.model import Floats, Ints, as_scores, is_binary

ALLOWABLE = ("scoring",)
Key = tuple[str, str]
Indices = NDArray[np.signedinteger[Any]]
NO_SEED = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Graded:
    """One student on one task.

    Attributes:
        student: its name; task: the task.
        items: item keys, sorted.
        seeds: training seeds, sorted; None alone where unknown.
        scores: seeds x items x samples.
        clusters: cluster of each item, None for an item without; None where no item has one.
        prompts: prompt hash of each item; scorers: scoring versions seen.
        failed: share of responses that are not `ok`.
        rates: share of responses by status, one value a seed.
        strict: score under the strict rule, seeds x items; None where not recorded.
        tokens: mean tokens of a response, one value a seed; None where not recorded.
        ok: whether each item's first response had a usable answer, seeds x items; None if
        unknown. rows: row in the outcome table of each item's first sample, seeds x items.
    """

    student: str
    task: str
    items: tuple[str, ...]
    seeds: tuple[int | None, ...]
    scores: Floats
    clusters: tuple[str | None, ...] | None = None
    prompts: tuple[str | None, ...] = ()
    scorers: frozenset[str] = frozenset()
    failed: float = 0.0
    rates: Mapping[str, Floats] = field(default_factory=dict)
    strict: Floats | None = None
    tokens: Floats | None = None
    ok: NDArray[np.bool_] | None = None
    rows: Ints | None = None

    @property
    def samples(self) -> int:
        return int(self.scores.shape[2])

    def by_seed(self) -> Floats:
        """Mean over samples: seeds x items."""
        if self.samples == 1:
            return self.scores[:, :, 0]
        return np.asarray(self.scores.mean(axis=2), dtype=np.float64)

    def binary(self) -> bool:
        """One 0/1 score an item."""
        return self.samples == 1 and is_binary(self.scores)


def students_of(table: OutcomeTable) -> list[str]:
    """Student names in the order of first appearance."""
    return [str(name) for name in table.unique("student")]


def tasks_of(table: OutcomeTable, chosen: Sequence[str] = ()) -> list[str]:
    """Task names, sorted; or those chosen.

    Raises:
        UserError: a chosen task that is not there.
    """
    known = sorted(str(name) for name in table.unique("task"))
    for name in chosen:
        if name not in known:
            raise unknown_name("task", name, known, code=DATA)
    return [name for name in known if not chosen or name in chosen]


def grade_all(table: OutcomeTable, tasks: Collection[str], samples_as: str = "mean") -> dict[Key, Graded]:
    """Every (student, task) that has outcomes.

    Args:
        table: outcomes.
        tasks: tasks to use.
        samples_as: `mean` keeps all samples; `majority` and `pass@K` make one score an item of them.

    Raises:
        UserError: a duplicated response, an item that lacks a seed or a sample, a score that is missing, or
        two
            cluster labels for one item.
    """
    check_rule(samples_as)
    student, task = table.codes("student"), table.codes("task")
    pair = student.codes.astype(np.int64) * max(1, len(task.labels)) + task.codes
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    groups = np.split(order, starts[1:]) if order.size else []
    view = _View.of(table)
    found: dict[Key, Graded] = {}
    firsts: dict[str, Graded] = {}
    for group in sorted(groups, key=lambda rows: int(rows.min())):
        key = student.labels[student.codes[group[0]]], task.labels[task.codes[group[0]]]
        if key[1] in tasks:
            run = _grade(view, key, group, samples_as)
            first = firsts.setdefault(key[1], run)
            # one tuple for all students, so that pairs need not be compared item by item
            found[key] = replace(
                run,
                items=first.items if run.items == first.items else run.items,
                prompts=first.prompts if run.prompts == first.prompts else run.prompts,
            )
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """Columns of a table that every group reads; `seed` is `NO_SEED` where it is not known."""

    table: OutcomeTable
    score: Floats
    sample: Ints
    seed: Ints
    strict: Floats
    tokens: Floats

    @staticmethod
    def of(table: OutcomeTable) -> _View:
        tokens = np.where(table.known("tokens"), table.column("tokens").astype(np.float64), np.nan)
        return _View(
            table,
            table.scores(),
            table.column("sample"),
            np.where(table.known("seed"), table.column("seed"), NO_SEED),
            table.column("strict"),
            tokens,
        )


def _grade(view: _View, key: Key, rows: Ints, samples_as: str) -> Graded:
    where = f"student '{key[0]}', task '{key[1]}'"
    item, cluster, prompt = (view.table.codes(name) for name in ("item", "cluster", "prompt"))
    items, item_of = _sorted_labels(item.labels, item.codes[rows])
    seeds, seed_of = np.unique(view.seed[rows], return_inverse=True)
    names = tuple(None if seed == NO_SEED else int(seed) for seed in seeds)
    samples, sample_of = np.unique(view.sample[rows], return_inverse=True)
    shape = (len(seeds), len(items), len(samples))
    cell = np.ravel_multi_index((seed_of, item_of, sample_of), shape)
    filled = np.bincount(cell, minlength=int(np.prod(shape)))
    if filled.max() > 1:
        s, i, k = np.unravel_index(int(filled.argmax()), shape)
        text = f"item '{items[i]}' is there twice (seed {names[s]}, sample {samples[k]})"
        raise UserError(text, where=where, code=DATA)
    if filled.min() == 0:
        s, i, k = np.unravel_index(int(filled.argmin()), shape)
        raise UserError(
            f"item '{items[i]}' has no outcome for seed {names[s]}, sample {samples[k]}",
            where=where,
            fix="every seed needs every item with the same number of samples",
            code=DATA,
        )
    place = np.empty(cell.size, dtype=np.int64)
    place[cell] = rows
    place = place.reshape(shape)  # row of the table behind each cell
    scores = view.score[place]
    as_scores(scores.ravel(), where)
    status = view.table.codes("status")
    _check_status(scores, status.codes[place] == _code(status.labels, Status.OK), names, items, where)
    if samples_as != "mean":
        formed = status.codes[place] != _code(status.labels, Status.MALFORMED)
        scores = _one_score_each(view.table, samples_as, scores, place, formed, where)
    rates = {
        name: np.asarray((status.codes[place] == code).mean(axis=(1, 2)), dtype=np.float64)
        for code, name in enumerate(status.labels)
        if name != Status.OK
    }
    strict, tokens = view.strict[place], view.tokens[place]
    return Graded(
        key[0],
        key[1],
        items,
        names,
        scores,
        _one_label(cluster.labels, cluster.codes[place], items, where),
        _labels(prompt.labels, prompt.codes[place[0, :, 0]]),
        frozenset(_used(view.table, "scorer", rows)),
        float(sum(rate.mean() for rate in rates.values())),
        {name: rate for name, rate in rates.items() if rate.any()},
        None if np.isnan(strict).any() else np.asarray(strict.mean(axis=2), dtype=np.float64),
        None if np.isnan(tokens).all() else np.asarray(np.nanmean(tokens, axis=(1, 2)), dtype=np.float64),
        status.codes[place[:, :, 0]] == _code(status.labels, Status.OK),
        place[:, :, 0],
    )


def _check_status(
    scores: Floats, ok: NDArray[np.bool_], seeds: Sequence[int | None], items: Sequence[str], where: str
) -> None:
    """A response without a usable answer scores 0; a table that says otherwise contradicts itself."""
    wrong = ~ok & (scores > 0)
    if wrong.any():
        s, i, k = np.argwhere(wrong)[0]
        raise UserError(
            f"item '{items[i]}' (seed {seeds[s]}, sample {k}) has score {scores[s, i, k]:g}, "
            "and its status is not ok",
            where=where,
            fix="score it 0, or set its status to ok",
            code=DATA,
        )


def _code(labels: Sequence[str], name: str) -> int:
    return labels.index(name) if name in labels else -2


def _sorted_labels(labels: Sequence[str], codes: Indices) -> tuple[tuple[str, ...], Ints]:
    """The labels used, sorted, and the position of each row's label among them."""
    used, position = np.unique(codes, return_inverse=True)
    names = [labels[code] for code in used.tolist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return tuple(names[i] for i in order), rank[position]


def _labels(labels: Sequence[str], codes: Indices) -> tuple[str | None, ...]:
    known = [*labels, None]  # a code of -1 stands for a missing label
    return tuple(known[code] for code in codes.tolist())


def _one_label(
    labels: Sequence[str], codes: Indices, items: tuple[str, ...], where: str
) -> tuple[str | None, ...] | None:
    """Cluster of each item from seeds x items x samples codes; None where none has one."""
    if (codes < 0).all():
        return None
    first = codes[0, :, 0]
    differ = (codes != first[None, :, None]).any(axis=(0, 2))
    if differ.any():
        i = int(np.flatnonzero(differ)[0])
        raise UserError(f"item '{items[i]}' has several cluster labels", where=where, code=DATA)
    return _labels(labels, first)


def _used(table: OutcomeTable, name: str, rows: Ints) -> list[str]:
    column = table.codes(name)
    return [column.labels[code] for code in np.unique(column.codes[rows]).tolist() if code >= 0]


def _one_score_each(
    table: OutcomeTable, rule: str, scores: Floats, place: Ints, formed: NDArray[np.bool_], where: str
) -> Floats:
    """One score an item from its samples; a malformed answer has no vote."""
    extracted = table.codes("extracted")
    if rule == "majority" and scores.shape[2] > 1 and (extracted.codes[place] < 0).all():
        raise UserError(
            "no answers to vote on",
            where=where,
            fix="a majority needs the column 'extracted'",
            code=DATA,
        )
    known = [*extracted.labels, None]
    out = np.empty((*scores.shape[:2], 1))
    for s in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            codes = np.where(formed[s, i], extracted.codes[place[s, i]], -1)
            answers = [known[code] for code in codes.tolist()]
            out[s, i, 0] = one_score(rule, scores[s, i].tolist(), answers, where)
    return out


def check_comparable(a: Graded, b: Graded, allow: Collection[str] = ()) -> list[str]:
    """Notes on what differs between two students on a task, the same in every verb.

    Raises:
        UserError: other items, or other scoring (unless allowed); the error names it.
    """
    where = f"task '{a.task}'"
    if a.items is not b.items and a.items != b.items:
        raise UserError(
            f"'{a.student}' and '{b.student}' were graded on different items: {_difference(a, b)}",
            where=where,
            fix="evaluate both on the same items (same data, same limit)",
            code=DATA,
        )
    notes = []
    if a.prompts is not b.prompts and a.prompts != b.prompts:
        pairs = zip(a.prompts, b.prompts, strict=True)
        different = sum(1 for p, q in pairs if p is not None and q is not None and p != q)
        if different:
            notes.append(
                f"'{a.student}' and '{b.student}' saw different prompts "
                f"on {different} of {len(a.items)} items"
            )
    if a.samples != b.samples:
        notes.append(
            f"'{a.student}' has {a.samples} samples an item and '{b.student}' {b.samples}; means are compared"
        )
    if (a.clusters is None) != (b.clusters is None):
        lacking = a.student if a.clusters is None else b.student
        notes.append(f"'{lacking}' has no cluster labels; those of the other are used")
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
