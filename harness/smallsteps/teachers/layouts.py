"""Rationale files in the layouts found in the wild, read without loss."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json, read_jsonl, read_text
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.imported import Imported
from smallsteps.teachers.model import Status
from smallsteps.teachers.tables import table_layouts, table_of


def _need(row: dict[str, Any], name: str, path: Path, line: int) -> Any:
    if name not in row:
        raise UserError(
            f"field '{name}' is missing",
            where=f"{path}:{line}",
            fix=f"found {', '.join(sorted(row))}; is the format right?",
            code=DATA,
        )
    return row[name]


def _rest(row: dict[str, Any], *used: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in used}


def _mcc_kd(path: Path) -> Iterator[Imported]:
    """MCC-KD: {instruction, output: [rationale, ...], label}."""
    for line, row in read_jsonl(path):
        question = str(_need(row, "instruction", path, line))
        for index, text in enumerate(_need(row, "output", path, line)):
            gold = str(row["label"]) if "label" in row else None
            yield Imported(
                str(line - 1), question, str(text), index, gold, extra=_rest(row, "instruction", "output")
            )


def _llm_adapters(path: Path) -> Iterator[Imported]:
    """LLM-Adapters: {instruction, input, output, answer}, one rationale a problem."""
    for line, row in read_jsonl(path):
        question = str(_need(row, "instruction", path, line))
        gold = str(row["answer"]) if "answer" in row else None
        text = str(_need(row, "output", path, line))
        yield Imported(str(line - 1), question, text, 0, gold, extra=_rest(row, "instruction", "output"))


def _generated_answers(path: Path) -> Iterator[Imported]:
    """MATH samples: {question, answer (worked gold solution), generated_answer: [...]}."""
    for line, row in read_jsonl(path):
        question = re.sub(r"\AProblem:\n", "", str(_need(row, "question", path, line)))
        gold = str(row["answer"]) if "answer" in row else None
        for index, text in enumerate(_need(row, "generated_answer", path, line)):
            extra = _rest(row, "generated_answer")
            yield Imported(str(line - 1), question, str(text), index, gold, extra=extra)


def _dcot(path: Path) -> Iterator[Imported]:
    """Divergent CoT: {id, question, [context], [options], [label], correct_cots, incorrect_cots}."""
    for line, row in read_jsonl(path):
        context, question = str(row.get("context") or ""), str(_need(row, "question", path, line))
        asked = " ".join(part for part in (context.strip(), question.strip()) if part)
        if row.get("options"):
            asked += f"\n{row['options']}"
        gold = row.get("label", row.get("answer"))
        chains = [*_need(row, "correct_cots", path, line), *row.get("incorrect_cots", ())]
        for index, chain in enumerate(chains):
            extra = {**_rest(row, "correct_cots", "incorrect_cots"), **_rest(chain, "cot")}
            extra["stated_answer"] = chain.get("answer")
            if "answer" in row:
                extra["answer"] = row["answer"]
            text = str(_need(chain, "cot", path, line))
            name = str(row.get("id", line - 1))
            yield Imported(name, asked, text, index, None if gold is None else str(gold), extra=extra)


def _codex(path: Path) -> Iterator[Imported]:
    """Codex chains with the five most probable tokens of each step, as probabilities."""
    for line, row in read_jsonl(path):
        tokens = tuple(
            TokenLogprob(
                step["token"],
                _log(step["prob"]),
                tuple(
                    sorted(((token, _log(prob)) for token, prob in step["top5"]), key=lambda t: (-t[1], t[0]))
                ),
            )
            for step in _need(row, "steps", path, line)
        )
        name = str(_need(row, "question_index", path, line))
        text = str(_need(row, "text", path, line))
        sample = int(row.get("sample_index", 0))
        extra = {**_rest(row, "steps", "text"), "steps": row["steps"]}
        yield Imported(name, "", text, sample, tokens=tokens, completion_tokens=len(tokens), extra=extra)


def _log(probability: float) -> float:
    # the file rounds to four digits: a printed zero is anything below half a unit of the last one
    return math.log(probability) if probability > 0 else math.log(0.5e-4)


def _step_by_step(path: Path) -> Iterator[Imported]:
    """Distilling step-by-step: a JSON list of raw completions, one a problem, in the order of the data set.

    A completion runs on into the next demonstration; the rationale ends before the next `Q:`.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise UserError("expected a JSON list of completions", where=str(path), code=DATA)
    for index, raw in enumerate(rows):
        text = raw if isinstance(raw, str) else str(raw.get("completion", raw.get("text", "")))
        cut = text.split("Q:")[0].rstrip()
        yield Imported(str(index), "", cut, 0, extra={"raw": raw} if cut != raw else {})


