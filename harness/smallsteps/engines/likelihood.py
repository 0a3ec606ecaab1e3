"""Log-likelihood of continuations, in length-sorted batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from smallsteps.engines.causal import Forward, left_padded
from smallsteps.engines.seq2seq import right_padded

Pair = tuple[list[int], list[int]]
Computed = Callable[[Sequence[tuple[int, tuple[float, bool]]]], None]


def encode_pair(context: str, continuation: str, tokenizer: Any, *, encoder: bool) -> Pair:
    """Tokens of a context and its continuation; spaces at the boundary belong to the continuation.

    For a decoder the two are tokenized together, so that the boundary is the one the model knows.
    """
    kept = context.rstrip()
    continuation = context[len(kept) :] + continuation
    if encoder:
        both = [tokenizer(kept)["input_ids"], tokenizer(continuation, add_special_tokens=False)["input_ids"]]
        return both[0], both[1]
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if not kept:
        return [start], tokenizer(continuation, add_special_tokens=False)["input_ids"]
    before = tokenizer(kept)["input_ids"]
    if len(before) > 1 and before[-1] == tokenizer.eos_token_id:
        before = before[:-1]
    whole = tokenizer(kept + continuation)["input_ids"]
    if whole[-1] == tokenizer.eos_token_id and not continuation.endswith(tokenizer.eos_token or "\0"):
        whole = whole[:-1]
    return before, whole[len(before) :]


def _batches(lengths: Sequence[int], most_tokens: int, most_rows: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        width = lengths[batch[0]] if batch else lengths[i]
        if batch and (len(batch) >= most_rows or width * (len(batch) + 1) > most_tokens):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def causal_loglikelihood(
    forward: Forward,
    pairs: Sequence[Pair],
    pad: int,
    context: int | None,
    device: torch.device,
    most_tokens: int,
    most_rows: int,
    computed: Computed | None = None,
) -> list[tuple[float, bool]]:
    """Sum of natural-log probabilities of each continuation, and whether each token was the likeliest.

    Args:
        computed: called after each batch with (index, result) of its pairs.
    """
    rows = [(before + after)[-(context + 1) :] if context else before + after for before, after in pairs]
    targets = [
        after[-len(row) + 1 :] if len(after) >= len(row) else after
        for row, (_, after) in zip(rows, pairs, strict=True)
    ]
    results: list[tuple[float, bool]] = [(0.0, True)] * len(pairs)
    todo = [i for i, target in enumerate(targets) if target]
    for batch in _batches([len(rows[i]) for i in todo], most_tokens, most_rows):
        chosen = [todo[i] for i in batch]
        ids, mask = left_padded([rows[i][:-1] for i in chosen], pad, device)
        positions = (mask.long().cumsum(1) - 1).clamp(min=0)
        tail = max(len(targets[i]) for i in chosen)
        logits = forward(ids, mask, positions, None, tail)  # (rows, tail, vocabulary)
        for i, row in zip(chosen, logits, strict=True):
            results[i] = _score(row[tail - len(targets[i]) :], targets[i])
        if computed is not None:
            computed([(i, results[i]) for i in chosen])
    return results


def seq2seq_loglikelihood(
    model: Any,
    pairs: Sequence[Pair],
    pad: int,
    start: int,
    device: torch.device,
    most_tokens: int,
    most_rows: int,
    computed: Computed | None = None,
) -> list[tuple[float, bool]]:
    """The same for an encoder-decoder: the context is encoded, the continuation decoded."""
    results: list[tuple[float, bool]] = [(0.0, True)] * len(pairs)
    todo = [i for i, (_, after) in enumerate(pairs) if after]
    for batch in _batches([sum(map(len, pairs[i])) for i in todo], most_tokens, most_rows):
        chosen = [todo[i] for i in batch]
        ids, mask = right_padded([pairs[i][0] for i in chosen], pad, device)
        decoder, _ = right_padded([[start, *pairs[i][1][:-1]] for i in chosen], pad, device)
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder, use_cache=False).logits
        for i, row in zip(chosen, logits, strict=True):
            results[i] = _score(row[: len(pairs[i][1])], pairs[i][1])
        if computed is not None:
            computed([(i, results[i]) for i in chosen])
    return results


def _score(logits: torch.Tensor, target: Sequence[int]) -> tuple[float, bool]:
    """Of one continuation: logits (tokens, vocabulary), target (tokens,)."""
    tokens = torch.tensor(list(target), device=logits.device)
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    total = logprobs.gather(1, tokens[:, None]).sum().item()
    return total, bool((logits.argmax(-1) == tokens).all())
