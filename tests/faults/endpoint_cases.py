"""A small collection against the loopback endpoint, for the tests of what endpoints can do wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "teachers"))
from hostile_server import Hostile, Scripted

from smallsteps.corpora import Store, collect, plan
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sample, Sampling
from smallsteps.teachers.budget import Purse
from smallsteps.teachers.openai import OpenAITeacher
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import LimitsSpec, OpenAISpec

KEY = "sk-SECRETKEY1234567890abcdef"
SAMPLING = Sampling(max_tokens=64)
TEMPLATE = Template("t", "Q: {{ question }}")
BAD = 2  # the problem whose answer is the case
TEXT = "We add 1 and find it. The answer is 5."


def problems(count: int) -> list[Problem]:
    return [Problem(str(i), f"What is {i} + 1?", str(i + 1), AnswerKind.NUMBER) for i in range(count)]


def body(text: str = TEXT, **changes: Any) -> dict[str, Any]:
    """A good answer, with changes at its top level."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 8, "completion_tokens": 12}
    return {"id": "x", "model": "m", "choices": [choice], "usage": usage, **changes}


def raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def only_for_bad(case: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """A script: the case for problem `BAD`, a good answer for all others."""

    def script(asked: dict[str, Any], number: int) -> Scripted:
        if f"What is {BAD} +" in asked["messages"][-1]["content"]:
            return Scripted(raw(case), status, headers or {})
        return Scripted(raw(body()))

    return script


def teacher_of(server: Hostile, **changes: Any) -> OpenAITeacher:
    limits = LimitsSpec(timeout=20.0, attempts=2, concurrency=4, retries=2.0)
    fields = {"kind": "openai", "model": "m", "base_url": server.url, "limits": limits, **changes}
    return OpenAITeacher(OpenAISpec.model_validate(fields))


def collected(
    teacher: OpenAITeacher,
    path: Path,
    count: int = 6,
    sampling: Sampling = SAMPLING,
    samples: int = 1,
    each: Callable[[Store], None] | None = None,
) -> list[Sample]:
    """The rows after one run, by problem and sample, whatever ended it."""
    with Store(path) as store:
        if each is not None:
            each(store)
        try:
            collect(teacher, plan(teacher.name, problems(count), TEMPLATE, sampling, samples), store)
        finally:
            rows = sorted(store, key=lambda row: (int(row.problem_id), row.sample))
    return rows


def purse(budget: float, dollars_per_token: float = 0.001, spent: float = 0.0) -> Purse:
    from smallsteps.teachers.prices import Price

    return Purse(Price(input=dollars_per_token * 1e6, output=dollars_per_token * 1e6), budget, spent)
