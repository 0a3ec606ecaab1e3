"""Staying below an endpoint's limits: paced requests and tokens, one global pause, a level of concurrency."""

from __future__ import annotations

import datetime
import email.utils
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SHARE = 0.97  # of the stated limit: leaves room for clocks that differ, stays above nine tenths
# Seconds of unused rate that may be caught up after a pause or a late timer. In any minute this and the
# share above stay below the limit together: 0.97 * 60 + 0.97 * 0.5 < 60.
SLACK = 0.5
LONGEST_WAIT = 120.0  # seconds that a server can hold the run up; more is not waited for
_LEAST_RATE = 1.0  # requests or tokens a minute; a stated limit below is a mistake or an attack
Clock = Callable[[], float]


@dataclass(slots=True)
class Pacer:
    """Spreads units (requests or tokens) evenly; never a burst (generic cell rate algorithm).

    Attributes:
        per_minute: the stated limit; None is unlimited.
        clock: seconds, monotonic.
        learned: whether the limit is the server's, not the user's.
    """

    per_minute: float | None
    clock: Clock = time.monotonic
    learned: bool = field(init=False, default=False)
    _next: float | None = None

    def wait(self, units: float = 1.0) -> float:
        """Book `units`; returns the seconds to wait before using them."""
        if self.per_minute is None:
            return 0.0
        now = self.clock()
        start = now if self._next is None else max(self._next, now - SLACK)
        self._next = start + units * 60.0 / (self.per_minute * SHARE)
        return max(0.0, start - now)

    def correct(self, units: float) -> None:
        """Book more (or, negative, give back) once the true usage is known."""
        if self.per_minute is not None and self._next is not None:
            self._next += units * 60.0 / (self.per_minute * SHARE)

    def learn(self, per_minute: float) -> None:
        """Adopt a limit the server states; a stricter one that was set stays."""
        if per_minute >= _LEAST_RATE and (self.per_minute is None or per_minute < self.per_minute):
            self.per_minute = per_minute
            self.learned = True


@dataclass(slots=True)
class Level:
    """How many requests may be in flight: grows with success, shrinks on trouble (AIMD).

    Attributes:
        most: upper bound.
        value: present level.
    """

    most: int
    clock: Clock = time.monotonic
    value: float = field(init=False)
    _calm: bool = field(init=False, default=True)
    _cut: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.value = float(min(8, self.most))

    def success(self) -> None:
        """One answer: plus one until the first trouble, then plus one per round."""
        self.value = min(float(self.most), self.value + (1.0 if self._calm else 1.0 / self.value))

    def trouble(self, factor: float) -> None:
        """Shrink, at most once a second: the requests of one round fail together."""
        self._calm = False
        if self.clock() - self._cut >= 1.0:
            self._cut = self.clock()
            self.value = max(1.0, self.value * factor)


@dataclass(slots=True)
class Pause:
    """One pause for all requests."""

    clock: Clock = time.monotonic
    until: float = float("-inf")
    _streak: int = 0

    def left(self) -> float:
        """Seconds to wait."""
        return max(0.0, self.until - self.clock())

    def hold(self, retry_after: float | None) -> None:
        """Pause as the server asks, at most `LONGEST_WAIT`; else 0.25 s, doubled in a row, up to 30 s."""
        if self.left() > 0 and retry_after is None:
            return  # the other requests of the same burst
        if retry_after is None:
            seconds = min(30.0, 0.25 * 2.0 ** min(self._streak, 10))
        else:
            seconds = min(retry_after, LONGEST_WAIT)
        self._streak += 1
        self.until = max(self.until, self.clock() + seconds)

    def success(self) -> None:
        """An answer came through."""
        self._streak = 0


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds the server asks to wait (milliseconds, seconds or a date); None if unsaid."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    ahead = date - datetime.datetime.fromtimestamp(time.time() if now is None else now, datetime.UTC)
    return max(0.0, ahead.total_seconds())


def span(seconds: float) -> str:
    """A length of time in its largest sensible unit: `45 s`, `2 minutes`, `365 days`."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def stated_limits(headers: Mapping[str, str]) -> tuple[float | None, float | None]:
    """(requests, tokens) per minute that the headers state."""
    return (
        _number(headers.get("x-ratelimit-limit-requests", "")),
        _number(headers.get("x-ratelimit-limit-tokens", "")),
    )


def exhausted(headers: Mapping[str, str]) -> float | None:
    """Seconds until an allowance that the headers call used up comes back; None when there is some left."""
    waits = [
        duration(headers.get(f"x-ratelimit-reset-{unit}", ""))
        for unit in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{unit}", "").strip() == "0"
    ]
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def duration(text: str) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms`, `1h2m` or a bare number."""
    text = text.strip()
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if parts and "".join(n + u for n, u in parts) == text:
        return sum(float(n) * {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}[u] for n, u in parts)
    return _number(text)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,12}(?:\.\d{1,9})?\s*", text) else None
