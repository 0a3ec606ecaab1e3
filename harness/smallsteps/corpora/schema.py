"""The store's tables, and how a row travels between SQLite and `Sample`."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from typing import Any

from smallsteps.files import to_json
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Sample, Status

SCHEMA = "smallsteps.store/1"
TABLES = """
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
  extra TEXT NOT NULL
);
"""
SELECT = """
SELECT s.key, s.problem_id, g.teacher, p.prompt, g.sampling, s.sample, s.status, s.text, s.attempts,
  s.prompt_tokens, s.completion_tokens, s.tokens, s.error, s.extra
FROM samples s JOIN prompts p ON p.id = s.prompt JOIN samplings g ON g.id = s.sampling
"""
# A row that is done is never replaced; one that failed is replaced by the next attempt, and attempts add up.
UPSERT = """
INSERT INTO samples (key, problem_id, prompt, sampling, sample, status, text, attempts, prompt_tokens,
  completion_tokens, tokens, error, extra)
VALUES (?, ?, (SELECT id FROM prompts WHERE prompt = ?),
  (SELECT id FROM samplings WHERE teacher = ? AND sampling = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET status = excluded.status, text = excluded.text,
  attempts = samples.attempts + excluded.attempts, prompt_tokens = excluded.prompt_tokens,
  completion_tokens = excluded.completion_tokens, tokens = excluded.tokens, error = excluded.error,
  extra = excluded.extra
WHERE samples.status = 'error'
"""


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
    """Inverse of `pack_tokens`."""
    if not blob:
        return ()
    return tuple(
        TokenLogprob(token, logprob, tuple((surface, value) for surface, value in top), token_id, tuple(*ids))
        for token, logprob, token_id, top, *ids in json.loads(zlib.decompress(blob))
    )


def clean(text: str) -> str:
    """Text without lone surrogates, which are legal in JSON escapes and in no encoding."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def to_row(sample: Sample) -> tuple[Any, ...]:
    """Parameters of `UPSERT`."""
    return (
        sample.key,
        sample.problem_id,
        sample.prompt,
        sample.teacher,
        sample.sampling,
        sample.sample,
        str(sample.status),
        clean(sample.text),
        sample.attempts,
        sample.prompt_tokens,
        sample.completion_tokens,
        pack_tokens(sample.tokens),
        sample.error,
        to_json(sample.extra, indent=None) if sample.extra else "",
    )


def from_row(row: sqlite3.Row | tuple[Any, ...]) -> Sample:
    """A row of `SELECT`."""
    return Sample(
        key=row[0],
        problem_id=row[1],
        teacher=row[2],
        prompt=row[3],
        sampling=row[4],
        sample=row[5],
        status=Status(row[6]),
        text=row[7],
        attempts=row[8],
        prompt_tokens=row[9],
        completion_tokens=row[10],
        tokens=unpack_tokens(row[11]),
        error=row[12],
        extra=json.loads(row[13]) if row[13] else {},
    )
