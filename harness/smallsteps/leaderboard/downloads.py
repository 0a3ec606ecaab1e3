"""The same numbers for machines: CSV, JSON and Parquet, and an Atom feed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.numbers import Row, SuiteNumbers
from smallsteps.leaderboard.ranking import Contestant
from smallsteps.terminal import visible_text

CELL = (
    "suite", "entry", "name", "kind", "scheme", "complete", "column", "accuracy", "low", "high", "rank_low",
    "rank_high", "tied_with_best", "change", "change_low", "change_high", "p_adjusted", "unparsed",
    "malformed",
    "truncated", "parameters", "seeds",
)  # fmt: skip


def cell_rows(suite: SuiteNumbers) -> list[dict[str, Any]]:
    """One row a student and column."""
    return [_cell(suite, row, name) for row in suite.rows for name in row.cells]


def _cell(suite: SuiteNumbers, row: Row, column: str) -> dict[str, Any]:
    cell = row.cells[column]
    values = (
        suite.name, row.entry, row.title, row.kind, row.scheme, row.complete, column, _short(cell.accuracy),
        _short(cell.interval.low) if cell.interval else None, _short(cell.interval.high) if cell.interval
        else None, cell.rank[0] if cell.rank else None, cell.rank[1] if cell.rank else None, cell.tied if
        cell.rank else None, _short(cell.change), _short(cell.change_interval.low) if cell.change_interval
        else None, _short(cell.change_interval.high) if cell.change_interval else None, cell.p,
        _short(cell.rates.get("unparsed", 0.0)), _short(cell.rates.get("malformed", 0.0)),
        _short(cell.rates.get("truncated", 0.0)), row.parameters, row.seeds,
    )  # fmt: skip
    return dict(zip(CELL, values, strict=True))


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 10)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """CSV that no spreadsheet takes for formulas: a text that begins like one gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CELL)
    for row in rows:
        writer.writerow([plain_cell(row[name]) for name in CELL])
    return out.getvalue()


def plain_cell(value: Any) -> Any:
    """A value that a spreadsheet shows as it is (OWASP, CSV injection)."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = visible_text(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """Parquet; the same rows give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        **dict.fromkeys(("suite", "entry", "name", "kind", "scheme", "column"), pa.string()),
        **dict.fromkeys(("complete", "tied_with_best"), pa.bool_()),
        **dict.fromkeys(("rank_low", "rank_high", "parameters", "seeds"), pa.int64()),
    }
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in CELL])
    table = pa.table({name: [row[name] for row in rows] for name in CELL}, schema=schema)
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    return bytes(out.getvalue())


def as_feed(board: Board, contestants: Sequence[Contestant], releases: Sequence[tuple[str, str]]) -> str:
    """Atom: one entry for each student, and one for each release; dates are those of the entries.

    Args:
        board: the leaderboard.
        contestants: its entries.
        releases: names and dates.
    """
    url = board.file.url
    items = [
        (one.entry.file.date, one.entry.file.name, f"students/{one.entry.name}.html", one.entry.digest)
        for one in contestants
    ]
    items += [
        (date, f"Release {name}", f"releases/{name}/index.html", f"release-{name}") for name, date in releases
    ]
    items.sort(key=lambda item: (item[0], item[3]), reverse=True)
    latest = items[0][0] if items else "1970-01-01"
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{_text(board.file.title)}</title>",
        f"<id>{escape(url) or 'urn:smallsteps:leaderboard'}</id>",
        f"<updated>{latest}T00:00:00Z</updated>",
    ]
    if url:
        parts.append(f'<link rel="self" href={quoteattr(url + "feed.xml")}/>')
    for date, title, path, digest in items[:100]:
        parts += [
            "<entry>",
            f"<title>{_text(title)}</title>",
            f"<id>urn:smallsteps:{escape(digest)}</id>",
            f"<updated>{date}T00:00:00Z</updated>",
            f"<link href={quoteattr(url + path)}/>",
            "<author><name>smallsteps leaderboard</name></author>",
            "</entry>",
        ]
    return "\n".join([*parts, "</feed>", ""])


def _text(value: str) -> str:
    return escape(visible_text(value))
