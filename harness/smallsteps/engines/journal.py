"""Generated texts saved every few seconds: a killed evaluation loses at most half a minute of work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from smallsteps.engines.protocol import Decoding
from smallsteps.files import sha256_of

if TYPE_CHECKING:
    from smallsteps.engines.decode import Row

SAVE_EVERY = 15.0  # seconds of work between two saves
REPORT_EVERY = 2.0  # seconds between two reports of progress

Entries = dict[str, Any]


@dataclass(slots=True)
class Journal:
    """Texts and log-likelihoods of one piece of work, finished or not.

    A row that was saved unfinished goes on behind its last saved token. Its prefix is then computed in one
    forward, so that in 16 bits the rest may differ from that of a run without a break. Work that takes less
    than `save_every` is never saved unfinished.

    Attributes:
        entries: what was saved, by key: `[tokens, stop, cut]` of a text, `[value, greedy]` of a likelihood.
        save: keeps the entries; called every `save_every` seconds of work.
        report: called every `report_every` seconds with (texts or likelihoods finished, tokens generated).
    """

    entries: Entries
    save: Callable[[Entries], None]
    report: Callable[[int, int], None] | None = None
    save_every: float = SAVE_EVERY
    report_every: float = REPORT_EVERY
    clock: Callable[[], float] = time.monotonic
    _rows: dict[str, Row] = field(default_factory=dict)
    _tokens: int = 0  # of rows of earlier calls
    _finished: int = 0
    _saved: float = 0.0
    _reported: float = 0.0

    def __post_init__(self) -> None:
        self._saved = self._reported = self.clock()

    def begin(self, part: str, decoding: Decoding, rows: Sequence[Row]) -> None:
        """Watch the rows of a call, and restore what was saved of each."""
        self._close()
        shape = [part, asdict(decoding)]
        self._rows = {sha256_of([*shape, row.ids, row.sample, row.budget])[:24]: row for row in rows}
        for key, row in self._rows.items():
            if key in self.entries:
                tokens, stop, row.cut = self.entries[key]
                row.tokens[:], row.stop, row.start = tokens, stop, len(tokens)

    def step(self) -> None:
        """Called after every token of the batch."""
        now = self.clock()
        if self.report is not None and now - self._reported >= self.report_every:
            self._reported = now
            self.report(*self.progress())
        if now - self._saved >= self.save_every:
            self._keep_rows()
            self.save(self.entries)
            self._saved = self.clock()

    def progress(self) -> tuple[int, int]:
        """Texts or likelihoods finished, and tokens generated, those of earlier processes included."""
        done = self._finished + sum(row.stop is not None for row in self._rows.values())
        return done, self._tokens + sum(len(row.tokens) for row in self._rows.values())

    def known(self, part: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool] | None]:
        """What was saved of these likelihoods, None for the others."""
        found = [self.entries.get(_pair_key(part, pair)) for pair in pairs]
        self._finished += sum(entry is not None for entry in found)
        return [None if entry is None else (float(entry[0]), bool(entry[1])) for entry in found]

    def add(self, part: str, pair: tuple[str, str], result: tuple[float, bool]) -> None:
        """A likelihood that was computed."""
        self.entries[_pair_key(part, pair)] = list(result)
        self._finished += 1

    def _keep_rows(self) -> None:
        for key, row in self._rows.items():
            if row.tokens:
                self.entries[key] = [list(row.tokens), row.stop, row.cut]

    def _close(self) -> None:
        """Forget the rows of the last call; their texts may be requested again after a break."""
        self._keep_rows()
        self._finished, self._tokens = self.progress()
        self._rows = {}


def _pair_key(part: str, pair: tuple[str, str]) -> str:
    return sha256_of([part, *pair])[:24]
