"""Prompts to token ids within a model's context, and how much is left for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.errors import DATA, UserError

ANSWER_SHARE = 4  # a prompt is cut only when less than a quarter of the context is left for the answer


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt in tokens, the budget of its answer, and how many of its first tokens had to go."""

    ids: tuple[int, ...]
    budget: int
    cut: int = 0


def encode_prompts(
    prompts: Sequence[str],
    tokenizer: Any,
    context: int | None,
    max_new_tokens: int,
    *,
    closed: bool,
    chat: bool = False,
) -> list[Encoded]:
    """Token ids with the tokenizer's own special tokens.

    A prompt that leaves no room keeps its end (where the question is); the answer's budget shrinks first.

    Args:
        context: most tokens of prompt and answer together; None is without limit.
        closed: keep a final end-of-sequence token (an encoder reads it; a decoder would take it for the end).
        chat: the texts hold their special tokens, and losing their beginning is an error.

    Raises:
        UserError: a chat that does not fit the context.
    """
    if not prompts:
        return []
    rows = tokenizer(list(prompts), add_special_tokens=not chat)["input_ids"]
    found = [_fit(row, tokenizer, context, max_new_tokens, closed or chat) for row in rows]
    long = max((row for row in found if row.cut), key=lambda row: row.cut, default=None) if chat else None
    if long is not None:
        raise UserError(
            f"a chat of {len(long.ids) + long.cut} tokens does not fit the context of {context} tokens"
            f" with its reply: its system message would be cut off",
            fix="show fewer examples, or use a model with a longer context",
            code=DATA,
        )
    return found


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
