"""The reader `jsonl`: rows of any layout, whose fields the YAML names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from smallsteps.errors import UserError, nearest
from smallsteps.problems.model import AnswerKind, Problem, Step
from smallsteps.problems.readers.arithmetic import step_of
from smallsteps.problems.readers.base import LETTERS, Context, Row, options, plain_number, problem_error

_GOLD = "####"
_NUMBER = re.compile(r"[-+]?(\d[\d,]*(\.\d+)?|\.\d+)(\s*/\s*\d+)?")
_TRUE = ("true", "yes", "1")
_FALSE = ("false", "no", "0")


def mapped(row: Row, context: Context) -> Iterable[Problem]:
    """A problem from the fields that `fields` of the benchmark names.

    Raises:
        UserError: a named field is missing, or holds something else than it should; names file, row, field.
    """
    fields = context.fields
    names = [fields.question] if isinstance(fields.question, str) else fields.question
    question = "\n".join(_text(row, name, context) for name in names)
    found = _inside(row, fields.answer, context)
    gold, *others = found if isinstance(found, list) and found else [found]
    rationale, steps = _optional(row, fields.rationale, context), _steps(row, context)
    if isinstance(gold, str) and _GOLD in gold:
        worked, _, gold = (part.strip() for part in gold.rpartition(_GOLD))
        lines = [step_of(line) for line in worked.split("\n") if line.strip()]
        rationale = rationale or "\n".join(step.solution for step in lines)
        if fields.steps is None and context.kind is AnswerKind.NUMBER:
            steps = tuple(lines)
    choices: tuple[str, ...] = ()
    if context.kind is AnswerKind.CHOICE:
        labels, choices = _choices(row, context)
        answer = _letter(gold, labels, choices, context)
        question = options(question, choices)
    else:
        answer = _answer(gold, context)
    listed = _inside(row, fields.aliases, context) if fields.aliases else []
    others += listed if isinstance(listed, list) else [listed] if listed else []
    yield Problem(
        id=_optional(row, fields.id, context) or f"{context.name}-{context.index + 1}",
        question=question,
        answer=answer,
        kind=context.kind,
        choices=choices,
        aliases=tuple(_answer(one, context) for one in others),
        steps=steps,
        rationale=rationale or None,
        cluster=_optional(row, fields.cluster, context),
        tags={tag: _optional(row, name, context) or "" for tag, name in fields.tags.items()},
    )


def _inside(row: Any, name: str, context: Context) -> Any:
    """The value of a field; a dot goes inside an object or a list, where no field has the whole name."""
    if name in row:
        return row[name]
    value = row
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            there = [str(key) for key in value] if isinstance(value, dict) else []
            close = nearest(part, there)
            fix = f"is it '{close}'?" if close else f"fields there: {', '.join(there) or 'none'}"
            raise problem_error(
                context, f"field '{name}' is missing", fix=f"{fix} (see 'fields' in the YAML)"
            )
    return value


def _text(row: Row, name: str, context: Context) -> str:
    found = _inside(row, name, context)
    if not isinstance(found, str) or not found.strip():
        raise problem_error(context, f"expected text, found {_shown(found)}", name)
    return found.strip()


def _optional(row: Row, name: str | None, context: Context) -> str | None:
    """A field as text; None when it is not mapped, or empty in this row."""
    found = _inside(row, name, context) if name else None
    if isinstance(found, dict | list):
        raise problem_error(context, f"expected text, found {_shown(found)}", name)
    return str(found).strip() or None if found is not None else None


def _answer(gold: Any, context: Context) -> str:
    """The gold answer in the form that its kind is compared in."""
    name = context.fields.answer
    if isinstance(gold, dict | list) or gold is None or (isinstance(gold, str) and not gold.strip()):
        raise problem_error(context, f"expected an answer, found {_shown(gold)}", name)
    if context.kind is AnswerKind.NUMBER:
        if not isinstance(gold, str):
            return plain_number(gold, name, context)
        bare = gold.strip().strip("$€£ ").removesuffix("%").removesuffix(".").strip()
        if not _NUMBER.fullmatch(bare):
            fix = "for other answers, set 'kind: text' (or choice, boolean, span)"
            raise problem_error(context, f"expected a number, found {_shown(gold)}", name, fix)
        return bare.replace(",", "").removeprefix("+")
    said = str(gold).strip()
    if context.kind is AnswerKind.BOOLEAN:
        if said.lower() not in (*_TRUE, *_FALSE):
            raise problem_error(context, f"expected yes or no, true or false, found {_shown(gold)}", name)
        return "yes" if said.lower() in _TRUE else "no"
    return said


def _steps(row: Row, context: Context) -> tuple[Step, ...]:
    name, keys = context.fields.steps, context.fields.step
    found = _inside(row, name, context) if name else None
    if found in (None, ""):
        return ()
    if not isinstance(found, list):
        raise problem_error(context, f"expected a list of steps, found {_shown(found)}", name)
    steps = []
    for place, one in enumerate(found):
        if isinstance(one, str):
            steps.append(Step(one.strip(), "", ""))
        elif isinstance(one, dict) and one.get(keys.question):
            names = (keys.question, keys.solution, keys.answer, keys.equation)
            asked, solution, answer, equation = (str(one.get(key) or "").strip() for key in names)
            steps.append(Step(asked, solution, answer, equation or None))
        else:
            expected = f"a sub-question, or an object with '{keys.question}'"
            raise problem_error(context, f"expected {expected}, found {_shown(one)}", f"{name}.{place}")
    return tuple(steps)


def _choices(row: Row, context: Context) -> tuple[list[str], tuple[str, ...]]:
    """Labels and texts of the options, in the order of the row."""
    name = context.fields.choices
    if name is None:
        raise UserError(
            "a benchmark of kind 'choice' needs the field with the options",
            where=context.where,
            fix="name it in the YAML: fields: {choices: ...}",
        )
    found = _inside(row, name, context)
    if isinstance(found, dict) and isinstance(found.get("text"), list):
        texts, labels = found["text"], found.get("label") or []
    elif isinstance(found, dict):
        labels, texts = list(found), list(found.values())
    elif isinstance(found, list) and all(isinstance(one, dict) and "text" in one for one in found):
        texts, labels = [one["text"] for one in found], [one["label"] for one in found if "label" in one]
    else:
        texts, labels = found, []
    good = isinstance(texts, list) and all(isinstance(text, str | int | float) for text in texts)
    if not good or not 2 <= len(texts) <= len(LETTERS):
        raise problem_error(context, f"expected 2 to {len(LETTERS)} options, found {_shown(found)}", name)
    return [str(label) for label in labels], tuple(str(text).strip() for text in texts)


def _letter(gold: Any, labels: Sequence[str], choices: Sequence[str], context: Context) -> str:
    """The letter of the right option."""
    form, said = context.fields.answer_as, str(gold).strip()
    letters = labels if len(labels) == len(choices) else list(LETTERS[: len(choices)])
    bare = said.strip("().: ")
    readings = {
        "letter": [n for n, letter in enumerate(letters) if bare.lower() == letter.strip("().: ").lower()],
        "index": [n for n in range(len(choices)) if said == str(n)],
        "index_from_1": [n for n in range(len(choices)) if said == str(n + 1)],
        "text": [n for n, choice in enumerate(choices) if said == choice],
    }
    if form != "auto":
        places = readings[form]
    elif isinstance(gold, int) and not labels:
        places = readings["index"]
    else:
        places = sorted({*readings["letter"], *readings["text"]})
    if len(places) == 1:
        return LETTERS[places[0]]
    shown = "; ".join(f"{letter}: {choice}" for letter, choice in zip(letters, choices, strict=True))
    if len(places) > 1:
        message = f"the answer {_shown(gold)} fits {len(places)} options"
        fix = "say how options are named with 'answer_as' (letter, index, index_from_1 or text)"
    else:
        message = f"the answer {_shown(gold)} is none of the {len(choices)} options"
        fix = f"options: {shown[:200]}"
    raise problem_error(context, message, context.fields.answer, fix)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
