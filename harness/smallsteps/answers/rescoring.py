"""Verdicts on rows of a JSONL file: `{response, answer, kind[, choices, aliases, id]}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from smallsteps.answers.extract import score
from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import LETTERS, gold_letter
from smallsteps.answers.model import RULES_VERSION
from smallsteps.answers.numbers import clean, final_part, find_numbers
from smallsteps.errors import DATA, UserError, nearest, unknown_name
from smallsteps.problems import AnswerKind

REQUIRED = ("response", "answer", "kind")
OPTIONAL = ("choices", "aliases", "id")


@dataclass(frozen=True, slots=True)
class Row:
    """One validated row; `id` is None when the row has none."""

    response: str
    answer: str
    kind: AnswerKind
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    id: str | int | None = None


def parse_row(row: dict[str, Any], where: str) -> Row:
    """Check one row. Keys that have nothing to do with scoring are ignored, misspelt ones are not.

    Args:
        row: the parsed JSON object.
        where: `file:line`, for the error.

    Raises:
        UserError: a key is missing or misspelt, or a value has the wrong type.
    """
    for key in sorted(set(row) - {*REQUIRED, *OPTIONAL}):
        meant = nearest(key, [name for name in (*REQUIRED, *OPTIONAL) if name not in row])
        if meant and abs(len(meant) - len(key)) <= 2:
            raise UserError(f"unknown key '{key}'", where=where, fix=f"did you mean '{meant}'?", code=DATA)
    for name in REQUIRED:
        if name not in row:
            raise UserError(
                f"missing key '{name}'", where=where, fix=f"a row needs {', '.join(REQUIRED)}", code=DATA
            )
        if row[name] is None:
            fix = (
                'a failed generation counts as wrong when it is given as "", which is scored as unparsed'
                if name == "response"
                else "give it as text"
            )
            raise UserError(f"'{name}' is null", where=where, fix=fix, code=DATA)
    if not isinstance(row["response"], str):
        fix = "give the model's text as one string"
        raise UserError("'response' must be a string", where=where, fix=fix, code=DATA)
    if row["kind"] not in list(AnswerKind):
        raise unknown_name(
            "answer kind", str(row["kind"]), [kind.value for kind in AnswerKind], where=where, code=DATA
        )
    identity = row.get("id")
    if not isinstance(identity, str | int | None):
        fix = "write the id as text, or leave it out"
        raise UserError("'id' must be a string or an integer", where=where, fix=fix, code=DATA)
    parsed = Row(
        row["response"],
        _plain(row["answer"], "answer", where),
        AnswerKind(row["kind"]),
        tuple(_plain(choice, "choices", where) for choice in _list(row, "choices", where)),
        tuple(_plain(alias, "aliases", where) for alias in _list(row, "aliases", where)),
        identity,
    )
    _check_gold(parsed, where)
    return parsed


def _check_gold(parsed: Row, where: str) -> None:
    """No response can be right against a gold answer that is none of its kind."""
    for key, gold in (("answer", parsed.answer), *(("aliases", alias) for alias in parsed.aliases)):
        if parsed.kind is AnswerKind.NUMBER:
            _check_number(gold, key, where)
        if parsed.kind is AnswerKind.BOOLEAN and polarity(gold) is None:
            fix = "give yes or no, true or false, or another 'kind'"
            raise UserError(f"'{key}' is neither yes nor no: '{gold[:60]}'", where=where, fix=fix, code=DATA)
    if len(parsed.choices) > len(LETTERS):
        fix = f"a choice row has at most {len(LETTERS)} options; use 'kind': 'text' for more"
        raise UserError(f"more than {len(LETTERS)} choices", where=where, fix=fix, code=DATA)
    if parsed.kind is AnswerKind.CHOICE and gold_letter(parsed.answer, parsed.choices) is None:
        raise UserError(
            f"'answer' is neither a letter nor one of the choices: '{parsed.answer[:60]}'",
            where=where,
            fix="give the option's letter, or its text exactly as in 'choices'",
            code=DATA,
        )


def _check_number(gold: str, key: str, where: str) -> None:
    """A gold answer is one number, or a worked solution that ends in `#### N`."""
    found = find_numbers(clean(final_part(gold)), words=True)
    if not found:
        fix = "give a number, or another 'kind'"
        raise UserError(f"'{key}' is not a number: '{gold[:60]}'", where=where, fix=fix, code=DATA)
    if any(other.value != found[0].value for other in found[1:]):
        fix = "give the final number alone, or a worked solution that ends in '#### N'"
        raise UserError(f"'{key}' holds several numbers: '{gold[:60]}'", where=where, fix=fix, code=DATA)


def _list(row: dict[str, Any], key: str, where: str) -> list[Any]:
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        fix = f'write "{key}": ["...", "..."]'
        raise UserError(f"'{key}' must be a list of strings", where=where, fix=fix, code=DATA)
    return value


def _plain(value: Any, key: str, where: str) -> str:
    """A string or number as text; JSON numbers are common as gold answers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)  # integers too long for this do not get through `jsonl_rows`
    if isinstance(value, str) and value.strip():
        return value
    fix = "give the answer as text, a number, or true or false"
    raise UserError(f"'{key}' must be text or a number, and not empty", where=where, fix=fix, code=DATA)


def verdict(row: Row) -> dict[str, Any]:
    """The verdict on one row, ready to be written as JSON."""
    result = score(row.response, row.answer, row.kind, row.choices, row.aliases)
    head = {} if row.id is None else {"id": row.id}
    return head | {
        "extracted": result.extracted,
        "strict": result.strict.value,
        "flexible": result.flexible.value,
        "rules": RULES_VERSION,
    }


def verdicts(rows: Iterable[tuple[int, dict[str, Any]]], name: str) -> Iterator[dict[str, Any]]:
    """Verdicts in the order of the rows; what precedes a bad row has been yielded when that row raises."""
    for number, row in rows:
        yield verdict(parse_row(row, f"{name}:{number}"))
