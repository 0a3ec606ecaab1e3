"""A local teacher that is asked in its own chat template."""

from __future__ import annotations

from typing import Any

import pytest
from chat_templates import THINKING

from smallsteps.errors import UserError
from smallsteps.teachers.huggingface import HuggingFaceTeacher, model_name
from smallsteps.teachers.spec import HuggingFaceSpec


def spec(place: Any, **fields: Any) -> HuggingFaceSpec:
    return HuggingFaceSpec(kind="huggingface", model=str(place), chat=True, **fields)


def prompt_of(place: Any, **fields: Any) -> str:
    teacher = HuggingFaceTeacher(spec(place, **fields))
    _, tokenizer = teacher._load()
    return str(tokenizer.decode(teacher._prompt_ids(tokenizer, "How many?"), skip_special_tokens=False))


def test_system_and_thinking_reach_the_template(chat_base: Any) -> None:
    place = chat_base(THINKING)
    assert "Be brief." not in prompt_of(place)
    assert "Be brief." in prompt_of(place, system="Be brief.")
    assert "</think>" not in prompt_of(place, thinking="on")
    assert "</think>" in prompt_of(place, thinking="off")


def test_they_are_part_of_the_teachers_name(chat_base: Any) -> None:
    place = chat_base(THINKING)
    kinds: list[dict[str, Any]] = [{}, {"system": "Be brief."}, {"thinking": "on"}, {"thinking": "off"}]
    assert len({model_name(spec(place, **fields)) for fields in kinds}) == 4
    with pytest.raises(ValueError, match="need 'chat: true'"):
        HuggingFaceSpec(kind="huggingface", model="x", system="Be brief.")


def test_a_template_that_does_not_render(chat_base: Any) -> None:
    with pytest.raises(UserError, match="the chat template does not render: no roles here"):
        prompt_of(chat_base("{{ raise_exception('no roles here') }}"))
