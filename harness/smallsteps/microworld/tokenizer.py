"""A small word-level tokenizer for the micro-world, without loss on any text of printable ASCII.

Every word of the world is one token, with the space before it; digits and punctuation are tokens of their
own, so the first digit of a number is told from the others by its space. Unknown words fall apart into
characters. Texts concatenate: the tokens of `a + b` are those of `a` and of `b` whenever `b` starts with
a space or a newline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from smallsteps.microworld import corpus, generator, generic
from smallsteps.microworld.oracle import oracle_samples
from smallsteps.microworld.text import COT_CUE, chain_of_thought, prompt_of
from smallsteps.microworld.words import COLORS, DAYS, KINDS, NAMES, PLURALS

SPECIAL = ("<pad>", "</s>", "<unk>")
SPACE = "▁"
_PIECE = rf"\n|{SPACE}?[0-9]|{SPACE}?[A-Za-z]+|{SPACE}?[^\sA-Za-z0-9{SPACE}]|{SPACE}"
_FRAMES = ("Q:\nA:", "Facts:", "Q: A: The answer is", "\nSub-question:", "\nSub-questions:", COT_CUE)


def _texts() -> Iterator[str]:
    """Texts that together hold every word of the world."""
    yield from _FRAMES
    for words in (NAMES, PLURALS, DAYS, COLORS, *KINDS.values(), *"0123456789"):
        yield from (f"{word} {word}" for word in words)
    for held_out in (False, True):
        rows = generator.stream("words", (1, 2, 3, 4), lambda _: True, held_out=held_out, distinct=None)
        for problem in islice(rows, 2000):
            yield f"{prompt_of(problem.question)} {chain_of_thought(problem)}"
            yield problem.question
            yield from (f"{step.question} {step.question}" for step in problem.steps)
    for problem in islice(generator.stream("teacher", (3, 4), lambda _: True, distinct=None), 200):
        yield from oracle_samples(problem, 10, 0, 0.3)
    for task in generic.TASKS.values():
        for problem in islice(generic.stream(task, "words", lambda _: True, distinct=False), 500):
            yield f"{prompt_of(problem.question)} {chain_of_thought(problem)}"
            yield f"{problem.rationale} {problem.answer}"
            yield problem.question
            yield problem.answer
    rng = Random("facts")
    for _ in range(50):
        yield corpus.facts(rng).target


@lru_cache(maxsize=1)
def vocabulary() -> tuple[str, ...]:
    """All tokens in the order of their ids: special ones, characters, words."""
    counts: Counter[str] = Counter()
    splitter = _skeleton({token: place for place, token in enumerate(SPECIAL)}).pre_tokenizer
    for text in _texts():
        counts.update(piece for piece, _ in splitter.pre_tokenize_str(text))
    characters = ["\n", SPACE, *(chr(code) for code in range(33, 127))]
    words = sorted(piece for piece in counts if piece not in characters)
    return (*SPECIAL, *characters, *words)


def _skeleton(vocab: dict[str, int]) -> Any:
    """A `tokenizers.Tokenizer` over this vocabulary."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    # Longest match from the left without a continuation mark: a known word is one token, others fall apart.
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="<unk>", continuing_subword_prefix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=False),
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.Fuse()])
    return tokenizer


def build() -> Any:
    """The tokenizer as transformers' fast tokenizer."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = _skeleton({token: place for place, token in enumerate(vocabulary())})
    tokenizer.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def save(folder: Path) -> None:
    """Write the tokenizer's files; AutoTokenizer loads the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    build().save_pretrained(folder)
