"""`smallsteps score`: verdicts on the responses of any JSONL file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from smallsteps.cli.options import html_option


@click.command("score")
@click.argument("file")
@click.option(
    "--summary/--no-summary",
    default=None,
    help="Print counts to standard error at the end (default: only when that is a terminal).",
)
@html_option
def command(file: str, summary: bool | None, html_path: Path | None) -> None:
    """Score responses of a JSONL FILE (plain or gzipped; '-' is standard input).

    \b
    A row:      {"response": "... The answer is 18.", "answer": "18", "kind": "number"}
    Answer:     the gold answer; a worked solution counts by what follows its last ####
    Kinds:      number, choice (with "choices": [...]), boolean, text, span
    Optional:   "id", "aliases": [further accepted answers]; other keys are ignored
    One line per row: extracted, strict, flexible (right, wrong or unparsed) and the rule versions.

    A bad row ends the command with an error that names its line; verdicts before it have been printed.
    """
    import io
    import json
    import sys
    from typing import cast

    from smallsteps.answers.model import RULES_VERSION
    from smallsteps.answers.rescoring import verdicts
    from smallsteps.errors import UserError
    from smallsteps.files import jsonl_rows, read_jsonl

    name = "standard input" if file == "-" else file
    rows = (
        jsonl_rows(cast(io.BufferedReader, sys.stdin.buffer), name) if file == "-" else read_jsonl(Path(file))
    )
    counts: Counter[tuple[str, str]] = Counter()
    rows_scored = 0
    kept: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    try:
        for line in verdicts(rows if html_path is None else _keeping(rows, kept), name):
            if html_path is not None:
                found.append(line)
            # ASCII escapes: a response may hold lone surrogates, which no UTF-8 stream takes
            click.echo(json.dumps(line))
            rows_scored += 1
            counts.update((rule, line[rule]) for rule in RULES_VERSION)
    except UserError:
        click.echo(f"{name}: scored the {rows_scored} rows before the error below", err=True)
        raise
    if html_path is not None:
        from smallsteps.files import write_atomic
        from smallsteps.reports import scores

        write_atomic(html_path, scores.page(Path(name).name, zip(kept, found, strict=True)))
    if sys.stderr.isatty() if summary is None else summary:
        click.echo(_summary(name, rows_scored, counts), err=True)


def _keeping(
    rows: Iterable[tuple[int, dict[str, Any]]], kept: list[dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows, kept for the page as they pass."""
    for number, row in rows:
        kept.append(row)
        yield number, row


def _summary(name: str, rows: int, counts: Counter[tuple[str, str]]) -> str:
    """One line a rule: how many rows are right, wrong and unparsed."""
    from smallsteps.answers.model import RULES_VERSION, Verdict

    lines = [f"{name}: {rows} rows scored"]
    for rule, version in RULES_VERSION.items():
        parts = ", ".join(f"{counts[rule, verdict.value]} {verdict.value}" for verdict in Verdict)
        share = f" ({100 * counts[rule, Verdict.RIGHT.value] / rows:.1f} % right)" if rows else ""
        lines.append(f"  {version}: {parts}{share}")
    return "\n".join(lines)
