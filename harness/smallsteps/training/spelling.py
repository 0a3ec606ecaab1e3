"""Vocabularies by the bytes of their tokens, which is all that two tokenizers have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.errors import DATA, UserError

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# Texts by which endpoints and vocabularies name the end of a text or of a turn.
ENDS = frozenset(
    (
        "</s>",
        "<eos>",
        "<|endoftext|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|end_of_text|>",
        "<|end|>",
        "<end_of_turn>",
    )
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The bytes of each id of a tokenizer.

    Attributes:
        spellings: bytes by id; empty for special tokens and unused ids.
        ids: id by bytes; where several ids spell the same, the ordinary token before a byte of its own.
        end: id of the end of a text (or turn), None where there is none.
        special: ids of special tokens.
    """

    spellings: tuple[bytes, ...]
    ids: Mapping[bytes, int]
    end: int | None
    special: frozenset[int]

    def spell(self, ids: Iterable[int]) -> list[bytes]:
        """Bytes of each token."""
        return [self.spellings[i] for i in ids]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two vocabularies side by side.

    Attributes:
        same: every id spells the same in both; the longer one has only unused and special ids beyond.
        shared: spellings that both have; first, second: number of spellings in each.
        difference: the first id that spells differently, None where there is none.
    """

    same: bool
    shared: int
    first: int
    second: int
    difference: int | None


def vocabulary_of(tokenizer: Any, end: int | None = None) -> Vocabulary:
    """The vocabulary of a transformers tokenizer.

    Args:
        tokenizer: with `get_vocab`; a fast one says itself whether its tokens are written in byte letters.
        end: id that ends a text or turn, where it is not `eos_token_id`.

    Raises:
        UserError: it has no tokens.
    """
    tokens: dict[str, int] = tokenizer.get_vocab()
    if not tokens:
        raise UserError("the tokenizer has no tokens", code=DATA)
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {int(i) for i, token in added.items() if token.special} | set(tokenizer.all_special_ids)
    letters = _byte_letters() if _is_byte_level(tokenizer) else None
    spellings = [b""] * (max(tokens.values()) + 1)
    ids: dict[bytes, int] = {}
    for token, i in sorted(tokens.items(), key=lambda item: (bool(_BYTE.fullmatch(item[0])), item[1])):
        if i in special:
            continue
        spellings[i] = token.encode() if i in added else _spelling(token, letters)
        if spellings[i]:
            ids.setdefault(spellings[i], i)
    return Vocabulary(
        tuple(spellings), ids, tokenizer.eos_token_id if end is None else end, frozenset(special)
    )


def compare(first: Vocabulary, second: Vocabulary) -> Comparison:
    """Compare two vocabularies by the bytes of their tokens, never by their sizes.

    Models of one family embed different numbers of unused ids; models of equal size can have other tokens.
    """
    shared = len(first.ids.keys() & second.ids.keys())
    known = min(len(first.spellings), len(second.spellings))
    difference = next((i for i in range(known) if first.spellings[i] != second.spellings[i]), None)
    rest = [*first.spellings[known:], *second.spellings[known:]]
    same = difference is None and not any(rest) and first.end == second.end
    return Comparison(same, shared, len(first.ids), len(second.ids), difference)


def counterparts(spellings: Sequence[bytes | None], student: Vocabulary, *, lead: bytes = b"") -> list[int]:
    """For each of the teacher's tokens the student's token that spells the same; -1 where there is none.

    Args:
        spellings: bytes of the tokens; None for an end of text or turn, which maps to the student's.
        student: the vocabulary mapped to.
        lead: bytes put before each spelling: a space, where the student writes one and the teacher does not.
    """
    end = -1 if student.end is None else student.end
    return [end if text is None else student.ids.get(lead + text, -1) if text else -1 for text in spellings]


def _spelling(token: str, letters: Mapping[str, int] | None) -> bytes:
    if letters is not None:
        try:
            return bytes(letters[letter] for letter in token)
        except KeyError:  # a token that was never written in byte letters
            return token.encode()
    if byte := _BYTE.fullmatch(token):
        return bytes([int(byte[1], 16)])
    return token.replace("▁", " ").encode("utf-8", "surrogatepass")


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return "Ġ" in "".join(list(tokenizer.get_vocab())[:2000])
    parts = (backend.decoder, backend.pre_tokenizer)
    return any(
        part is not None and "ByteLevel" in json.dumps(json.loads(part.__getstate__())) for part in parts
    )


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level vocabularies write for each byte: itself where it can be seen."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + n): byte for n, byte in enumerate(unseen)}
