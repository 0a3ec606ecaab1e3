"""Thoughts of a reasoning teacher: stored beside the answer, and no part of the rationale."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile_server import Hostile, text_of

from smallsteps.corpora import Store, collect, plan
from smallsteps.corpora.verify import verify
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sample, Sampling, Status
from smallsteps.teachers.openai import OpenAITeacher
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import LimitsSpec, OpenAISpec, endpoint_name

PROBLEM = Problem("1", "How many?", "5", AnswerKind.NUMBER)
SAMPLE = Sample("k", "1", "t", "p", "{}", 0, Status.OK, "2 + 3 = 5. The answer is 5.")


def spec(url: str | None = None, **fields: object) -> OpenAISpec:
    limits = LimitsSpec(timeout=2.0, retries=2.0)
    return OpenAISpec.model_validate(
        {"kind": "openai", "model": "m", "base_url": url, "limits": limits, **fields}
    )


def test_parameters_are_sent_and_thoughts_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that the client library does not know goes through too; the key never reaches the store."""
    secret = "sk-thinking-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    with Hostile(key=secret) as server:
        from smallsteps.teachers.keys import confirm

        confirm(f"OPENAI_API_KEY={server.url.split('//')[1].split('/')[0]}")
        asked = spec(server.url, parameters={"reasoning_effort": "high", "top_k": 20})
        teacher = OpenAITeacher(asked)
        with Store(tmp_path / "s", durable=False) as store:
            collect(
                teacher, plan(teacher.name, [PROBLEM], Template("t", "{{ question }}"), Sampling(), 1), store
            )
            (row,) = store
        assert server.bodies[0]["reasoning_effort"] == "high"
        assert server.bodies[0]["top_k"] == 20
        assert row.text == text_of("How many?", 0)
        assert row.extra["thoughts"] == "hm [key]"


def test_parameters_are_part_of_the_teachers_name() -> None:
    names = {endpoint_name(spec(parameters={"reasoning_effort": effort})) for effort in ("low", "high")}
    assert len(names | {endpoint_name(spec())}) == 3
    assert endpoint_name(spec()) == "openai:chat:m"
    assert "parameters" not in spec().model_dump(mode="json")  # so that keys of corpora stay as they were
    with pytest.raises(ValueError, match="'temperature' is set by"):
        spec(parameters={"temperature": 1})


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<think>\n", "\n</think>\n\n"),
        ("", "</think>"),  # the opening mark was part of the prompt
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_marked_thoughts_are_no_part_of_the_rationale(opening: str, closing: str) -> None:
    text = f"{opening}Perhaps the answer is 7. No.{closing}{SAMPLE.text}"
    assert verify(PROBLEM, replace(SAMPLE, text=text)) == verify(PROBLEM, SAMPLE)


def test_thoughts_that_never_end_give_no_answer() -> None:
    found = verify(PROBLEM, replace(SAMPLE, text="<think>Perhaps the answer is 5."))
    assert (found.text, found.answer, found.correct) == ("", None, False)
