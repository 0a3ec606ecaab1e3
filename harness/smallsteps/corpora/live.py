"""What a person sees while a corpus is collected."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from smallsteps.corpora.collect import Tally
from smallsteps.teachers.model import Status
from smallsteps.teachers.prices import Price, shown
from smallsteps.terminal import raw_stream, visible_text


def describe(tally: Tally, seconds: float, price: Price | None) -> str:
    """One line: done, rate, correct so far, failures, tokens, dollars, time left."""
    fresh = sum(tally.done.values())
    parts = [f"{tally.stored}/{tally.total}"]
    rate = fresh / seconds if seconds > 0 else 0.0
    if fresh:
        parts.append(f"{rate:.1f}/s")
    if tally.checked:
        parts.append(f"{100 * tally.correct / tally.checked:.0f} % right")
    parts += [f"{count} {status}" for status, count in sorted(tally.done.items()) if status is not Status.OK]
    tokens = tally.prompt_tokens + tally.completion_tokens
    if tokens:
        parts.append(f"{tokens / 1000:.1f}k tokens")
    if price is not None:
        parts.append(f"${shown(price.cost(tally.prompt_tokens, tally.completion_tokens))}")
    if rate > 0 and tally.stored < tally.total:
        left = (tally.total - tally.stored) / rate
        parts.append(f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left")
    return " · ".join(parts)


class Live:
    """A line that is rewritten on a terminal, or a line every ten seconds in a log.

    Attributes:
        price: of the teacher's tokens; stream: where the line goes; terminal: whether that is one.
        tally: how far the collection has come; None before anything was asked.
    """

    def __init__(self, price: Price | None = None, stream: TextIO | None = None) -> None:
        self.price = price
        self.stream = raw_stream(stream or sys.stderr)
        self.terminal = self.stream.isatty()
        self.started = time.monotonic()
        self.tally: Tally | None = None
        self._shown = float("-inf")
        self._line = self._written = ""

    def __call__(self, tally: Tally) -> None:
        """Show a stored batch."""
        now = time.monotonic()
        self.tally = tally
        self._line = describe(tally, now - self.started, self.price)
        if now - self._shown >= (0.2 if self.terminal else 10.0) and now - self.started > 1.0:
            self._shown = now
            self._write()

    def read(self, texts: int) -> None:
        """Show how many texts a sentence encoder has read."""
        self.say(f"clusters: {texts} rationales read")

    def say(self, text: str) -> None:
        """Show what the run waits for."""
        now = time.monotonic()
        self._line = visible_text(text)
        if now - self._shown >= (0.2 if self.terminal else 10.0):
            self._shown = now
            self._write()

    def announce(self, text: str) -> None:
        """Show an important message on a separate line."""
        line = visible_text(text)
        self.stream.write(f"\r\x1b[2K{line}\n" if self.terminal else f"{line}\n")
        self.stream.flush()

    def _write(self) -> None:
        self._written = self._line
        line = visible_text(self._line)
        self.stream.write(f"\r\x1b[2K{line}" if self.terminal else f"{line}\n")
        self.stream.flush()

    def close(self) -> None:
        """End the line that is rewritten, so that what follows starts on its own."""
        if self._shown == float("-inf"):
            return
        if self._line != self._written:
            self._write()
        if self.terminal:
            self.stream.write("\n")
        self._shown = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
