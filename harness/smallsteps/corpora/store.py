"""The store: every sample a teacher ever gave, in one SQLite file that survives kill -9 and a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smallsteps.corpora.foreign import check_tables
from smallsteps.corpora.salvage import Salvage
from smallsteps.corpora.schema import (
    ADD_DIGEST,
    EARLIER,
    SCHEMA,
    SEAL_ALL,
    SELECT,
    SELECT_EARLIER,
    TABLES,
    UPSERT,
    failed,
    from_row,
    row_digest,
    to_row,
)
from smallsteps.errors import CANNOT_CREATE, DATA, IO_ERROR, NO_INPUT, UNAVAILABLE, UserError
from smallsteps.locks import exclusive
from smallsteps.teachers.model import Sample, Status
from smallsteps.terminal import visible_text

_CHUNK = 500  # SQLite takes a limited number of parameters in one statement
# What a row can be refused with; the file's own troubles are not among the reasons to try rows one by one.
_UNSTORABLE = (sqlite3.Error, ValueError, TypeError, OverflowError, RecursionError)
_TROUBLES = ("FULL", "IOERR", "CORRUPT", "NOTADB", "READONLY", "BUSY", "LOCKED", "CANTOPEN", "NOMEM", "PERM")
_OF_THE_FILE = tuple(f"SQLITE_{name}" for name in _TROUBLES)


# Rows beyond those of the index: what its damage hides would be asked for, and paid, again.
_COUNTS = """SELECT (SELECT count(*) FROM samples NOT INDEXED)
  - (SELECT count(*) FROM samples INDEXED BY sqlite_autoindex_samples_1)"""


class Store:
    """Samples by key. One process writes; any number may read.

    A row is on the disk when `add` returns. Rows with status `error` may be replaced by a later attempt,
    all others are final. Every row has a digest of its values, which is compared whenever the row is read; a
    store of an earlier version gets them when it is first opened for writing.

    Attributes:
        path: the file.
        unstorable: keys of the rows of this session of which only a note of failure could be stored.
        escaped: characters of this session's rows that are stored written out (lone surrogates, NUL).
    """

    def __init__(self, path: Path, *, readonly: bool = False, durable: bool = True) -> None:
        """Open or create.

        Args:
            path: the SQLite file.
            readonly: open an existing store for reading while another process may write.
            durable: flush every commit to the disk (for samples that cost money); without it a power cut may
                lose the last rows, a killed process still loses none.

        Raises:
            UserError: another process writes to it, it is not a store, or it cannot be opened.
        """
        self.path = path
        self.unstorable: set[str] = set()
        self.escaped = 0
        self._lock = ExitStack()
        self._select = SELECT
        self._counted = False
        if readonly and not path.exists():
            raise UserError("no such store", where=str(path), code=NO_INPUT)
        if not readonly:
            self._acquire()
        try:
            self._open(readonly, durable)
        except BaseException:
            self.close()
            raise

    def _acquire(self) -> None:
        busy = UserError(
            f"another process is writing to this store ({_writer(self.path)})",
            where=str(self.path),
            fix="wait until it ends, or give this run its own folder",
            code=UNAVAILABLE,
        )
        self._lock.enter_context(exclusive(Path(f"{self.path}.lock"), busy))

    def _open(self, readonly: bool, durable: bool) -> None:
        try:
            mode = "ro" if readonly else "rwc"
            uri = f"{self.path.resolve().as_uri()}?mode={mode}"
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            check_tables(self._connection, self.path)
            self._connection.create_function("row_digest", -1, row_digest, deterministic=True)
            if not readonly:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._connection.executescript(TABLES)
                self._seal_earlier()
                self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (SCHEMA,))
                writer = f"process {os.getpid()} on {socket.gethostname()}"
                self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('writer', ?)", (writer,))
            found = self._connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        if found is None or found[0] not in (SCHEMA, EARLIER):
            raise UserError(
                f"schema is {found[0] if found else None!r}, expected {SCHEMA!r}",
                where=str(self.path),
                code=DATA,
            )
        self._select = SELECT if found[0] == SCHEMA else SELECT_EARLIER

    def _seal_earlier(self) -> None:
        """Give the rows of an earlier version their digests, all or none; until then they are only read."""
        found = self._connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if found is None or found[0] != EARLIER:
            return
        self._select = SELECT_EARLIER
        for _ in self:  # damage that shows gets no digest
            pass
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(ADD_DIGEST)
            self._connection.execute(SEAL_ALL)
            self._connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (SCHEMA,))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let the next writer in."""
        if hasattr(self, "_connection"):
            self._connection.close()
        self._lock.close()

    def add(self, samples: Iterable[Sample]) -> None:
        """Commit samples; they are safe when this returns.

        All go into one commit. If one of them makes it fail, each is committed separately, and of the one
        that cannot be stored a row with status `error` says why.

        Raises:
            UserError: the disk is full or the file is damaged. What was committed before is kept.
        """
        samples = list(samples)
        try:
            self._commit([to_row(sample) for sample in samples])
        except _UNSTORABLE as error:
            if isinstance(error, sqlite3.Error) and _is_of_the_file(error):
                raise self._explained(error) from error
            for sample in samples:
                self._add_alone(sample)

    def _add_alone(self, sample: Sample) -> None:
        try:
            self._commit([to_row(sample)])
        except _UNSTORABLE as error:
            if isinstance(error, sqlite3.Error) and _is_of_the_file(error):
                raise self._explained(error) from error
            try:
                self._commit([to_row(failed(sample, f"{type(error).__name__}: {error}"))])
            except sqlite3.Error as second:
                raise self._explained(second) from second
            self.unstorable.add(sample.key)

    def _commit(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR IGNORE INTO prompts (prompt) VALUES (?)", {(row[3],): None for row in rows}
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO samplings (teacher, sampling) VALUES (?, ?)",
                {(row[2], row[4]): None for row in rows},
            )
            self._connection.executemany(UPSERT, rows)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.escaped += sum(json.loads(row[-1]).get("escaped", 0) for row in rows if '"escaped"' in row[-1])

    def _read(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query.

        Raises:
            UserError: the file is damaged.
        """
        try:
            cursor = self._connection.execute(sql, parameters)
            while (row := cursor.fetchone()) is not None:  # nothing to close when the reader stops early
                yield row
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _check_index(self) -> None:
        """Compare once the number of rows with that of the index they are looked up in."""
        if not self._counted and next(self._read(_COUNTS)) != (0,):
            raise self._damaged("its index does not list every row")
        self._counted = True

    def _samples(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Sample]:
        for row in self._read(sql, parameters):
            try:
                yield from_row(row)
            except ValueError as error:
                raise self._damaged(str(error)) from error

    def done(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose rows are final."""
        self._check_index()
        found: set[str] = set()
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            rows = self._read(f"SELECT key FROM samples WHERE status <> 'error' AND key IN ({marks})", part)
            found.update(row[0] for row in rows)
        return found

    def get(self, keys: Sequence[str]) -> dict[str, Sample]:
        """Rows by key; keys that are not there are left out."""
        self._check_index()
        found: dict[str, Sample] = {}
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            for sample in self._samples(f"{self._select} WHERE s.key IN ({marks})", part):
                found[sample.key] = sample
        if not found.keys() <= set(keys):
            raise self._damaged("its index names other rows")
        return found

    def __iter__(self) -> Iterator[Sample]:
        """All rows in the order of their keys."""
        self._check_index()
        last = ""
        for sample in self._samples(f"{self._select} ORDER BY s.key"):
            if sample.key <= last:
                raise self._damaged("its index is out of order")
            last = sample.key
            yield sample

    def __len__(self) -> int:
        return int(next(self._read("SELECT count(*) FROM samples"))[0])

    def salvage(self) -> Salvage:
        """The rows that can still be read of a damaged store, in the order of their storing."""
        return Salvage(self._connection, self._select)

    def counts(self) -> dict[Status, int]:
        """Rows by status."""
        rows = self._read("SELECT status, count(*) FROM samples GROUP BY status")
        try:
            return {Status(status): count for status, count in rows}
        except ValueError as error:
            raise self._damaged(str(error)) from error

    def usage(self) -> Counter[str]:
        """Tokens and attempts over all rows: `prompt_tokens`, `completion_tokens`, `attempts`."""
        row = next(
            self._read(
                "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),"
                " coalesce(sum(attempts), 0) FROM samples"
            )
        )
        return Counter(prompt_tokens=row[0], completion_tokens=row[1], attempts=row[2])

    def hash(self) -> str:
        """Corpus hash: what was asked and what came back, free of attempts, usage and errors' wording."""
        digest = hashlib.sha256()
        for sample in self:
            digest.update(sample_digest(sample))
        return digest.hexdigest()

    def note(self, name: str, value: str | None = None) -> str | None:
        """Read a small note kept with the store (the id of a batch job, say); with a value, write it."""
        try:
            if value is not None:
                self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"note:{name}", value))
                return value
            row = self._connection.execute(
                "SELECT value FROM meta WHERE name = ?", (f"note:{name}",)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return str(row[0]) if row else None

    def _explained(self, error: sqlite3.Error) -> UserError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL") or name.startswith("SQLITE_IOERR"):
            full = name.startswith("SQLITE_FULL")
            return UserError(
                "no space left on the disk" if full else f"the disk failed ({error})",
                where=str(self.path),
                fix="free some space and run the same command again; every row stored before is kept",
                code=IO_ERROR,
            )
        if name == "SQLITE_NOTADB":
            return UserError(f"not a store ({error})", where=str(self.path), code=DATA)
        if name.startswith("SQLITE_CORRUPT"):
            return self._damaged(str(error))
        if str(error).startswith("Could not decode"):  # Python's own error, with the text in it
            return self._damaged("a text is not UTF-8")
        return UserError(f"cannot use the store: {error}", where=str(self.path), code=CANNOT_CREATE)

    def _damaged(self, reason: str) -> UserError:
        """What a user needs to know about a store with damaged bytes: what is left, and how to go on."""
        kept = lost = 0
        try:
            rows = self.salvage()
            kept = sum(1 for _ in rows)
            lost = rows.lost
        except sqlite3.Error:  # not even its size can be read
            lost = -1
        state = f"{kept} of its rows can be read" + (f", {lost} are lost" if lost >= 0 else "")
        return UserError(
            f"this store is damaged ({visible_text(reason)[:200]}): {state}",
            where=str(self.path),
            fix=f"restore it from a copy; or save its rows: smallsteps teach --store {self.path} --salvage "
            "--export rows.jsonl, then add them to a new store: smallsteps teach --store NEW --import "
            "rows.jsonl; only what is lost is asked for again",
            code=DATA,
        )


def _is_of_the_file(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(_OF_THE_FILE)


def sample_digest(sample: Sample) -> bytes:
    """sha256 of what makes a row that row."""
    digest = hashlib.sha256()
    fields = [sample.key, sample.problem_id, str(sample.status), sample.text]
    for t in sample.tokens:
        ids = f"\x1e{t.top_ids!r}" if t.top_ids else ""
        fields.append(f"{t.token}\x1e{t.logprob!r}\x1e{t.token_id}\x1e{t.top!r}{ids}")
    for value in fields:
        raw = value.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


def _writer(path: Path) -> str:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT value FROM meta WHERE name = 'writer'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return "it has only just started"
    return str(row[0]) if row else "unknown"
