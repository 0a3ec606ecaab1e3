"""Progress of stages: bars with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from smallsteps.evaluation.progress import duration
from smallsteps.studies.pool import Event
from smallsteps.studies.stages.base import Stage
from smallsteps.terminal import raw_stream

if TYPE_CHECKING:
    from rich.progress import TaskID

_PLAIN_EVERY = 15.0  # seconds between progress lines of one stage when there is no terminal


class Board(Protocol):
    """Shows the progress of stages."""

    def started(self, stage: Stage) -> None: ...

    def progress(self, stage: Stage, event: Event) -> None: ...

    def finished(self, stage: Stage, seconds: float) -> None: ...

    def failed(self, stage: Stage) -> None: ...

    def close(self) -> None: ...


def make_board(total: int) -> Board:
    """Bars when standard error is a terminal, lines otherwise."""
    return BarBoard(total) if sys.stderr.isatty() else LineBoard(total)


class LineBoard:
    """One line when a stage starts and ends, one every 15 s in between."""

    def __init__(self, total: int, write: Callable[[str], object] | None = None) -> None:
        self._total = total
        self._done = 0
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._spoke: dict[str, float] = {}
        self._began: dict[str, float] = {}

    def started(self, stage: Stage) -> None:
        """Note the time."""
        self._began[stage.key] = self._spoke[stage.key] = time.monotonic()

    def progress(self, stage: Stage, event: Event) -> None:
        """A line every few seconds, with the time left."""
        now = time.monotonic()
        if now - self._spoke[stage.key] < _PLAIN_EVERY or not event.total:
            return
        self._spoke[stage.key] = now
        share = event.done / event.total
        left = (now - self._began[stage.key]) * (1 - share) / share if share > 0 else float("nan")
        self._write(f"      {stage.label}: {share:.0%}, about {duration(left)} left {event.note}".rstrip())

    def finished(self, stage: Stage, seconds: float) -> None:
        """One line per finished stage."""
        self._done += 1
        self._write(f"[{self._done}/{self._total}] {stage.label}: {duration(seconds)}")

    def failed(self, stage: Stage) -> None:
        """One line per failed stage; the error itself is shown at the end."""
        self._write(f"      {stage.label}: failed")

    def close(self) -> None:
        """Nothing to close."""


class BarBoard:
    """A bar for the whole and one for each running stage."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}", justify="right"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=raw_stream(sys.stderr)),
        )
        self._bars.start()
        self._all = self._bars.add_task("stages", total=total, note="")
        self._tasks: dict[str, TaskID] = {}

    def started(self, stage: Stage) -> None:
        """A new bar."""
        self._tasks[stage.key] = self._bars.add_task(stage.label, total=None, note="")

    def progress(self, stage: Stage, event: Event) -> None:
        """Move the stage's bar."""
        task = self._tasks[stage.key]
        self._bars.update(task, completed=event.done, total=event.total or None, note=event.note)

    def finished(self, stage: Stage, seconds: float) -> None:
        """Replace the bar by a line."""
        self._bars.remove_task(self._tasks.pop(stage.key))
        self._bars.console.print(f"[green]done[/] {stage.label} [dim]{duration(seconds)}[/]", highlight=False)
        self._bars.advance(self._all)

    def failed(self, stage: Stage) -> None:
        """Replace the bar by a line."""
        self._bars.remove_task(self._tasks.pop(stage.key))
        self._bars.console.print(f"[red]failed[/] {stage.label}", highlight=False)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()
