from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec
from smallsteps.training.models import load_tokenizer
from smallsteps.training.tokens import Encoded, encode


def encoded(tokenizer: Any, *examples: Example, encoder_decoder: bool = False, limit: int = 64) -> Encoded:
    return encode(examples, tokenizer, encoder_decoder=encoder_decoder, max_length=limit)


def test_sequence_is_prompt_target_and_one_end_of_text(tokenizer: Any) -> None:
    found = encoded(tokenizer, Example("Q: w1 A:", " w2 w3"))
    assert tokenizer.convert_ids_to_tokens(found.sequences[0].tolist()) == [
        "Q:",
        "w1",
        "A:",
        "w2",
        "w3",
        "</s>",
    ]
    assert found.prompts.tolist() == [3]
    assert found.supervised.tolist() == [3]


def test_encoder_reads_the_prompt_and_decoder_learns_the_target(tokenizer: Any) -> None:
    found = encoded(tokenizer, Example("Q: w1 A:", " w2 w3"), encoder_decoder=True)
    assert tokenizer.convert_ids_to_tokens(found.sources[0].tolist()) == ["Q:", "w1", "A:"]
    assert tokenizer.convert_ids_to_tokens(found.sequences[0].tolist()) == ["w2", "w3", "</s>"]
    assert found.supervised.tolist() == [3]


def test_prompt_that_is_no_token_prefix_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="1 of 2 examples have a prompt whose tokens") as caught:
        encoded(tokenizer, Example("Q: w1 A:", " w2"), Example("Q: w1", "0 w2"))  # w1 becomes w10
    assert caught.value.where is not None
    assert "example 1" in caught.value.where


@pytest.mark.parametrize("target", ["", "  "])
@pytest.mark.parametrize("encoder_decoder", [False, True])
def test_empty_target_is_an_error(tokenizer: Any, target: str, encoder_decoder: bool) -> None:
    with pytest.raises(UserError, match="nothing would be learned"):
        encoded(tokenizer, Example("Q: w1 A:", target), encoder_decoder=encoder_decoder)


def test_end_of_text_inside_a_text_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="end-of-text token '</s>' inside"):
        encoded(tokenizer, Example("Q: w1 A:", " w2 </s> w3"))


def test_too_long_counts_all_and_names_the_first(tokenizer: Any) -> None:
    long = Example("Q: w1 A:", " w2" * 20)
    with pytest.raises(UserError, match="2 of 3 examples have more than max_length = 10") as caught:
        encoded(tokenizer, Example("Q: w1 A:", " w2"), long, long, limit=10)
    assert caught.value.where is not None
    assert "example 1" in caught.value.where
    assert "longest has 24" in str(caught.value.fix)


def test_unknown_words_are_counted(tokenizer: Any) -> None:
    assert encoded(tokenizer, Example("Q: zebra A:", " w2 yak yak")).unknown == 3


def test_no_examples(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="no training examples"):
        encoded(tokenizer)


def test_tokenizer_without_end_of_text_is_an_error(tokenizer: Any) -> None:
    class Endless:
        eos_token_id = None

    with pytest.raises(UserError, match="never learn to stop"):
        encoded(Endless(), Example("Q:", " w1"))


@pytest.mark.parametrize(
    ("name", "end"), [("gpt2", "<|endoftext|>"), ("t5", "</s>"), ("gpt-neox-20b", "<|endoftext|>")]
)
def test_real_tokenizers(data_dir: Path, name: str, end: str) -> None:
    real = load_tokenizer(BaseSpec(path="unused", tokenizer=str(data_dir / "tokenizers" / name)))
    assert real.eos_token == end
    found = encoded(
        real, Example("Q: Tom has 3 pens.\nA:", " He has 3. The answer is 3."), encoder_decoder=name == "t5"
    )
    ids = found.sequences[0].tolist()
    assert ids.count(real.eos_token_id) == 1
    assert ids[-1] == real.eos_token_id
    text = real.decode(ids[int(found.prompts[0]) : -1])
    assert text.strip() == "He has 3. The answer is 3."


def test_real_llama_keeps_its_begin_token_in_the_prompt(data_dir: Path) -> None:
    real = load_tokenizer(BaseSpec(path=str(data_dir / "models" / "stories260K" / "hf")))
    found = encoded(real, Example("Q: Tom has 3 pens.\nA:", " He has 3."))
    prompt = found.sequences[0][: found.prompts[0]].tolist()
    assert prompt == real("Q: Tom has 3 pens.\nA:").input_ids
    assert prompt[0] == real.bos_token_id
