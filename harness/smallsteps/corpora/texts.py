"""The training texts of a corpus: a corpus folder, JSON lines, a JSON array or plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallsteps.corpora.corpus import CARD, read_corpus
from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, read_jsonl, read_text
from smallsteps.problems import load_problems

# Fields that hold a question, in the order in which they are looked for; Body and Question belong together.
FIELDS = ("question", "instruction", "sQuestion", "problem", "prompt", "input", "text")


def texts_of(path: Path, field: str | None = None, data: Path | None = None) -> list[str]:
    """One text per training item.

    Args:
        path: corpus folder, or a `.jsonl`, `.json` or `.txt` file, packed or not.
        field: the field that holds the question; found by its name when not given.
        data: offline data directory, for the questions of a corpus folder.

    Raises:
        UserError: nothing there, or no field holds a question (file and row are named).
    """
    if (path / CARD).exists():
        return _corpus(path, data)
    if not path.is_file():
        raise UserError("no such corpus", where=str(path), code=NO_INPUT)
    name = path.name.removesuffix(".gz")
    if name.endswith(".txt"):
        return [block for block in read_text(path).split("\n\n") if block.strip()]
    return [_text(row, field, where) for where, row in _rows(path, name)]


def _rows(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not name.endswith(".json"):
        for number, row in read_jsonl(path):
            yield f"{path}:{number}", row
        return
    content = read_json(path)
    if not isinstance(content, list):
        raise UserError("expected a JSON array", where=str(path), code=DATA)
    for number, row in enumerate(content, start=1):
        if not isinstance(row, dict):
            raise UserError("expected a JSON object", where=f"{path}: row {number}", code=DATA)
        yield f"{path}: row {number}", row


def _text(row: dict[str, Any], field: str | None, where: str) -> str:
    if field is not None:
        if not isinstance(row.get(field), str):
            raise UserError(f"no text in field '{field}'", where=where, code=DATA)
        return str(row[field])
    if isinstance(row.get("Body"), str) and isinstance(row.get("Question"), str):
        return f"{row['Body']} {row['Question']}"
    found = next((row[name] for name in FIELDS if isinstance(row.get(name), str) and row[name].strip()), None)
    if found is None:
        raise UserError(
            "no field holds a question",
            where=where,
            fix=f"name it with --field; fields there: {', '.join(row)}",
            code=DATA,
        )
    return str(found)


def _corpus(folder: Path, data: Path | None) -> list[str]:
    """Questions of the corpus's problems together with their rationales, since both are trained on."""
    corpus = read_corpus(folder)
    problems = {p.id: p for p in load_problems(corpus.spec["benchmark"], corpus.spec["split"], data)}
    unknown = next((r.problem_id for r in corpus.rationales if r.problem_id not in problems), None)
    if unknown is not None:
        raise UserError(f"no problem '{unknown}' in its benchmark", where=str(folder), code=DATA)
    return [f"{problems[r.problem_id].question}\n{r.text}" for r in corpus.rationales]
