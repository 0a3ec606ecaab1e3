"""Log-likelihood of continuations: each context is computed once, each continuation on its own tokens alone.

A causal model reads the beginning that many contexts share (in-context examples, say) once, then what each
context adds to it, then the continuations, which take over their context's keys and values. An
encoder-decoder encodes each context once. Only positions of continuations get logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from smallsteps.engines.causal import Forward, left_padded
from smallsteps.engines.fast.cache import Layers, States, branch
from smallsteps.engines.fast.sharing import Run, read_beginning, runs, states_of_row
from smallsteps.engines.seq2seq import right_padded

Pair = tuple[list[int], list[int]]
Likelihood = tuple[float, bool]
Computed = Callable[[Sequence[tuple[int, Likelihood]]], None]
LOGITS = 128 << 20  # bytes of logits in one forward
SCORED = 64  # positions whose logits are fp32 at a time, so that they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Room:
    """Limits of one batch: `tokens` of one forward, `rows` of a batch, `slots` of all rows' caches."""

    tokens: int
    rows: int
    slots: int

    def with_logits(self, vocabulary: int, size: int) -> Room:
        """The same for a forward with logits of `size` bytes at all positions."""
        return Room(max(1, min(self.tokens, LOGITS // (size * vocabulary))), self.rows, self.slots)

    def batches(self, lengths: Sequence[int], more_slots: int = 0) -> Iterator[list[int]]:
        """Indices of rows of these lengths, longest first; each has `more_slots` in its cache beside them."""
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
            width, count = (lengths[batch[0]] if batch else lengths[i]), len(batch) + 1
            full = count > self.rows or width * count > self.tokens
            if batch and (full or (width + more_slots) * count > self.slots):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch


def encode_pairs(
    pairs: Sequence[tuple[str, str]], tokenizer: Any, *, encoder: bool, chat: bool = False
) -> list[Pair]:
    """Tokens of contexts and their continuations; spaces at the boundary belong to the continuation.

    For a decoder the two are tokenized together, so that the boundary is the one the model knows. Contexts of
    a `chat` hold their special tokens.
    """
    split = [_at_boundary(context, continuation) for context, continuation in pairs]
    contexts = _encoded(dict.fromkeys(kept for kept, _ in split if kept or encoder), tokenizer, not chat)
    if encoder:
        alone = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for _, text in split}
        return [(contexts[kept], alone[text]) for kept, text in split]
    wholes = _encoded(dict.fromkeys(kept + text for kept, text in split if kept), tokenizer, not chat)
    end = tokenizer.eos_token_id
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else end
    found: list[Pair] = []
    for kept, text in split:
        if not kept:
            found.append(([start], tokenizer(text, add_special_tokens=False)["input_ids"]))
            continue
        before, whole = contexts[kept], wholes[kept + text]
        if len(before) > 1 and before[-1] == end and not chat:
            before = before[:-1]
        if whole and whole[-1] == end and not text.endswith(tokenizer.eos_token or "\0"):
            whole = whole[:-1]
        found.append((before or [start], whole[len(before) :]))
    return found


def _at_boundary(context: str, continuation: str) -> tuple[str, str]:
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def _encoded(texts: dict[str, None], tokenizer: Any, special: bool) -> dict[str, list[int]]:
    listed = list(texts)
    if not listed:
        return {}
    return dict(zip(listed, tokenizer(listed, add_special_tokens=special)["input_ids"], strict=True))


def causal_loglikelihood(
    forward: Forward,
    pairs: Sequence[Pair],
    pad: int,
    context: int | None,
    device: torch.device,
    room: Room,
    *,
    share: bool = True,
    computed: Computed | None = None,
) -> list[Likelihood]:
    """Sum of natural-log probabilities of each continuation, and whether each token was the likeliest.

    Args:
        context: most tokens that the model reads; a longer row loses its beginning. None is without limit.
        share: compute what several contexts begin with once. Not for attention in a window counted in slots.
        computed: called after each batch of contexts with (index, result) of its pairs.
    """
    scorer = _Causal(forward, pad, device, room, computed)
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, (before, after) in enumerate(pairs):
        if after and (context is None or len(before) + len(after) <= context + 1):
            groups.setdefault(tuple(before), []).append(i)
        elif after:  # cut, so that its tokens no longer stand where those of others with its context do
            row = before + after
            row = row[-(context + 1) :] if context is not None else row
            kept = min(len(after), len(row) - 1)
            groups.setdefault(tuple(row[:-kept]), []).append(i)
            scorer.targets[i] = row[-kept:]
    for i, (_, after) in enumerate(pairs):
        scorer.targets.setdefault(i, after)
    for run in runs(groups) if share else [Run(0, list(groups))]:
        scorer.score(run, groups)
    return [scorer.results.get(i, (0.0, True)) for i in range(len(pairs))]


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first `length` tokens of all contexts: `states` that all rows read, or a row to be `copied`."""

    length: int
    states: States | None = None
    copied: Layers | None = None


@dataclass(slots=True)
class _Causal:
    """The work on one list of pairs: `targets` and `results` by the pair's place."""

    forward: Forward
    pad: int
    device: torch.device
    room: Room
    computed: Computed | None = None
    targets: dict[int, list[int]] = field(default_factory=dict)
    results: dict[int, Likelihood] = field(default_factory=dict)

    def score(self, run: Run, groups: dict[tuple[int, ...], list[int]]) -> None:
        """All continuations of contexts that begin with the same tokens."""
        beginning = _Beginning(run.shared)
        if run.shared:
            read = self.forward.new_cache()
            read_beginning(self.forward, read, run.prompts[0][: run.shared], self.device, self.room.tokens)
            if self.forward.shares:
                beginning = _Beginning(run.shared, states=states_of_row(read))
            else:
                beginning = _Beginning(run.shared, copied=read)
        slots = run.shared if beginning.copied is not None else 0
        for batch in self.room.batches([len(one) - run.shared for one in run.prompts], slots):
            self._contexts([run.prompts[i] for i in batch], beginning, groups)

    def _contexts(
        self,
        contexts: list[tuple[int, ...]],
        beginning: _Beginning,
        groups: dict[tuple[int, ...], list[int]],
    ) -> None:
        shared = beginning.length
        ids, mask = left_padded([one[shared:] for one in contexts], self.pad, self.device)
        positions = (mask.long().cumsum(1) - 1).clamp(min=0) + shared
        cache = self.forward.new_cache(beginning.states)
        if beginning.copied is not None:
            rows = torch.zeros(len(contexts), dtype=torch.long, device=self.device)
            branch(beginning.copied, cache, rows, ids.shape[1])
            mask = torch.nn.functional.pad(mask, (shared, 0), value=True)
        logits = self.forward(ids, mask, positions, cache)[:, -1:]
        members = [(row, i) for row, one in enumerate(contexts) for i in groups[one]]
        origin = torch.tensor([row for row, _ in members], device=self.device)
        first = torch.tensor([[self.targets[i][0]] for _, i in members], device=self.device)
        begun = _scores(logits.index_select(0, origin), first, torch.ones_like(first, dtype=torch.bool))
        for (_, i), score in zip(members, begun, strict=True):
            self.results[i] = score
        longer = [(row, i) for row, i in members if len(self.targets[i]) > 1]
        lengths = [len(self.targets[i]) - 1 for _, i in longer]
        small = self.room.with_logits(logits.shape[-1], logits.itemsize)
        for batch in small.batches(lengths, mask.shape[1]):
            own = self.forward.new_cache(beginning.states)
            self._continuations([longer[k] for k in batch], cache, own, mask, [len(one) for one in contexts])
        if self.computed is not None:
            self.computed([(i, self.results[i]) for _, i in members])

    def _continuations(
        self,
        members: list[tuple[int, int]],
        cache: Layers,
        own: Layers,
        mask: torch.Tensor,
        lengths: list[int],
    ) -> None:
        """The tokens after the first one, each row on a copy of its context's keys and values."""
        ids, valid = right_padded([self.targets[i][:-1] for _, i in members], self.pad, self.device)
        wanted, _ = right_padded([self.targets[i][1:] for _, i in members], self.pad, self.device)
        origin = torch.tensor([row for row, _ in members], device=self.device)
        seen = mask.index_select(0, origin)
        empty = int(seen.any(0).int().argmax())
        branch(cache, own, origin, ids.shape[1], empty)
        start = torch.tensor([lengths[row] for row, _ in members], device=self.device)[:, None]
        positions = start + torch.minimum(
            torch.arange(ids.shape[1], device=self.device), valid.sum(1)[:, None] - 1
        )
        whole = torch.cat([seen[:, empty:], valid], dim=1)
        logits = self.forward(ids, whole, positions, own, ids.shape[1])
        for (_, i), (total, greedy) in zip(members, _scores(logits, wanted, valid), strict=True):
            before, likeliest = self.results[i]
            self.results[i] = before + total, likeliest and greedy


def seq2seq_loglikelihood(
    model: Any,
    pairs: Sequence[Pair],
    pad: int,
    start: int,
    device: torch.device,
    room: Room,
    *,
    computed: Computed | None = None,
) -> list[Likelihood]:
    """The same for an encoder-decoder: each context is encoded once, the continuations decoded."""
    from transformers.modeling_outputs import BaseModelOutput

    results: list[Likelihood] = [(0.0, True)] * len(pairs)
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, (before, after) in enumerate(pairs):
        if after:
            groups.setdefault(tuple(before), []).append(i)
    contexts = list(groups)
    small = room.with_logits(model.config.vocab_size, model.dtype.itemsize)
    for chosen in room.batches([len(one) for one in contexts]):
        batch = [contexts[i] for i in chosen]
        ids, mask = right_padded(batch, pad, device)
        states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        members = [(row, i) for row, one in enumerate(batch) for i in groups[one]]
        for part in small.batches([len(pairs[i][1]) for _, i in members], ids.shape[1]):
            here = [members[k] for k in part]
            origin = torch.tensor([row for row, _ in here], device=device)
            wanted, valid = right_padded([pairs[i][1] for _, i in here], pad, device)
            decoder, _ = right_padded([[start, *pairs[i][1][:-1]] for _, i in here], pad, device)
            logits = model(
                encoder_outputs=BaseModelOutput(last_hidden_state=states.index_select(0, origin)),
                attention_mask=mask.index_select(0, origin),
                decoder_input_ids=decoder,
                use_cache=False,
            ).logits
            for (_, i), score in zip(here, _scores(logits, wanted, valid), strict=True):
                results[i] = score
            if computed is not None:
                computed([(i, results[i]) for _, i in here])
    return results


def _scores(logits: torch.Tensor, wanted: torch.Tensor, valid: torch.Tensor) -> list[Likelihood]:
    """Per row the sum of log-probabilities of the wanted tokens, and whether each was the likeliest.

    Args:
        logits: (rows, length, vocabulary); wanted: (rows, length); valid: (rows, length), False on padding.
    """
    chosen = torch.zeros(valid.numel(), device=logits.device)
    likeliest = torch.ones(valid.numel(), dtype=torch.bool, device=logits.device)
    for part in torch.split(valid.flatten().nonzero()[:, 0], SCORED):
        wide, tokens = logits.flatten(0, 1)[part].float(), wanted.flatten()[part]
        top = wide.max(-1)
        likeliest[part] = top.indices == tokens
        own = wide.gather(1, tokens[:, None])[:, 0] - top.values
        chosen[part] = own - wide.sub_(top.values[:, None]).exp_().sum(-1).log_()
    totals, greedy = chosen.view(valid.shape).sum(1).tolist(), likeliest.view(valid.shape).all(1).tolist()
    return list(zip(totals, greedy, strict=True))
