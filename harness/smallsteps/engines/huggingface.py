"""The engine over a Hugging Face model: texts in and out, batches inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from smallsteps.engines.causal import CausalStepper, Forward
from smallsteps.engines.decode import Row, Rules, Stepper, run
from smallsteps.engines.fast.remembered import Prefixes
from smallsteps.engines.fast.sharing import Plan, Sharing
from smallsteps.engines.fast.switches import uses
from smallsteps.engines.journal import Journal
from smallsteps.engines.likelihood import Room, causal_loglikelihood, encode_pairs, seq2seq_loglikelihood
from smallsteps.engines.numerics import ROWS
from smallsteps.engines.protocol import Decoding, Generation
from smallsteps.engines.sampling import uniforms
from smallsteps.engines.seq2seq import Seq2SeqStepper
from smallsteps.engines.stopping import StopStrings, decode
from smallsteps.engines.tokens import Encoded, encode_prompts


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one batch.

    Attributes:
        rows: texts decoded side by side.
        prefill_tokens: prompt tokens in one forward.
        cache_bytes: keys and values of the rows being decoded.
        memory_bytes: keys and values of what prompts share, and of rows kept for the next call (`remember`).
    """

    rows: int = ROWS
    prefill_tokens: int = 2048
    cache_bytes: int = 1 << 30
    memory_bytes: int = 256 << 20


@dataclass(slots=True)
class Counts:
    """Counts of an engine so far, in tokens; `cut_prompts` lost their beginning to the context limit."""

    prompts: int = 0
    generated: int = 0
    prefilled: int = 0
    reused: int = 0
    cut_prompts: int = 0


