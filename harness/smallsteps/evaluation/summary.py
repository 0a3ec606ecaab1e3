"""Accuracy, its interval and the failures of each task of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from smallsteps.outcomes import OutcomeTable, Status
from smallsteps.problems import Measure, measure_of


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One task of a run; accuracies and rates between 0 and 1, the interval is Wilson's at 95 %.

    Attributes:
        accuracy: mean over items of the mean over their samples.
        samples: most samples of an item.
        majority: accuracy of the answer that most samples of an item give, None with one sample an item.
            Samples without an answer do not vote; tied answers share the credit.
        tied: share of items whose vote has no single winner.
        measure: whether text was generated and graded, or the allowed answers were scored by likelihood.
    """

    task: str
    items: int
    accuracy: float
    low: float
    high: float
    strict: float | None
    unparsed: float
    malformed: float
    truncated: float
    samples: int = 1
    majority: float | None = None
    tied: float | None = None
    measure: Measure = Measure.GENERATION

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def line(self) -> str:
        """One line of text."""
        interval = f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"
        text = f"{self.task}: {100 * self.accuracy:.1f} % {interval} of {self.items}"
        if self.strict is not None:
            text += f", strict {100 * self.strict:.1f} %"
        rates = {"unparsed": self.unparsed, "malformed": self.malformed, "truncated": self.truncated}
        if self.measure is Measure.GENERATION:
            text += "".join(f", {name} {100 * rate:.1f} %" for name, rate in rates.items())
        if self.majority is not None and self.tied is not None:
            text += f"; majority of {self.samples} {100 * self.majority:.1f} %, tied {100 * self.tied:.1f} %"
        return text


def summary(table: OutcomeTable) -> list[TaskSummary]:
    """One row a task, in order of name. Samples of one item are averaged, so the interval counts items."""
    from smallsteps.stats.proportions import wilson_interval  # scipy: not before the first token

    rows = []
    for task in sorted(table.unique("task")):
        part = table.where(task=task)
        items = len(part.unique("item"))
        accuracy = float(part.scores().mean())
        interval = wilson_interval(round(accuracy * items), items)
        strict = part.columns["strict"]
        status = part.columns["status"]
        votes = _votes(part)
        rows.append(
            TaskSummary(
                task,
                items,
                accuracy,
                interval.low,
                interval.high,
                None if None in strict else sum(strict) / len(strict),
                sum(s == Status.UNPARSED for s in status) / len(status),
                sum(s == Status.MALFORMED for s in status) / len(status),
                sum(s == Status.TRUNCATED for s in status) / len(status),
                *votes,
                measure_of(task),
            )
        )
    return rows


def _votes(part: OutcomeTable) -> tuple[int, float | None, float | None]:
    """Most samples of an item, accuracy of the majority's answers, share of tied votes; of one task."""
    from smallsteps.stats.samples import majority_vote

    items: dict[str, list[tuple[str | None, float]]] = {}
    names = ("item", "extracted", "score", "status")
    for item, answer, score, status in zip(*(part.columns[name] for name in names), strict=True):
        vote = None if status == Status.MALFORMED else answer  # a malformed answer has no vote
        items.setdefault(item, []).append((vote, score))
    most = max(map(len, items.values()))
    if most == 1:
        return most, None, None
    credit, tied = 0.0, 0
    for given in items.values():
        vote = majority_vote([answer for answer, _ in given])
        worth = dict(reversed(given))  # of equal answers the first counts
        credit += sum(worth[winner] for winner in vote.winners) / max(1, len(vote.winners))
        tied += vote.tied
    return most, credit / len(items), tied / len(items)
