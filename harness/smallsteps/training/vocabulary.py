"""A byte-pair tokenizer trained on the texts a student learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from smallsteps.config import Strict
from smallsteps.schemes.base import Example

END, PAD = "</s>", "<pad>"


class TokenizerSpec(Strict):
    """Train a byte-level byte-pair tokenizer on the training examples instead of taking one.

    Attributes:
        vocabulary: number of tokens, the 256 bytes and two special tokens among them.
        digits: every digit is a token of its own, so that numbers are read place by place.
    """

    vocabulary: int = Field(default=2048, ge=300)
    digits: bool = True


def train_tokenizer(spec: TokenizerSpec, examples: Sequence[Example], folder: Path) -> None:
    """Write a tokenizer that AutoTokenizer loads; the same examples give the same files."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    splitters = [pre_tokenizers.Digits(individual_digits=True)] if spec.digits else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*splitters, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=spec.vocabulary,
        special_tokens=[PAD, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((example.prompt + example.target for example in examples), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    ).save_pretrained(folder)
