"""Progress of an evaluation: a bar with rate and time left on a terminal, elsewhere lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, Self

LINE_EVERY = 15.0  # seconds between two lines where there is no terminal


class Progress(Protocol):
    """Called while answers are computed, every few seconds at least."""

    def __call__(self, done: int, total: int, tokens: int, /) -> None:
        """Answers so far, answers requested, tokens generated."""
        ...


class Bar:
    """Shows items a second and the time left, once there is something to wait for.

    Args:
        name: what is evaluated, shown first.
        terminal: whether to draw a bar; None asks standard error.
        write: takes a line where there is no terminal.
        clock: seconds.
    """

    def __init__(
        self,
        name: str = "",
        *,
        terminal: bool | None = None,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._clock = clock
        self._bar: Any = None
        self._started = self._spoke = clock()
        self._first: tuple[float, int] | None = None  # first report; earlier work is not part of the rate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int, tokens: int = 0, /) -> None:
        """Report that `done` of `total` answers are finished."""
        if self._terminal:
            self._draw(done, total, tokens)
            return
        now = self._clock()
        self._first = self._first or (now, done)
        if now - self._spoke >= LINE_EVERY:
            self._spoke = now
            self._write(self.line(done, total, tokens, now))

    def line(self, done: int, total: int, tokens: int, now: float) -> str:
        """`svamp: 120 of 300 items, 2.4 items/s, 1 min 15 s left`."""
        head = f"{self._name}: " if self._name else ""
        text = f"{head}{done} of {total} items"
        since, before = self._first if self._first and done > self._first[1] else (self._started, 0)
        seconds, fresh = now - since, done - before
        if fresh and seconds > 0:
            text += f", {_rate(fresh / seconds)} items/s, {duration(seconds * (total - done) / fresh)} left"
        elif tokens and seconds > 0:
            text += f", {tokens} tokens, {_rate(tokens / seconds)} tokens/s"
        return text

    def _draw(self, done: int, total: int, tokens: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, unit=" items", desc=self._name or None, leave=False, file=sys.stderr
            )
        self._bar.total = total
        if not done:
            self._bar.set_postfix_str(f"{tokens} tokens")
        self._bar.update(done - self._bar.n)
        self._bar.refresh()


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds != seconds:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