@dataclass(slots=True)
class HuggingFaceEngine:
    """Continues prompts with a causal or encoder-decoder model. Made by `load_engine`.

    Greedy texts are a function of the prompt as far as the arithmetic allows: a batch of another shape may
    round differently, so equal calls give equal bytes, and other batches the same text but for near-ties.
    Sampled texts draw from a stream of their own, keyed by seed, prompt and sample index.

    Attributes:
        forward: a causal model's logits; None for an encoder-decoder.
        model: the encoder-decoder; None where `forward` is all.
        device: where the model lives.
        token_bytes: keys and values of one token in one row, over all layers.
        context: most tokens of prompt and answer together; None is without limit.
        remember: keep the keys and values of a call's rows for the next one, for dialogues.
        chat: prompts are rendered chats: they hold their special tokens, and are never cut.
        journal: where texts are saved while they are generated; part: the engine's name there.
    """

    forward: Forward | None
    model: Any
    device: torch.device
    token_bytes: int
    tokenizer: Any
    context: int | None
    eos: frozenset[int]
    limits: Limits = field(default_factory=Limits)
    remember: bool = False
    chat: bool = False
    counts: Counts = field(default_factory=Counts)
    journal: Journal | None = None
    part: str = ""
    _memory: Prefixes | None = None

    @property
    def encoder(self) -> bool:
        """Whether this is an encoder-decoder."""
        return self.forward is None

    def forget(self) -> None:
        """Empty the cache of earlier rows, so that the next call does not depend on them."""
        self._memory = None

    @torch.inference_mode()
    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        """`decoding.samples` texts a prompt, in the order of the prompts."""
        encoded = encode_prompts(
            prompts,
            self.tokenizer,
            self.context,
            decoding.max_new_tokens,
            closed=self.encoder,
            chat=self.chat,
        )
        rows = _rows(encoded, decoding)
        rules = Rules(
            decoding, self.eos, StopStrings(decoding.stop, self.tokenizer) if decoding.stop else None
        )
        if self.journal is not None:
            self.journal.begin(self.part, decoding, rows)
        # longest first: the largest batch comes at the start, where it fails if it is going to
        waiting = sorted(
            (row for row in rows if row.stop is None),
            key=lambda row: (-row.start if self.encoder else 0, -len(row.given), row.prompt, row.sample),
        )
        if waiting:
            self._decode(waiting, rules)
        self.counts.prompts += len(prompts)
        self.counts.generated += sum(len(row.tokens) for row in rows)
        self.counts.cut_prompts += sum(e.cut > 0 for e in encoded)
        texts = [self._generation(row) for row in rows]
        if decoding.temperature <= 0:  # one greedy text a distinct prompt was decoded
            first = {row.ids: text for row, text in zip(rows, texts, strict=True)}
            return [[first[e.ids]] * decoding.samples for e in encoded]
        return [texts[i : i + decoding.samples] for i in range(0, len(texts), decoding.samples)]

    @torch.inference_mode()
    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Natural-log likelihood of each continuation, and whether greedy decoding gives it."""
        if self.journal is None:
            return self._likelihoods(pairs, None)
        results = self.journal.known(self.part, pairs)
        missing = [i for i, result in enumerate(results) if result is None]
        computed = self._likelihoods([pairs[i] for i in missing], self.journal)
        for i, result in zip(missing, computed, strict=True):
            results[i] = result
        return [result for result in results if result is not None]

    def _likelihoods(
        self, pairs: Sequence[tuple[str, str]], journal: Journal | None
    ) -> list[tuple[float, bool]]:
        tokens = encode_pairs(pairs, self.tokenizer, encoder=self.encoder, chat=self.chat)
        slots = max(1, self.limits.cache_bytes // self.token_bytes)
        room = Room(self.limits.prefill_tokens, self.limits.rows, slots)

        def computed(results: Sequence[tuple[int, tuple[float, bool]]]) -> None:
            if journal is not None:
                for i, result in results:
                    journal.add(self.part, pairs[i], result)
                journal.step()

        if self.forward is None:
            size = (self._pad, self._start, self.device, room)
            return seq2seq_loglikelihood(self.model, tokens, *size, computed=computed)
        shape = (self._pad, self.context, self.device, room)
        return causal_loglikelihood(self.forward, tokens, *shape, share=self._shares, computed=computed)

    @property
    def windowed(self) -> bool:
        """Whether attention ends a number of slots back, so that empty slots would count too."""
        config = getattr(self.model, "config", None)
        return config is not None and bool(
            getattr(config.get_text_config(decoder=True), "sliding_window", None)
        )

    @property
    def _shares(self) -> bool:
        return uses("shared") and not self.windowed

    @property
    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return 0 if pad is None else int(pad)

    @property
    def _start(self) -> int:
        start = self.model.config.decoder_start_token_id
        return self._pad if start is None else int(start)

    def _decode(self, waiting: Sequence[Row], rules: Rules) -> None:
        after_step = self.journal.step if self.journal is not None else None

        def decode_rows(stepper: Stepper, rows: Sequence[Row], beginning: int = 0) -> None:
            longest = max(len(row.ids) + row.budget for row in rows) - beginning
            fits = self.limits.cache_bytes // (longest * self.token_bytes)
            run(stepper, rows, max(1, min(self.limits.rows, fits)), rules, self.device, after_step)

        if self.forward is None:
            decode_rows(Seq2SeqStepper(self.model, self._pad, self._start, self.device), waiting)
            return
        remember = self.remember and uses("remembered")
        size = (self.forward, self._pad, self.device, self.limits.prefill_tokens, self.context)
        limit = self.limits.memory_bytes
        sharing = Sharing(self.forward, self.device, self.limits.prefill_tokens, limit, self.token_bytes)
        known = Prefixes(limit) if self._memory is None else self._memory
        plan = Plan([], waiting, [])
        if self._shares and not len(known):  # remembered rows begin with what the rows of a call share
            plan = sharing.plan(waiting, apart=not remember)
        for together, rows in plan.together:
            stepper = CausalStepper(*size, sharing.states(together), together.shared)
            decode_rows(stepper, rows, together.shared)
            self._count(stepper)
        if plan.others:
            sharing.remember(plan.copied, known)
            matcher = known.matcher() if len(known) else None
            self._memory = known if remember else None
            stepper = CausalStepper(*size, matcher=matcher, memory=self._memory)
            decode_rows(stepper, plan.others)
            self._count(stepper)
        self.counts.prefilled += sharing.computed

    def _count(self, stepper: CausalStepper) -> None:
        self.counts.reused += stepper.reused
        self.counts.prefilled += stepper.computed

    def _generation(self, row: Row) -> Generation:
        text = decode(self.tokenizer, row.tokens) if row.cut is None else row.cut
        assert row.stop is not None
        return Generation(text, len(row.tokens), len(row.ids), row.stop)


def _rows(encoded: Sequence[Encoded], decoding: Decoding) -> list[Row]:
    if decoding.temperature <= 0:
        distinct: dict[tuple[int, ...], Row] = {}
        for i, prompt in enumerate(encoded):
            distinct.setdefault(prompt.ids, Row(i, 0, prompt.ids, prompt.budget))
        return list(distinct.values())
    rows = []
    copies: dict[tuple[int, ...], int] = {}
    for i, prompt in enumerate(encoded):
        for _ in range(decoding.samples):
            # two dialogues that reach the same prompt are two samples of it, not one sample twice
            sample = copies.get(prompt.ids, 0)
            copies[prompt.ids] = sample + 1
            draws = uniforms(decoding.seed, prompt.ids, sample, prompt.budget)
            rows.append(Row(i, sample, prompt.ids, prompt.budget, draws))
    return rows


def token_bytes(layers: int, heads: int, dim: int, dtype: torch.dtype) -> int:
    """Bytes of the keys and values of one token in one row; heads are those of the keys."""
    return 2 * layers * heads * dim * dtype.itemsize
