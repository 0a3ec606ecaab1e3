"""Scores of an entry as arrays, read column by column; the texts stay in the file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smallsteps.comparing.graded import Graded
from smallsteps.leaderboard.answers import Part, parts_of, read_answers
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.checking import Check
from smallsteps.leaderboard.entry import ANSWERS, Entry
from smallsteps.leaderboard.remembered import remember, remembered
from smallsteps.outcomes import Status
from smallsteps.stats.model import Floats

if TYPE_CHECKING:
    import pyarrow as pa

FAILURES = tuple(status.value for status in Status if status != Status.OK)
_READ = ("task", "seed", "sample", "score", "status", "tokens")


@dataclass(frozen=True, slots=True)
class TaskScores:
    """One entry on one task, every item that it has with every seed.

    Attributes:
        seeds: training seeds.
        scores: mean over samples, shape (seeds, items), items in the order of their sorted keys.
        samples: of each item.
        rates: share of responses by status other than `ok`, one value a seed.
        tokens: mean tokens of a response; None where not recorded.
        mean: accuracy.
    """

    seeds: tuple[int | None, ...]
    scores: npt.NDArray[np.float64]
    samples: int
    rates: Mapping[str, Floats]
    tokens: float | None
    mean: float

    def graded(
        self, student: str, task: str, items: tuple[str, ...], clusters: tuple[str | None, ...] | None
    ) -> Graded:
        """The same for a comparison."""
        failed = float(sum(rate.mean() for rate in self.rates.values()))
        scores = self.scores.astype(np.float64)[:, :, None]
        return Graded(
            student, task, items, self.seeds, scores, clusters, failed=failed, rates=dict(self.rates)
        )


Scores = dict[str, TaskScores]


def scores_of(board: Board, entry: Entry, check: Check) -> Scores:
    """Arrays of every task whose items all have every seed, from the cache where they were read before."""
    kept = remembered(board, "scores", name := f"{entry.name}-{entry.answers[:32]}.npz")
    whole = sorted(task for task, found in check.tasks.items() if found.whole)
    if kept is not None:
        cached = _restored(kept)
        if sorted(cached) == whole:
            return cached
    table = read_answers(entry.folder / ANSWERS, _READ)
    found = {
        part.task: _of_part(table, part, check.tasks[part.task].samples)
        for part in parts_of(table)
        if part.task in whole
    }
    remember(board, "scores", name, _stored(found))
    return found


def _of_part(table: pa.Table, part: Part, samples: int) -> TaskScores:
    rows = table.slice(part.start, part.stop - part.start)
    seeds = tuple(dict.fromkeys(rows.column("seed").unique().to_pylist()))
    shape = (len(seeds), -1, samples)
    scores = rows.column("score").to_numpy().reshape(shape)
    status = rows.column("status").combine_chunks()
    codes, labels = status.indices.to_numpy().reshape(len(seeds), -1), status.dictionary.to_pylist()
    rates = {
        name: (codes == labels.index(name)).mean(axis=1).astype(np.float64)
        for name in FAILURES
        if name in labels
    }
    tokens = rows.column("tokens")
    mean_tokens = None if tokens.null_count else float(np.mean(tokens.to_numpy()))
    return TaskScores(
        seeds,
        scores.mean(axis=2).astype(np.float64),
        samples,
        {name: rate for name, rate in rates.items() if rate.any()},
        mean_tokens,
        float(scores.mean()),
    )


def _stored(found: Scores) -> bytes:
    """All tasks in one array of bytes, or of floats where a score is neither 0 nor 1: one header to read."""
    facts: dict[str, Any] = {}
    flat: dict[str, list[Floats]] = {"exact": [], "partial": []}
    for task, one in sorted(found.items()):
        kind = "exact" if np.isin(one.scores, (0.0, 1.0)).all() else "partial"
        facts[task] = {
            "kind": kind,
            "start": sum(part.size for part in flat[kind]),
            "shape": list(one.scores.shape),
            "seeds": list(one.seeds),
            "samples": one.samples,
            "rates": {name: rate.tolist() for name, rate in one.rates.items()},
            "tokens": one.tokens,
            "mean": one.mean,
        }
        flat[kind].append(one.scores.ravel())
    arrays: dict[str, Any] = {
        kind: np.concatenate([np.zeros(0), *parts]).astype(np.uint8 if kind == "exact" else np.float64)
        for kind, parts in flat.items()
    }
    file = io.BytesIO()
    np.savez(file, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)
    return file.getvalue()


def _restored(content: bytes) -> Scores:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        flat = {kind: stored[kind].astype(np.float64) for kind in ("exact", "partial")}
        facts = json.loads(stored["facts"].tobytes())
    return {
        task: TaskScores(
            tuple(one["seeds"]),
            flat[one["kind"]][one["start"] :][: np.prod(one["shape"])].reshape(one["shape"]),
            one["samples"],
            {name: np.array(rate) for name, rate in one["rates"].items()},
            one["tokens"],
            one["mean"],
        )
        for task, one in facts.items()
    }


def items_of(entry: Entry, task: str) -> tuple[tuple[str, ...], tuple[str | None, ...] | None]:
    """Sorted item keys of a task that an entry has whole, and their clusters; None where all vary alone."""
    table = read_answers(entry.folder / ANSWERS, ("task", "seed", "item", "sample", "cluster"))
    (part,) = [part for part in parts_of(table) if part.task == task]
    rows = table.slice(part.start, part.stop - part.start)
    keys = rows.column("item").to_pylist()
    labels = dict(zip(keys, rows.column("cluster").to_pylist(), strict=True))
    items = tuple(sorted(labels))
    clusters = tuple(labels[item] for item in items)
    return items, None if all(label is None for label in clusters) else clusters
