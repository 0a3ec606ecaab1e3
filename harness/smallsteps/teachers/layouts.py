"""Rationale files in the layouts found in the wild, read without loss."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json, read_objects, start_of
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.conversations import CONVERSATIONS, conversation_layout
from smallsteps.teachers.imported import Imported, Records, rest
from smallsteps.teachers.model import Status
from smallsteps.teachers.replies import BadAnswerError, read_choice
from smallsteps.teachers.tables import Layout, table_layouts, table_of


def _mcc_kd(records: Records) -> Iterator[Imported]:
    """MCC-KD: {instruction, output: [rationale, ...], label}."""
    for number, row in records:
        question = records.text(row, "instruction")
        for index, text in enumerate(records.texts(row, "output")):
            gold = str(row["label"]) if "label" in row else None
            yield Imported(
                str(number), question, str(text), index, gold, extra=rest(row, "instruction", "output")
            )


def _llm_adapters(records: Records) -> Iterator[Imported]:
    """Alpaca and LLM-Adapters: {instruction, [input], output, [answer]}, one rationale a record."""
    seen: dict[str, int] = {}
    for number, row in records:
        parts = (records.text(row, "instruction"), row.get("input"))
        question = "\n".join(str(part) for part in parts if part)
        stated = row.get("answer", row.get("label"))
        gold = None if stated is None else str(stated)
        text = records.text(row, "output")
        sample = seen.get(question, 0)
        seen[question] = sample + 1
        yield Imported(str(number), question, text, sample, gold, extra=rest(row, "instruction", "output"))


def _generated_answers(records: Records) -> Iterator[Imported]:
    """MATH samples: {question, answer (worked gold solution), generated_answer: [...]}."""
    for number, row in records:
        question = re.sub(r"\AProblem:\n", "", records.text(row, "question"))
        gold = str(row["answer"]) if "answer" in row else None
        for index, text in enumerate(records.texts(row, "generated_answer")):
            extra = rest(row, "generated_answer")
            yield Imported(str(number), question, str(text), index, gold, extra=extra)


def _dcot(records: Records) -> Iterator[Imported]:
    """Divergent CoT: {id, question, [context], [options], [label], correct_cots, incorrect_cots}."""
    for number, row in records:
        context, question = str(row.get("context") or ""), records.text(row, "question")
        asked = " ".join(part for part in (context.strip(), question.strip()) if part)
        if row.get("options"):
            asked += f"\n{row['options']}"
        gold = row.get("label", row.get("answer"))
        chains = [*records.need(row, "correct_cots"), *row.get("incorrect_cots", ())]
        for index, chain in enumerate(chains):
            extra = {**rest(row, "correct_cots", "incorrect_cots"), **rest(chain, "cot")}
            extra["stated_answer"] = chain.get("answer")
            if "answer" in row:
                extra["answer"] = row["answer"]
            text = records.text(chain, "cot")
            name = str(row.get("id", number))
            yield Imported(name, asked, text, index, None if gold is None else str(gold), extra=extra)


def _codex(records: Records) -> Iterator[Imported]:
    """Codex chains with the five most probable tokens of each step, as probabilities."""
    for _, row in records:
        tokens = tuple(
            TokenLogprob(
                step["token"],
                _log(step["prob"]),
                tuple(
                    sorted(((token, _log(prob)) for token, prob in step["top5"]), key=lambda t: (-t[1], t[0]))
                ),
            )
            for step in records.need(row, "steps")
        )
        name = str(records.need(row, "question_index"))
        text = records.text(row, "text")
        sample = records.index(row, "sample_index", 0)
        extra = {**rest(row, "steps", "text"), "steps": row["steps"]}
        yield Imported(name, "", text, sample, tokens=tokens, completion_tokens=len(tokens), extra=extra)


def _log(probability: float) -> float:
    # the file rounds to four digits: a printed zero is anything below half a unit of the last one
    return math.log(probability) if probability > 0 else math.log(0.5e-4)


def _step_by_step(records: Records) -> Iterator[Imported]:
    """Distilling step-by-step: a JSON list of raw completions, one a problem, in the order of the data set.

    A completion runs on into the next demonstration; the rationale ends before the next `Q:`.
    """
    rows = read_json(records.path)
    if not isinstance(rows, list):
        raise UserError("expected a JSON list of completions", where=str(records.path), code=DATA)
    for index, raw in enumerate(rows):
        text = raw if isinstance(raw, str) else _completion(raw, f"{records.path}, completion {index + 1}")
        cut = text.split("Q:")[0].rstrip()
        yield Imported(str(index), "", cut, 0, extra={"raw": raw} if cut != raw else {})


def _completion(record: Any, where: str) -> str:
    found = record.get("completion", record.get("text")) if isinstance(record, dict) else None
    if not isinstance(found, str):
        raise UserError("expected a text, or an object with 'completion' or 'text'", where=where, code=DATA)
    return found


def _openai_batch(records: Records) -> Iterator[Imported]:
    """OpenAI Batch output: {custom_id, response: {status_code, body: {choices, usage}}, error}."""
    for _, row in records:
        name = str(records.need(row, "custom_id"))
        response = row.get("response") or {}
        body = response.get("body") or {}
        if row.get("error") or response.get("status_code") != 200 or not body.get("choices"):
            reason = json.dumps(row.get("error") or body.get("error") or "no choices", sort_keys=True)
            yield Imported(name, "", "", 0, status=Status.ERROR, error=reason, extra=row)
            continue
        usage = body.get("usage") or {}
        for place, choice in enumerate(body["choices"]):
            try:
                read = read_choice(choice, logprobs=True)
            except BadAnswerError as error:
                raise records.error(f"choice {place}: {error}") from error
            yield Imported(
                name,
                "",
                read.text,
                records.index(choice, "index", place),
                status=read.status,
                tokens=read.tokens,
                thoughts=read.hidden,
                prompt_tokens=int(usage.get("prompt_tokens") or 0) if place == 0 else 0,
                completion_tokens=int(usage.get("completion_tokens") or 0) if place == 0 else 0,
                extra={
                    "finish_reason": read.finish,
                    "id": row.get("id"),
                    "model": body.get("model"),
                },
            )


def _plain(records: Records) -> Iterator[Imported]:
    """{question, text or rationale, [id], [sample], [answer], [thoughts]}: the layout for your own files."""
    seen: dict[str, int] = {}
    for number, row in records:
        question = records.text(row, "question")
        text = records.text(row, "text" if "text" in row else "rationale")
        sample = records.index(row, "sample", seen.get(question, 0))
        seen[question] = sample + 1
        yield Imported(
            str(row.get("id", number)),
            question,
            text,
            sample,
            str(row["answer"]) if row.get("answer") is not None else None,
            thoughts=str(row.get("thoughts") or ""),
            extra=rest(row, "question", "text", "rationale", "thoughts"),
        )


def _facts(records: Records) -> Iterator[Imported]:
    """StrategyQA: {question, facts: [...], answer: true or false}; the rationale is a fact a line."""
    for number, row in records:
        answer = "yes" if row["answer"] is True else "no"
        facts = [str(fact).strip() for fact in records.texts(row, "facts")]
        text = "\n".join([*facts, f"The answer is {answer}."])
        yield Imported(str(row.get("qid", number)), records.text(row, "question"), text, 0, answer)


LAYOUTS: dict[str, Layout] = {
    "mcc_kd": _mcc_kd,
    "dcot": _dcot,
    "llm_adapters": _llm_adapters,
    "generated_answers": _generated_answers,
    "codex_logprobs": _codex,
    "step_by_step": _step_by_step,
    "openai_batch": _openai_batch,
    "facts": _facts,
    "plain": _plain,
    **table_layouts(),
    **CONVERSATIONS,
}


def read_layout(name: str, path: Path) -> Iterator[Imported]:
    """All samples of a file in a layout.

    Raises:
        UserError: a record that does not have this layout, named by its line.
    """
    records = Records(path)
    try:
        yield from LAYOUTS[name](records)
    # fields of other types than the layout has
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        fix = "a field is missing or is of another type; is the format right?"
        raise records.error(f"the record does not fit the format '{name}'", fix) from error


def sniff(path: Path) -> str | None:
    """The layout of a file, from its first record; None when it is none of them."""
    start = start_of(path).lstrip()
    if start.startswith("[") and not start[1:].lstrip().startswith("{"):
        read_json(path)  # says what is wrong with it, if anything is
        return "step_by_step" if start[1:].lstrip().startswith('"') else None
    try:
        row = next((row for _, row in read_objects(path)), None)
    except UserError:
        if start.startswith(("[", "{")):
            raise
        return None
    return None if row is None else _layout_of(row, array=start.startswith("["))


def _layout_of(row: dict[str, Any], array: bool) -> str | None:
    marks = {
        "mcc_kd": {"instruction", "output", "label"},
        "dcot": {"correct_cots"},
        "llm_adapters": {"instruction", "output"},
        "generated_answers": {"generated_answer"},
        "codex_logprobs": {"question_index", "steps"},
        "openai_batch": {"custom_id", "response"},
        "facts": {"facts", "decomposition", "answer"},
    }
    for name, fields in marks.items():
        if fields <= row.keys() and not (name == "mcc_kd" and isinstance(row["output"], str)):
            return name
    if found := conversation_layout(row):
        return found
    if "question" in row and ("text" in row or ("rationale" in row and "generated_prediction" not in row)):
        return "plain"
    completions = array and "question" not in row and ("completion" in row or "text" in row)
    return table_of(row) or ("step_by_step" if completions else None)
