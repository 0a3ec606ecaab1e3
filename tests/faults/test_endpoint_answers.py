"""Malformed and lying answers: each costs at most its own request, and the collection goes on."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import (
    BAD,
    SAMPLING,
    TEXT,
    Hostile,
    Scripted,
    body,
    collected,
    only_for_bad,
    raw,
    teacher_of,
)

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers import Status
from smallsteps.teachers.jobs import same_model
from smallsteps.teachers.replies import BadAnswerError, parse, read_choices, read_usage

pytestmark = pytest.mark.timeout(60)
LOGPROBS = SAMPLING.model_copy(update={"logprobs": 2})


def choice(**changes: Any) -> dict[str, Any]:
    return body(choices=[{"index": 0, "message": {"content": "5"}, "finish_reason": "stop", **changes}])


FAILED = {
    "deep nesting": b"[" * 900 + b"]" * 900,
    "deep nesting beyond every limit": b"[" * 20_000 + b"]" * 20_000,
    "a message of text": choice(message="hello"),
    "a number of 5,000 digits": b'{"choices":[{"message":{"content":"x"}}],"n":' + b"9" * 5000 + b"}",
    "content of a number": choice(message={"content": 7}),
    "an image part": choice(message={"content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
    "a part that is no object": choice(message={"content": ["five"]}),
    "choices of text": body(choices="five"),
    "a choice of text": body(choices=["five"]),
    "half a body": raw(body())[:-30],
    "HTML": b"<html><script>alert(1)</script>",
    "nothing": b"",
}
KEPT: dict[str, dict[str, Any]] = {
    "usage NaN": body(usage={"prompt_tokens": float("nan"), "completion_tokens": float("inf")}),
    "usage negative": body(usage={"prompt_tokens": -(10**9), "completion_tokens": -(10**9)}),
    "usage huge": body(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30}),
    "usage 2^63": body(usage={"prompt_tokens": 2**63, "completion_tokens": 1}),
    "usage a list": body(usage=[1, 2]),
    "usage of text": body(usage={"prompt_tokens": "many"}),
    "usage true": body(usage={"prompt_tokens": True, "completion_tokens": True}),
    "more than max_tokens": body(usage={"prompt_tokens": 8, "completion_tokens": 65}),
    "zero for a text": body(usage={"prompt_tokens": 8, "completion_tokens": 0}),
}
UNASKED = {
    "bad logprobs": choice(logprobs={"content": [{"x": 1}]}),
    "logprobs of text": choice(logprobs="zzz"),
    "infinite logprobs": choice(logprobs={"content": [{"token": "5", "logprob": float("-inf")}]}),
    "a logprob of 1e400": raw(choice(logprobs={"content": [{"token": "5", "logprob": 77.5}]})).replace(
        b"77.5", b"1e400"
    ),
    "lists of unequal lengths": choice(logprobs={"tokens": ["5", "6"], "token_logprobs": [-0.1]}),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_malformed_answer_fails_alone(tmp_path: Path, name: str) -> None:
    """Most of them were a traceback, and ended the collection."""
    with Hostile(script=only_for_bad(FAILED[name])) as server:
        rows = collected(teacher_of(server), tmp_path / "s")
        assert len(server.times) == 7, "asked again once, since the next answer may be a good one"
    assert [row.status for row in rows] == [Status.ERROR if i == BAD else Status.OK for i in range(6)]
    assert rows[BAD].error
    assert rows[BAD].text == ""


@pytest.mark.parametrize("name", KEPT)
def test_a_lie_about_tokens_costs_no_answer(tmp_path: Path, name: str) -> None:
    with Hostile(script=only_for_bad(KEPT[name])) as server:
        teacher = teacher_of(server)
        rows = collected(teacher, tmp_path / "s")
    assert [row.text for row in rows] == [TEXT] * 6
    assert 0 < rows[BAD].prompt_tokens < 50
    assert 0 < rows[BAD].completion_tokens <= 64
    assert rows[BAD].extra["usage"].startswith("counted from the text: it")
    assert "usage" not in rows[0].extra
    (note,) = teacher.notices
    assert note.startswith("1 of 6 answers state token counts that cannot be true (the first: it")


@pytest.mark.parametrize("name", UNASKED)
def test_broken_log_probabilities(tmp_path: Path, name: str) -> None:
    """Nobody looks at them unless they were asked for; then the answer is unusable."""
    with Hostile(script=only_for_bad(UNASKED[name])) as server:
        rows = collected(teacher_of(server), tmp_path / "s")
        assert [row.status for row in rows] == [Status.OK] * 6

    good = {"content": [{"token": "5", "logprob": -0.5, "top_logprobs": []}]}

    def script(asked: dict[str, Any], number: int) -> Any:
        found = only_for_bad(UNASKED[name])(asked, number)
        return found if found.raw != raw(body()) else type(found)(raw(choice(logprobs=good)))

    with Hostile(script=script) as server:
        rows = collected(teacher_of(server), tmp_path / "asked", sampling=LOGPROBS)
    assert [row.status for row in rows] == [Status.ERROR if i == BAD else Status.OK for i in range(6)]
    assert "log" in rows[BAD].error


def test_surrogates_anywhere_are_stored_written_out(tmp_path: Path) -> None:
    """One in `finish_reason` rolled back a commit shared with other paid answers: 9 paid, 4 kept."""
    case = (
        b'{"id":"\\ud800","model":"\\ud800","choices":[{"index":0,"finish_reason":"\\udfff",'
        b'"message":{"content":"\\ud800 the answer is 5\\u0000"}}],"usage":{"\\ud800":1}}'
    )
    with Hostile(script=only_for_bad(case), delay=0.2) as server:
        rows = collected(teacher_of(server, limits={"concurrency": 20, "attempts": 2}), tmp_path / "s", 40)
        assert len(server.times) == 40, "none was asked for twice"
    assert [row.status for row in rows] == [Status.OK] * 40
    assert rows[BAD].text == "\\ud800 the answer is 5\\u0000"
    assert rows[BAD].extra["escaped"] == 3
    assert rows[BAD].extra["finish"] == "\\udfff"


def test_text_parts_are_joined(tmp_path: Path) -> None:
    """A list as content was stored as Python writes it."""
    parts = [{"type": "text", "text": "The answer "}, {"type": "text", "text": "is 5."}]
    with Hostile(script=only_for_bad(choice(message={"content": parts}))) as server:
        rows = collected(teacher_of(server), tmp_path / "s")
    assert rows[BAD].text == "The answer is 5."


def test_one_bad_choice_of_several_is_asked_again_alone(tmp_path: Path) -> None:
    def script(asked: dict[str, Any], number: int) -> Scripted:
        choices = [{**body()["choices"][0], "index": i} for i in range(int(asked.get("n", 1)))]
        if len(choices) == 3:
            choices[1] = {"index": 1, "message": "broken"}
        return Scripted(raw(body(choices=choices)))

    drawn = SAMPLING.model_copy(update={"temperature": 0.5})
    with Hostile(script=script) as server:
        rows = collected(teacher_of(server), tmp_path / "s", 2, drawn, 3)
        asked = [request.get("n", 1) for request in server.bodies]
    assert [row.status for row in rows] == [Status.OK] * 6
    assert sorted(asked) == [1, 1, 3, 3], "of each three, the two good ones are kept"
    assert sum(row.prompt_tokens for row in rows) == 8 * len(asked)


def test_an_endpoint_that_never_makes_sense_is_given_up_soon(tmp_path: Path) -> None:
    with Hostile(script=lambda asked, number: Scripted(raw(choice(message="hello")))) as server:
        with pytest.raises(UserError, match=r"gives no usable answer.*'message' is not an object") as caught:
            collected(teacher_of(server), tmp_path / "s", 200)
        assert caught.value.code == UNAVAILABLE
        assert len(server.times) <= 3, "every one of them may have been billed"


@pytest.mark.parametrize("status", [400, 401, 404, 500])
@pytest.mark.parametrize(
    "case",
    [
        b"[" * 900 + b"]" * 900,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"error":{"message":"\\ud800 bad"}}',
        b'{"error": NaN}',
        b'{"error": {"message": ' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"error": {"message": 5, "code": [1]}}',
        b"",
    ],
    ids=["deep", "too deep", "surrogate", "NaN", "deep message", "numbers", "empty"],
)
def test_malformed_refusals(tmp_path: Path, status: int, case: bytes) -> None:
    with Hostile(script=only_for_bad(case, status)) as server:
        teacher = teacher_of(server)
        if status in (401, 404):
            with pytest.raises(UserError, match=r"wants a key|no such model"):
                collected(teacher, tmp_path / "s")
            return
        rows = collected(teacher, tmp_path / "s")
    assert [row.status for row in rows] == [Status.ERROR if i == BAD else Status.OK for i in range(6)]


def test_another_model_is_reported_and_can_be_refused(tmp_path: Path) -> None:
    with Hostile(script=only_for_bad(body(model="evil\x1b]0;x\x07"))) as server:
        teacher = teacher_of(server)
        rows = collected(teacher, tmp_path / "s")
        assert [row.status for row in rows] == [Status.OK] * 6
        (note,) = teacher.notices
        assert "1 of 6 answers name another model than 'm': 'evil\\u001b]0;x\\u0007' (1)" in note
        strict = teacher_of(server)
        strict.strict_model = True
        with pytest.raises(UserError, match=r"the answer is from 'evil.*not from 'm'"):
            collected(strict, tmp_path / "t")


@pytest.mark.parametrize(
    ("asked", "stated", "same"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o", "gpt-4o-audio-preview", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("/models/teacher", "teacher", True),
        ("meta/llama-3", "llama-3:latest", True),
        ("m", "", True),
        ("gpt-4o", "gpt-3.5-turbo", False),
    ],
)
def test_versions_of_a_model_are_the_model(asked: str, stated: str, same: bool) -> None:
    assert same_model(asked, stated) is same


def mutated(value: Any, rng: random.Random, depth: int = 0) -> Any:
    """The value with some of its parts replaced by parts of other types."""
    if rng.random() < 0.15:
        return rng.choice([None, True, -1, 1e400, 10**400, "\ud800", [], {}, [[]], {"text": 5}, "x", 0.5])
    if isinstance(value, dict):
        return {key: mutated(item, rng, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [mutated(item, rng, depth + 1) for item in value]
    return value


def test_any_mutation_is_read_or_refused() -> None:
    """Nothing but `BadAnswerError` comes of a body, whatever its parts are."""
    rng = random.Random(7)
    tokens = {"content": [{"token": "5", "logprob": -1.0, "top_logprobs": [{"token": "5", "logprob": -1.0}]}]}
    older = {"tokens": ["5"], "token_logprobs": [-1.0], "top_logprobs": [{"5": -1.0}]}
    parts = [{"type": "text", "text": "x"}]
    seeds = [choice(logprobs=tokens), choice(logprobs=older), choice(message={"content": parts}), body()]
    read = refused = 0
    for round_ in range(4000):
        value = mutated(seeds[round_ % len(seeds)], rng)
        text = json.dumps(value, allow_nan=True, ensure_ascii=True)
        try:
            data = parse(text)
            choices = read_choices(data, True)
            usage = read_usage(data, ["Q"], choices, 64)
        except BadAnswerError:
            refused += 1
            continue
        read += 1
        assert all(isinstance(c.text, str) for c in choices)
        assert 0 <= usage.prompt_tokens < 1000
        assert 0 <= usage.completion_tokens < 1000
    assert read > 500
    assert refused > 500
