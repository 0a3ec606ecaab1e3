"""`smallsteps score`: verdicts on the responses of any JSONL file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("score")
@click.argument("file")
@click.option("--summary", is_flag=True, help="Print counts to standard error at the end.")
def command(file: str, summary: bool) -> None:
    """Score responses of a JSONL FILE (plain or gzipped; '-' is standard input).

    \b
    A row:      {"response": "... The answer is 18.", "answer": "18", "kind": "number"}
    Kinds:      number, choice (with "choices": [...]), boolean, text, span
    Optional:   "id", "aliases": [further accepted answers]; other keys are ignored
    One line per row: extracted, strict, flexible (right, wrong or unparsed) and the rule versions.

    A bad row ends the command with an error that names its line; verdicts before it stay written.
    """
    import io
    import json
    import sys
    from typing import cast

    from smallsteps.answers.rescoring import verdicts
    from smallsteps.files import jsonl_rows, read_jsonl

    name = "standard input" if file == "-" else file
    rows = (
        jsonl_rows(cast(io.BufferedReader, sys.stdin.buffer), name) if file == "-" else read_jsonl(Path(file))
    )
    counts: dict[str, int] = {}
    for line in verdicts(rows, name):
        # ASCII escapes: a response may hold lone surrogates, which no UTF-8 stream takes
        click.echo(json.dumps(line))
        for rule in ("strict", "flexible"):
            key = f"{rule} {line[rule]}"
            counts[key] = counts.get(key, 0) + 1
    if summary:
        click.echo(", ".join(f"{key}: {counts[key]}" for key in sorted(counts)) or "no rows", err=True)
