"""The store's tables, and how a row travels between SQLite and `Sample`."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
import zlib
from dataclasses import dataclass, replace
from typing import Any, Final

from smallsteps.files import to_json
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Sample, Status

SCHEMA = "smallsteps.store/2"
EARLIER = "smallsteps.store/1"  # its rows have no digest
_DIGEST: Final = "digest BLOB"
TABLES = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prompts (id INTEGER PRIMARY KEY, prompt TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS samplings (id INTEGER PRIMARY KEY, teacher TEXT NOT NULL, sampling TEXT NOT NULL,
  UNIQUE (teacher, sampling));
CREATE TABLE IF NOT EXISTS samples (
  key TEXT PRIMARY KEY,
  problem_id TEXT NOT NULL,
  prompt INTEGER NOT NULL REFERENCES prompts (id),
  sampling INTEGER NOT NULL REFERENCES samplings (id),
  sample INTEGER NOT NULL,
  status TEXT NOT NULL,
  text TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  tokens BLOB,
  error TEXT NOT NULL,
  extra TEXT NOT NULL,
  {_DIGEST}
);
"""
ADD_DIGEST = f"ALTER TABLE samples ADD COLUMN {_DIGEST}"
EARLIER_TABLES = TABLES.replace(f",\n  {_DIGEST}\n", "\n")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST = 10**12  # tokens or attempts of one row; sums of many stay far below SQLite's 2^63
_LONGEST_TOKENS = 256 << 20  # bytes of a row's log-probabilities, unpacked
_DEEPEST = 20  # levels of nesting in a source's extra fields
_TEXTS = ("key", "problem_id", "prompt", "teacher", "sampling", "text", "error")
_VALUES = 14  # of a row, in front of its digest
_NUMBERS = ("sample", "attempts", "prompt_tokens", "completion_tokens")
_FIELDS = """s.key, s.problem_id, g.teacher, p.prompt, g.sampling, s.sample, s.status, s.text, s.attempts,
  s.prompt_tokens, s.completion_tokens, s.tokens, s.error, s.extra"""
# left: a row whose prompt is lost is damage that must show, not a row less
_FROM = "FROM samples s LEFT JOIN prompts p ON p.id = s.prompt LEFT JOIN samplings g ON g.id = s.sampling"
SELECT = f"SELECT {_FIELDS}, s.digest {_FROM}"
SELECT_EARLIER = f"SELECT {_FIELDS} {_FROM}"
SEAL_ALL = f"""UPDATE samples SET digest = (SELECT row_digest({_FIELDS}) {_FROM} WHERE s.key = samples.key)"""
# A row that is done is never replaced; one that failed is replaced by the next attempt. Attempts and tokens
# add up: an answer that could not be used was billed. The parameters are those of `to_row`.
_SUMS = """samples.attempts + excluded.attempts,
  min(samples.prompt_tokens + excluded.prompt_tokens, 1000000000000),
  min(samples.completion_tokens + excluded.completion_tokens, 1000000000000)"""
UPSERT = f"""
INSERT INTO samples (key, problem_id, prompt, sampling, sample, status, text, attempts, prompt_tokens,
  completion_tokens, tokens, error, extra, digest)
VALUES (?1, ?2, (SELECT id FROM prompts WHERE prompt = ?4),
  (SELECT id FROM samplings WHERE teacher = ?3 AND sampling = ?5), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
  row_digest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14))
ON CONFLICT (key) DO UPDATE SET
  (status, text, attempts, prompt_tokens, completion_tokens, tokens, error, extra, digest) =
  (excluded.status, excluded.text, {_SUMS}, excluded.tokens, excluded.error, excluded.extra,
  row_digest(samples.key, samples.problem_id,
    (SELECT teacher FROM samplings WHERE id = samples.sampling),
    (SELECT prompt FROM prompts WHERE id = samples.prompt),
    (SELECT sampling FROM samplings WHERE id = samples.sampling),
    samples.sample, excluded.status, excluded.text, {_SUMS}, excluded.tokens, excluded.error, excluded.extra))
WHERE samples.status = 'error'
"""


def row_digest(*values: str | bytes | int | None) -> bytes:
    """sha256 over the values of a row as they are stored; also a function of the store's SQL.

    Args:
        values: those of `SELECT`, without the digest.
    """
    digest = hashlib.sha256()
    for value in values:
        raw = value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
        digest.update(b"%d:" % len(raw))
        digest.update(raw)
    return digest.digest()


def pack_tokens(tokens: tuple[TokenLogprob, ...]) -> bytes | None:
    """Log-probabilities as compressed JSON: [[token, logprob, id, [[surface, logprob], ...]], ...].

    The ids of the candidates follow as a fifth field where there are any.
    """
    if not tokens:
        return None
    rows: list[list[Any]] = [[t.token, t.logprob, t.token_id, [list(pair) for pair in t.top]] for t in tokens]
    for row, token in zip(rows, tokens, strict=True):
        if token.top_ids:
            row.append(list(token.top_ids))
    return zlib.compress(to_json(rows, indent=None).encode(), 6)


