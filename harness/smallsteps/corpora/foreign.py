"""A store made by someone else: refused if its file holds anything besides the store's own tables."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from smallsteps.corpora.schema import EARLIER, EARLIER_TABLES, SCHEMA, TABLES
from smallsteps.errors import DATA, UserError
from smallsteps.terminal import visible_text

_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")


def _flat(sql: str) -> str:
    flat = " ".join(sql.replace("IF NOT EXISTS ", "").split())
    return flat.replace(" ,", ",").replace(" )", ")")  # as SQLite leaves it when a column is added


def _forms(sql: str) -> dict[str, str]:
    return {
        match[1]: _flat(statement)
        for statement in sql.split(";")
        if (match := _CREATE.search(statement)) is not None
    }


OWN = {name: {_forms(sql)[name] for sql in (TABLES, EARLIER_TABLES)} for name in _forms(TABLES)}


def check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Look at what a file defines before anything of it is used. An empty file passes.

    SQLite runs the triggers, views, checks and generated columns that a file defines; a store has none.

    Raises:
        UserError: a table is defined otherwise, or there is something besides the tables.
        sqlite3.Error: the file is not a database.
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema LIMIT 1000").fetchall()
    for kind, name, sql in rows:
        if kind == "index" and sql is None:
            continue  # made by SQLite itself for a key
        if kind == "table" and str(name) in OWN and _flat(str(sql)) in OWN[str(name)]:
            continue
        _check_version(connection, path, {str(row[1]) for row in rows if row[0] == "table"})
        what = f"the table '{name}' in another form" if name in OWN else f"the {kind} '{name}'"
        raise UserError(
            f"not a plain store of smallsteps: it holds {visible_text(what[:200])}, which could run code",
            where=str(path),
            fix="nothing of it was used. Ask its maker for an export (smallsteps teach --store FILE --export "
            "rows.jsonl) and add that with --import",
            code=DATA,
        )


def _check_version(connection: sqlite3.Connection, path: Path, tables: set[str]) -> None:
    """The better message where the file says itself that it is of another version."""
    if "meta" not in tables:
        return
    try:
        found = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    except sqlite3.OperationalError:
        return  # a table of that name, and nothing of ours
    if found is not None and found[0] not in (SCHEMA, EARLIER):
        named = visible_text(str(found[0])[:200])
        raise UserError(f"schema is '{named}', expected '{SCHEMA}'", where=str(path), code=DATA)