def _openai_batch(path: Path) -> Iterator[Imported]:
    """OpenAI Batch output: {custom_id, response: {status_code, body: {choices, usage}}, error}."""
    for line, row in read_jsonl(path):
        name = str(_need(row, "custom_id", path, line))
        response = row.get("response") or {}
        body = response.get("body") or {}
        if row.get("error") or response.get("status_code") != 200 or not body.get("choices"):
            reason = json.dumps(row.get("error") or body.get("error") or "no choices", sort_keys=True)
            yield Imported(name, "", "", 0, status=Status.ERROR, error=reason, extra=row)
            continue
        usage = body.get("usage") or {}
        for place, choice in enumerate(body["choices"]):
            text, status, tokens = read_choice(choice)
            yield Imported(
                name,
                "",
                text,
                int(choice.get("index", place)),
                status=status,
                tokens=tokens,
                prompt_tokens=int(usage.get("prompt_tokens") or 0) if place == 0 else 0,
                completion_tokens=int(usage.get("completion_tokens") or 0) if place == 0 else 0,
                extra={
                    "finish_reason": choice.get("finish_reason"),
                    "id": row.get("id"),
                    "model": body.get("model"),
                },
            )


def read_choice(choice: dict[str, Any]) -> tuple[str, Status, tuple[TokenLogprob, ...]]:
    """Text, status and log-probabilities of one choice of a chat or text completion."""
    message = choice.get("message") or {}
    text = message.get("content") if message else choice.get("text")
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        status = Status.FILTERED
    elif message.get("refusal"):
        status, text = Status.REFUSED, message["refusal"]
    elif finish == "length":
        status = Status.LENGTH
    else:
        status = Status.OK
    return str(text or ""), status, _logprobs(choice.get("logprobs") or {})


def _logprobs(logprobs: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    if logprobs.get("content"):
        return tuple(
            TokenLogprob(
                item["token"],
                float(item["logprob"]),
                tuple((top["token"], float(top["logprob"])) for top in item.get("top_logprobs") or ()),
            )
            for item in logprobs["content"]
        )
    if logprobs.get("tokens") and logprobs.get("token_logprobs"):
        tops = logprobs.get("top_logprobs") or [{}] * len(logprobs["tokens"])
        return tuple(
            TokenLogprob(
                token, float(value or 0.0), tuple(sorted((top or {}).items(), key=lambda t: (-t[1], t[0])))
            )
            for token, value, top in zip(logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True)
        )
    return ()


def _plain(path: Path) -> Iterator[Imported]:
    """{question, text or rationale, [id], [sample], [answer]}: the layout to choose for one's own files."""
    seen: dict[str, int] = {}
    for line, row in read_jsonl(path):
        question = str(_need(row, "question", path, line))
        text = str(row["text"] if "text" in row else _need(row, "rationale", path, line))
        sample = int(row.get("sample", seen.get(question, 0)))
        seen[question] = sample + 1
        gold = str(row["answer"]) if "answer" in row else None
        name = str(row.get("id", line - 1))
        yield Imported(name, question, text, sample, gold, extra=_rest(row, "question", "text", "rationale"))


LAYOUTS: dict[str, Callable[[Path], Iterator[Imported]]] = {
    "mcc_kd": _mcc_kd,
    "dcot": _dcot,
    "llm_adapters": _llm_adapters,
    "generated_answers": _generated_answers,
    "codex_logprobs": _codex,
    "step_by_step": _step_by_step,
    "openai_batch": _openai_batch,
    "plain": _plain,
    **table_layouts(),
}


def sniff(path: Path) -> str | None:
    """The layout of a file, from its first record; None when it is none of them."""
    text = read_text(path).lstrip()
    if text.startswith("["):
        return "step_by_step"
    try:
        row = json.loads(text.split("\n", 1)[0])
    except json.JSONDecodeError:
        return None
    marks = {
        "mcc_kd": {"instruction", "output", "label"},
        "dcot": {"correct_cots"},
        "llm_adapters": {"instruction", "input", "output"},
        "generated_answers": {"generated_answer"},
        "codex_logprobs": {"question_index", "steps"},
        "openai_batch": {"custom_id", "response"},
    }
    for name, fields in marks.items():
        if isinstance(row, dict) and fields <= row.keys():
            return name
    if not isinstance(row, dict):
        return None
    if "question" in row and ("text" in row or ("rationale" in row and "generated_prediction" not in row)):
        return "plain"
    return table_of(row)