def unpack_tokens(blob: bytes | None) -> tuple[TokenLogprob, ...]:
    """Inverse of `pack_tokens`.

    Raises:
        ValueError: more than `_LONGEST_TOKENS` bytes, which no sample has.
    """
    if not blob:
        return ()
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(blob, _LONGEST_TOKENS)
    if unpacker.unconsumed_tail:
        raise ValueError("log-probabilities of more than 256 MiB")
    return tuple(
        TokenLogprob(token, logprob, tuple((surface, value) for surface, value in top), token_id, tuple(*ids))
        for token, logprob, token_id, top, *ids in json.loads(raw)
    )


@dataclass(slots=True)
class Cleaner:
    """Makes the values of a row storable, and counts what it had to change.

    Attributes:
        escaped: characters stored as `\\uXXXX`: lone surrogates, which no encoding holds, and NUL, at which
            many programs cut a text.
        replaced: values that JSON or SQLite cannot hold (NaN, too long numbers, too deep nesting).
    """

    escaped: int = 0
    replaced: int = 0

    def text(self, text: str) -> str:
        """The text with its unstorable characters written out."""
        found, count = _UNSTORABLE.subn(_written_out, text)
        self.escaped += count
        return found

    def number(self, value: int) -> int:
        """The count, between 0 and what SQLite can add up."""
        kept = min(max(value, 0), _MOST)
        self.replaced += kept != value
        return kept

    def value(self, value: Any, depth: int = 0) -> Any:
        """Any value as JSON can hold it."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) <= _MOST:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if depth < _DEEPEST and isinstance(value, dict):
            return {self.text(str(k)): self.value(v, depth + 1) for k, v in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple):
            return [self.value(item, depth + 1) for item in value]
        self.replaced += 1
        return f"not stored: {type(value).__name__}"

    def token(self, token: TokenLogprob) -> TokenLogprob:
        """A log-probability with storable texts. NUL stays: tokens are packed as JSON, which holds it."""
        found = token
        if not _SURROGATE.search(token.token + "".join(surface for surface, _ in token.top)):
            return found
        top = tuple((self._token_text(surface), value) for surface, value in token.top)
        return replace(token, token=self._token_text(token.token), top=top)

    def _token_text(self, text: str) -> str:
        found, count = _SURROGATE.subn(_written_out, text)
        self.escaped += count
        return found


def _written_out(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def to_row(sample: Sample) -> tuple[Any, ...]:
    """Parameters of `UPSERT`, made storable; `extra` notes what was changed."""
    clean = Cleaner()
    texts = {name: clean.text(getattr(sample, name)) for name in _TEXTS}
    extra = clean.value(sample.extra)
    numbers = {name: clean.number(getattr(sample, name)) for name in _NUMBERS}
    tokens = tuple(clean.token(token) for token in sample.tokens)
    if clean.escaped:
        extra["escaped"] = clean.escaped
    if clean.replaced:
        extra["replaced"] = clean.replaced
    return (
        texts["key"],
        texts["problem_id"],
        texts["teacher"],
        texts["prompt"],
        texts["sampling"],
        numbers["sample"],
        str(sample.status),
        texts["text"],
        numbers["attempts"],
        numbers["prompt_tokens"],
        numbers["completion_tokens"],
        pack_tokens(tokens),
        texts["error"],
        to_json(extra, indent=None) if extra else "",
    )


def failed(sample: Sample, reason: str) -> Sample:
    """The row stored instead of one that could not be stored."""
    return Sample(
        key=sample.key,
        problem_id=sample.problem_id,
        teacher=sample.teacher,
        prompt=sample.prompt,
        sampling=sample.sampling,
        sample=sample.sample,
        status=Status.ERROR,
        text="",
        attempts=sample.attempts,
        prompt_tokens=sample.prompt_tokens,
        completion_tokens=sample.completion_tokens,
        error=f"its answer could not be stored: {reason}"[:500],
    )


def from_row(row: sqlite3.Row | tuple[Any, ...]) -> Sample:
    """A row of `SELECT`, or of `SELECT_EARLIER`, which has no digest to compare.

    Raises:
        ValueError: a value was damaged.
    """
    try:
        if len(row) > _VALUES and row_digest(*row[:_VALUES]) != row[_VALUES]:
            raise ValueError("the content is not that of its digest")
        extra = json.loads(row[13]) if row[13] else {}
        if not isinstance(extra, dict) or not all(isinstance(row[i], str) for i in (0, 1, 2, 3, 4, 7, 12)):
            raise ValueError("a value of another type")
        return Sample(
            key=row[0],
            problem_id=row[1],
            teacher=row[2],
            prompt=row[3],
            sampling=row[4],
            sample=int(row[5]),
            status=Status(row[6]),
            text=row[7],
            attempts=int(row[8]),
            prompt_tokens=int(row[9]),
            completion_tokens=int(row[10]),
            tokens=unpack_tokens(row[11]),
            error=row[12],
            extra=extra,
        )
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError, zlib.error) as error:
        raise ValueError(f"row {str(row[0])[:16]!r}: {error}") from error
