"""Bodies of OpenAI-compatible endpoints, read with distrust: every type is checked before it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Status
from smallsteps.teachers.prices import most_tokens

_OVERHEAD = 256  # prompt tokens that chat templates and hidden system messages may add
_MOST_NATS = 1e6  # a finite log-probability is nearer to zero (servers write -9999 for "none")
_BYTES_A_TOKEN = 64  # of a text, at most and on average: a stated count below this is not true


class BadAnswerError(ValueError):
    """An answer that cannot be used, with the reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One sample of an answer.

    Attributes:
        text, status, tokens: what is stored.
        finish: why the sample ended, as the endpoint says.
        index: its place among the samples asked for; None where the endpoint says none.
        hidden: thoughts that the endpoint gives apart from the text.
    """

    text: str
    status: Status
    tokens: tuple[TokenLogprob, ...]
    finish: str | None
    index: int | None
    hidden: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an answer. `doubt`: why they were counted from the text; empty when they were stated."""

    prompt_tokens: int
    completion_tokens: int
    doubt: str = ""


def parse(text: str) -> Any:
    """The JSON of a body; NaN and infinities, which are not JSON, are read as null.

    Raises:
        BadAnswerError: not JSON, nested too deeply, or a number of thousands of digits.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise BadAnswerError("the answer is nested too deeply") from None
    except ValueError:
        raise BadAnswerError("the answer is not JSON") from None


def read_choices(data: Any, logprobs: bool) -> list[Choice]:
    """The usable choices of a body.

    Args:
        data: the parsed body.
        logprobs: whether log-probabilities were asked for; they are not looked at otherwise.

    Raises:
        BadAnswerError: there is no usable choice.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices:
        raise BadAnswerError("the answer has no choices")
    found: list[Choice] = []
    problem: BadAnswerError | None = None
    for choice in choices:
        try:
            found.append(read_choice(choice, logprobs))
        except BadAnswerError as error:
            problem = problem or error
    if not found and problem is not None:
        raise problem
    return found


def read_choice(choice: Any, logprobs: bool) -> Choice:
    """One choice of a chat or text completion.

    Raises:
        BadAnswerError: a part of it has another type than it should have.
    """
    if not isinstance(choice, dict):
        raise BadAnswerError("a choice is not an object")
    message = choice.get("message")
    if message is not None and not isinstance(message, dict):
        raise BadAnswerError("'message' is not an object")
    content = message.get("content") if message else choice.get("text")
    text = _content(content)
    finish, index = choice.get("finish_reason"), choice.get("index")
    finish = finish if isinstance(finish, str) else None
    refusal = message.get("refusal") if message else None
    if finish == "content_filter":
        status = Status.FILTERED
    elif isinstance(refusal, str) and refusal:
        status, text = Status.REFUSED, refusal
    elif finish == "length":
        status = Status.LENGTH
    else:
        status = Status.OK
    hidden = [message.get(name) for name in ("reasoning_content", "reasoning")] if message else []
    return Choice(
        text,
        status,
        _logprobs(choice.get("logprobs")) if logprobs else (),
        finish,
        index if isinstance(index, int) and not isinstance(index, bool) else None,
        "".join(part for part in hidden if isinstance(part, str)),
    )


def _content(content: Any) -> str:
    """Text, or the joined text parts of a list."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadAnswerError("the content is neither text nor a list of parts")
    parts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(text, str):
            kind = part.get("type") if isinstance(part, dict) else None
            named = repr(kind[:40]) if isinstance(kind, str) else "unknown"
            raise BadAnswerError(f"the content has a part of type {named}; only text can be stored")
        parts.append(text)
    return "".join(parts)


def _logprobs(found: Any) -> tuple[TokenLogprob, ...]:
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise BadAnswerError("'logprobs' is not an object")
    if found.get("content"):
        return tuple(_chat_token(item) for item in _list(found["content"]))
    if found.get("tokens") and found.get("token_logprobs"):
        tokens, values = _list(found["tokens"]), _list(found["token_logprobs"])
        tops = _list(found.get("top_logprobs") or [None] * len(tokens))
        if not len(tokens) == len(values) == len(tops):
            raise BadAnswerError("the log-probabilities have lists of unequal lengths")
        return tuple(
            TokenLogprob(_text(token), _number(0.0 if value is None else value), _candidates(top))
            for token, value, top in zip(tokens, values, tops, strict=True)
        )
    return ()


def _chat_token(item: Any) -> TokenLogprob:
    if not isinstance(item, dict):
        raise BadAnswerError("a log-probability is not an object")
    tops = [top if isinstance(top, dict) else {} for top in _list(item.get("top_logprobs") or [])]
    return TokenLogprob(
        _text(item.get("token")),
        _number(item.get("logprob")),
        tuple((_text(top.get("token")), _number(top.get("logprob"))) for top in tops),
    )


def _candidates(top: Any) -> tuple[tuple[str, float], ...]:
    if not top:
        return ()
    if not isinstance(top, dict):
        raise BadAnswerError("the candidates of a token are not an object")
    pairs = [(_text(token), _number(value)) for token, value in top.items()]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadAnswerError("the log-probabilities are not a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadAnswerError("a token of the log-probabilities is not text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST_NATS:
        return float(value)
    raise BadAnswerError("a log-probability is not a finite number")


def read_usage(data: Any, prompt: Sequence[str], choices: Sequence[Choice], most: int) -> Usage:
    """Tokens of an answer as stated, or, where that cannot be true, counted from the text.

    Args:
        data: the parsed body.
        prompt: texts that were sent (system message, prompt).
        choices: what came back.
        most: completion tokens that were allowed.
    """
    stated = data.get("usage") if isinstance(data, dict) else None
    written = [text for choice in choices for text in (choice.text, choice.hidden) if text]
    counted_prompt = sum(map(most_tokens, prompt))
    counted = min(most, sum(map(most_tokens, written)))
    if stated is None:
        return Usage(counted_prompt, counted, "it states no usage")
    if not isinstance(stated, Mapping):
        return Usage(counted_prompt, counted, "its usage is not an object")
    doubts = []
    prompt_tokens = _whole(stated.get("prompt_tokens"))
    if prompt_tokens is None or not _least(prompt) <= prompt_tokens <= counted_prompt + _OVERHEAD:
        doubts.append(f"prompt_tokens {_shown(stated.get('prompt_tokens'))}")
        prompt_tokens = counted_prompt
    completion = _whole(stated.get("completion_tokens"))
    bound = max(most, sum(map(most_tokens, written)))
    if completion is None or not _least(written) <= completion <= bound:
        doubts.append(f"completion_tokens {_shown(stated.get('completion_tokens'))}")
        completion = counted
    doubt = f"it states {' and '.join(doubts)}" if doubts else ""
    return Usage(prompt_tokens, completion, doubt)


def _least(texts: Sequence[str]) -> int:
    return math.ceil(sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / _BYTES_A_TOKEN)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**15 else f"{'-' if value < 0 else ''}10^15 or more"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "null" if value is None else f"of type {type(value).__name__}"
