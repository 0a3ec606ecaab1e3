"""The micro tokenizer: lossless, no unknown word, whole words, concatenation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallsteps.microworld import oracle_samples, tokenizer
from smallsteps.microworld.corpus import base_corpus
from smallsteps.microworld.source import NAMES, problems
from smallsteps.problems import Rationale
from smallsteps.schemes import get_scheme

# The names of the special tokens mean what they say.
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")).filter(
    lambda text: not any(token in text for token in tokenizer.SPECIAL)
)


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> object:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    assert not list(Path(folder).glob("*.py"))
    return AutoTokenizer.from_pretrained(folder)


def texts() -> Iterator[str]:
    for name in NAMES:
        for split in ("dev", "test"):
            for problem in problems(name, split)[:150]:
                yield problem.question
                yield problem.answer
                yield f"{problem.rationale} The answer is {problem.answer}."
                if not problem.steps:
                    continue
                rationale = Rationale(
                    problem.id, problem.rationale or "", problem.answer, True, problem.steps
                )
                for scheme in ("answer_only", "cot", "socratic"):
                    for examples in get_scheme(scheme).examples({problem.id: problem}, [rationale]).values():
                        for example in examples:
                            yield example.prompt + example.target
                            yield example.target
                yield from (step.question for step in problem.steps)
                yield from oracle_samples(problem, 3, 0, 0.3)
    yield from (e.prompt + e.target for e in islice(base_corpus(5), 3000))


def test_every_text_of_the_world_survives_in_whole_words(micro) -> None:  # type: ignore[no-untyped-def]
    rows = list(texts())
    for text, ids in zip(rows, micro(rows).input_ids, strict=True):
        assert micro.decode(ids) == text
        assert micro.unk_token_id not in ids
        pieces = micro.convert_ids_to_tokens(ids)
        # A word in characters would show as two letters side by side.
        assert not any(a[-1].isalpha() and b[0].isalpha() for a, b in pairwise(pieces)), pieces


@given(text=PRINTABLE)
@settings(max_examples=300, deadline=None)
def test_any_ascii_survives(micro, text: str) -> None:  # type: ignore[no-untyped-def]
    ids = micro(text).input_ids
    assert micro.unk_token_id not in ids
    assert micro.decode(ids) == text


@given(head=PRINTABLE, tail=PRINTABLE, joint=st.sampled_from(" \n"))
@settings(max_examples=300, deadline=None)
def test_texts_concatenate(micro, head: str, tail: str, joint: str) -> None:  # type: ignore[no-untyped-def]
    tail = joint + tail
    assert micro(head + tail).input_ids == micro(head).input_ids + micro(tail).input_ids


def test_numbers_are_digits_with_a_marked_first(micro) -> None:  # type: ignore[no-untyped-def]
    assert micro.tokenize(" 12 + 345") == ["▁1", "2", "▁+", "▁3", "4", "5"]


def test_ids_are_stable_and_special_tokens_first(micro) -> None:  # type: ignore[no-untyped-def]
    assert [micro.pad_token_id, micro.eos_token_id, micro.unk_token_id] == [0, 1, 2]
    words = tokenizer.vocabulary()
    assert len(words) == len(set(words)) == len(micro) < 520
