"""The graph of a study as text: dependencies, work and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from smallsteps.evaluation.progress import duration
from smallsteps.studies.runner import recorded_times
from smallsteps.studies.stages.base import Stage


@dataclass(frozen=True, slots=True)
class Drawn:
    """One stage of the graph.

    Attributes:
        depth: of the stage in the tree; its indentation.
        besides: labels of further stages that it needs.
        seconds: that it took, or will take as the mean of its kind; None where nothing of its kind was timed.
    """

    stage: Stage
    done: bool
    depth: int
    besides: tuple[str, ...]
    seconds: float | None

    def data(self) -> dict[str, Any]:
        """For JSON."""
        size = self.stage.size()
        return {
            "stage": self.stage.label,
            "key": self.stage.key,
            "done": self.done,
            "needs": list(self.stage.needs),
            "size": size.words,
            "tokens": size.tokens,
            "seconds": self.seconds,
        }

    def line(self) -> str:
        """For a terminal."""
        label = "  " * self.depth + self.stage.label
        notes = [self.stage.size().words]
        if self.seconds is not None:
            notes.append(duration(self.seconds) if self.done else f"about {duration(self.seconds)}")
        if self.besides:
            notes.append(f"also needs: {', '.join(self.besides)}")
        state = "done " if self.done else "to do"
        return f"{state}  {label:<48} {self.stage.key}  {'; '.join(filter(None, notes))}".rstrip()


def drawn(stages: Sequence[Stage], out: Path) -> list[Drawn]:
    """The stages as a tree: each below the first stage that it reads, in the order in which they can be done.

    Args:
        stages: in an order that respects their needs.
        out: the study's folder, which has the times measured so far.

    Raises:
        UserError: a finished stage is damaged.
    """
    known = {stage.key for stage in stages}
    times = recorded_times(out)
    below: dict[str | None, list[Stage]] = {}
    for stage in stages:
        first = next((one.key for one in stage.inputs() if one.key in known), None)
        below.setdefault(first, []).append(stage)
    means = {kind: fmean(found) for kind, found in _times_by_kind(stages, times).items()}
    rows: list[Drawn] = []
    waiting = [(stage, 0) for stage in reversed(below.get(None, []))]
    while waiting:
        stage, depth = waiting.pop()
        done = stage.is_done(out)
        others = tuple(dict.fromkeys(one.label for one in stage.inputs()[1:]))
        seconds = times.get(stage.label) if done else means.get(stage.kind)
        rows.append(Drawn(stage, done, depth, others, seconds))
        waiting += [(one, depth + 1) for one in reversed(below.get(stage.key, []))]
    return rows


def total(rows: Sequence[Drawn]) -> str:
    """One line over all: stages, tokens of training, and the time that is left where it can be told."""
    todo = [row for row in rows if not row.done]
    sizes = [row.stage.size() for row in rows]
    trained = [size.tokens for size in sizes if size.tokens is not None]
    words = [f"{len(rows)} stages, {len(todo)} to do"]
    if trained:
        least = "at least " if any(size.open for size in sizes) else ""
        words.append(f"{least}{sum(trained):,} tokens of training")
    left = [row.seconds for row in todo]
    if todo and None not in left:
        words.append(f"about {duration(sum(seconds or 0 for seconds in left))} of work left, one by one")
    elif todo:
        words.append("time left unknown until one stage of each kind was timed here")
    return "; ".join(words)


def _times_by_kind(stages: Sequence[Stage], times: dict[str, float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for stage in stages:
        if stage.label in times:
            found.setdefault(stage.kind, []).append(times[stage.label])
    return found
