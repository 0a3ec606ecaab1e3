"""Readers of arithmetic word problems."""

from __future__ import annotations

import re
from collections.abc import Iterable

from smallsteps.problems.model import AnswerKind, Problem, Step
from smallsteps.problems.readers.base import (
    Context,
    Row,
    number,
    options,
    plain_number,
    problem_error,
    text,
    value,
)

_ANNOTATION = re.compile(r"<<([^<>=]*)=([^<>]*)>>")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_SEPARATOR = re.compile(r"\s\*\*\s")


def gsm8k(row: Row, context: Context) -> Iterable[Problem]:
    """GSM8K, main or socratic: `answer` holds one step a line and ends with `#### N`.

    The socratic file, joined on the question, gives each step its sub-question.
    """
    question = text(row, "question", context)
    source = text(context.joined, "answer", context) if context.joined else text(row, "answer", context)
    steps, answer = gsm8k_steps(source, context)
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=question,
        answer=answer,
        kind=AnswerKind.NUMBER,
        steps=steps,
        rationale="\n".join(step.solution for step in steps),
        tags={"steps": str(len(steps))},
    )


def gsm8k_steps(source: str, context: Context) -> tuple[tuple[Step, ...], str]:
    """Steps and final answer of a GSM8K solution; calculator annotations become equations.

    Two sub-questions of the socratic test file have no solution behind them; they are left out.
    """
    *lines, last = source.strip().split("\n")
    mark, answer = last[:4], last[4:].strip().replace(",", "")
    if mark != "####" or not answer:
        raise problem_error(context, f"the last line is not '#### N' but {last!r}", "answer")
    steps = [step_of(line) for line in lines if line.strip()]
    return tuple(step for step in steps if step.solution), answer


def step_of(line: str) -> Step:
    """One line of a worked solution as a step: `sub-question ** solution`, or the solution alone.

    The equation is that of the last calculator annotation `<<48/2=24>>`; without one, the last number is the
    step's answer.
    """
    parts = _SEPARATOR.split(line, maxsplit=1)
    question, solution = (parts[0].strip(), parts[1]) if len(parts) == 2 else ("", parts[0])
    annotations = _ANNOTATION.findall(solution)
    bare = re.sub(r"[ \t]+", " ", _ANNOTATION.sub("", solution)).strip()
    if annotations:
        return Step(question, bare, annotations[-1][1].strip(), annotations[-1][0].strip())
    numbers = _NUMBER.findall(bare)
    return Step(question, bare, numbers[-1].replace(",", "") if numbers else "")


def gsm_hard(row: Row, context: Context) -> Iterable[Problem]:
    """GSM-Hard: GSM8K test questions with one number enlarged; the gold answer is a program's result."""
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=text(row, "input", context),
        answer=number(row, "target", context),
        kind=AnswerKind.NUMBER,
    )


def svamp(row: Row, context: Context) -> Iterable[Problem]:
    """SVAMP: body and question; a body without a full stop keeps none, as published."""
    equation = row.get("Equation")
    yield Problem(
        id=text(row, "ID", context),
        question=f"{text(row, 'Body', context)} {text(row, 'Question', context)}",
        answer=number(row, "Answer", context),
        kind=AnswerKind.NUMBER,
        tags={"type": str(row.get("Type", "")), "equation": str(equation or "")},
    )


def asdiv(row: Row, context: Context) -> Iterable[Problem]:
    """ASDiv: `9 (apples)` is the number 9; ratios, times, names and several numbers are spans."""
    gold = text(row, "Answer", context)
    parts = [re.sub(r"\s*\([^()]*\)\s*$", "", part).strip() for part in gold.split(";")]
    if not all(parts):
        raise problem_error(context, f"no answer in {gold!r}", "Answer")
    numeric = len(parts) == 1 and re.fullmatch(r"-?\d[\d,]*(\.\d+)?(/\d+)?", parts[0]) is not None
    boolean = gold.lower() in ("yes", "no")
    kind = AnswerKind.NUMBER if numeric else AnswerKind.BOOLEAN if boolean else AnswerKind.SPAN
    yield Problem(
        id=text(row, "ID", context),
        question=f"{text(row, 'Body', context)} {text(row, 'Question', context)}",
        answer=parts[0].replace(",", "") if numeric else gold.lower() if boolean else ", ".join(parts),
        kind=kind,
        tags={
            "grade": str(row.get("Grade", "")),
            "type": str(row.get("Solution-Type", "")),
            "formula": str(row.get("Formula", "")),
        },
    )


def multiarith(row: Row, context: Context) -> Iterable[Problem]:
    """MultiArith, AddSub and SingleEq: `iIndex, sQuestion, lEquations, lSolutions`."""
    solutions = value(row, "lSolutions", context)
    if not isinstance(solutions, list) or len(solutions) != 1:
        raise problem_error(context, f"expected one solution, found {solutions!r}", "lSolutions")
    equations = row.get("lEquations") or [""]
    yield Problem(
        id=f"{context.name}-{value(row, 'iIndex', context)}",
        question=re.sub(r"\s+", " ", text(row, "sQuestion", context)),
        answer=plain_number(solutions[0], "lSolutions", context),
        kind=AnswerKind.NUMBER,
        tags={"equation": str(equations[0])},
    )


def aqua(row: Row, context: Context) -> Iterable[Problem]:
    """AQuA-RAT: five options written `A)text`, a rationale and the right letter."""
    stem = text(row, "question", context)
    choices = tuple(
        re.sub(r"^\s*\(?[A-E]\s*\)\s*", "", str(option)).strip() for option in value(row, "options", context)
    )
    letter = text(row, "correct", context)
    if letter not in "ABCDE"[: len(choices)]:
        raise problem_error(context, f"'{letter}' is not one of the {len(choices)} options", "correct")
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=options(stem, choices),
        answer=letter,
        kind=AnswerKind.CHOICE,
        choices=choices,
        rationale=str(row.get("rationale", "")).strip() or None,
    )
