"""Prompts to token ids within a model's context, and how much is left for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ANSWER_SHARE = 4  # a prompt is cut only when less than a quarter of the context is left for the answer


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt in tokens, the budget of its answer, and how many of its first tokens had to go."""

    ids: tuple[int, ...]
    budget: int
    cut: int = 0


def encode_prompts(
    prompts: Sequence[str], tokenizer: Any, context: int | None, max_new_tokens: int, *, closed: bool
) -> list[Encoded]:
    """Token ids with the tokenizer's own special tokens.

    A prompt that leaves no room keeps its end (where the question is); the answer's budget shrinks first.

    Args:
        context: most tokens of prompt and answer together; None is without limit.
        closed: keep a final end-of-sequence token (an encoder reads it; a decoder would take it for the end).
    """
    if not prompts:
        return []
    rows = tokenizer(list(prompts), add_special_tokens=True)["input_ids"]
    return [_fit(row, tokenizer, context, max_new_tokens, closed) for row in rows]


def _fit(row: Sequence[int], tokenizer: Any, context: int | None, budget: int, closed: bool) -> Encoded:
    ids = list(row)
    if not closed and len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
        ids.pop()
    if not ids:  # a decoder needs something to continue
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        ids = [0 if start is None else start]
    if context is None:
        return Encoded(tuple(ids), budget)
    longest = context - min(budget, max(1, context // ANSWER_SHARE))
    cut = max(0, len(ids) - longest)
    return Encoded(tuple(ids[cut:]), min(budget, context - len(ids) + cut), cut)


def eos_ids(*values: Any) -> frozenset[int]:
    """Token ids that end a text, of configuration fields that hold one, several or none."""
    found: set[int] = set()
    for value in values:
        found.update([value] if isinstance(value, int) else value or ())
    return frozenset(found)
