"""Counting tokens with a tokenizer from a folder or a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.engines.counting import token_counter
from smallsteps.errors import UserError

TEXTS = ["Natalia sold 48/2 = 24 clips in May.", "", "How many?"]


def test_a_folder_a_file_and_the_library_agree(data_dir: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    folder = data_dir / "tokenizers" / "gpt2"
    library = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    wanted = [len(library(text, add_special_tokens=False)["input_ids"]) for text in TEXTS]
    assert token_counter(folder)(TEXTS) == token_counter(folder / "tokenizer.json")(TEXTS) == wanted
    assert wanted[1] == 0 < wanted[2] < wanted[0]


def test_special_tokens_are_no_part_of_a_text(data_dir: Path) -> None:
    """T5 closes every input with </s>."""
    assert token_counter(data_dir / "tokenizers" / "t5")(["", "How many?"])[0] == 0


def test_a_tokenizer_without_its_one_file(data_dir: Path) -> None:
    count = token_counter(data_dir / "tokenizers" / "qwen2")
    assert count(TEXTS)[1] == 0 < count(TEXTS)[2]


def test_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot load"):
        token_counter(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="cannot load"):
        token_counter(tmp_path / "tokenizer.json")
    with pytest.raises(UserError, match="cannot get 'nobody/nothing'"):
        token_counter("nobody/nothing")
