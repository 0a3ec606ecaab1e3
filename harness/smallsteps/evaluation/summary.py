"""What a run says at first sight, and the bar that is shown until then."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from smallsteps.outcomes import OutcomeTable, Status


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One task of a run; accuracies and rates between 0 and 1, the interval is Wilson's at 95 %."""

    task: str
    items: int
    accuracy: float
    low: float
    high: float
    strict: float | None
    unparsed: float
    truncated: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def line(self) -> str:
        """One line of text."""
        interval = f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"
        text = f"{self.task}: {100 * self.accuracy:.1f} % {interval} of {self.items}"
        if self.strict is not None:
            text += f", strict {100 * self.strict:.1f} %"
        return f"{text}, unparsed {100 * self.unparsed:.1f} %, truncated {100 * self.truncated:.1f} %"


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
        rows.append(
            TaskSummary(
                task,
                items,
                accuracy,
                interval.low,
                interval.high,
                None if None in strict else sum(strict) / len(strict),
                sum(s == Status.UNPARSED for s in status) / len(status),
                sum(s == Status.TRUNCATED for s in status) / len(status),
            )
        )
    return rows


class Bar:
    """A progress bar over texts, shown once there is something to wait for."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int) -> None:
        """Move to `done` of `total`."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="text", disable=None, leave=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
