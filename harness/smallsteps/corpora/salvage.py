"""What can still be read of a damaged store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from smallsteps.corpora.schema import from_row
from smallsteps.teachers.model import Sample

_DAMAGE = (sqlite3.DatabaseError, ValueError)


@dataclass(slots=True)
class Salvage:
    """Reads a store row by row and skips what is damaged.

    Attributes:
        connection: to the store, for reading; select: the query of its rows.
        lost: rows that could not be read, counted while iterating.
    """

    connection: sqlite3.Connection
    select: str
    lost: int = field(default=0)

    def __iter__(self) -> Iterator[Sample]:
        """All readable rows, in the order of their storing; one lookup each, so that no page hides others."""
        self.lost = 0
        for number in range(1, self._last() + 1):
            try:
                row = self.connection.execute(f"{self.select} WHERE s.rowid = ?", (number,)).fetchone()
                if row is not None:
                    yield from_row(row)
                elif self._exists(number):
                    self.lost += 1  # its prompt is lost
            except _DAMAGE:
                self.lost += 1

    def _exists(self, number: int) -> bool:
        found = self.connection.execute("SELECT 1 FROM samples WHERE rowid = ?", (number,)).fetchone()
        return found is not None

    def _last(self) -> int:
        try:
            return int(self.connection.execute("SELECT max(rowid) FROM samples").fetchone()[0] or 0)
        except _DAMAGE:
            # the rightmost page is damaged: no row number can be larger than the file has bytes for
            pages = int(self.connection.execute("PRAGMA page_count").fetchone()[0])
            size = int(self.connection.execute("PRAGMA page_size").fetchone()[0])
            return pages * size // 100
