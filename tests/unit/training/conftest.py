"""A small tokenizer and seeded examples."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from training_cases import WORDS

from smallsteps.schemes import Example
from smallsteps.training import BaseSpec


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word-level tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<unk>", "<pad>", "</s>", "Q:", "A:", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>", eos_token="</s>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_dir: Path) -> Any:
    from smallsteps.training.models import load_tokenizer

    return load_tokenizer(BaseSpec(path="unused", tokenizer=str(tokenizer_dir)))


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Reverse the words of the prompt: 6 to 30 words."""
    generator = random.Random(7)

    def one() -> Example:
        words = generator.choices(WORDS, k=generator.randrange(3, 16))
        return Example(f"Q: {' '.join(words)} A:", f" {' '.join(reversed(words))}")

    return [one() for _ in range(160)]
