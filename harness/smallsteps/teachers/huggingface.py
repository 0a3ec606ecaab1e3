"""A local causal model as a teacher: its samples with exact log-probabilities and token ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING, Any

from smallsteps.engines.headers import check_configuration
from smallsteps.engines.prompts import FormatSpec
from smallsteps.engines.tokenizer_check import check_local
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.files import sha256_file
from smallsteps.problems import TokenLogprob
from smallsteps.students.card import check_weights
from smallsteps.students.offline import is_hub_id, model_folder, not_stored, pretrained
from smallsteps.teachers.model import Emit, Request, Sample, Sampling, Status, answered
from smallsteps.teachers.spec import HuggingFaceSpec

if TYPE_CHECKING:
    import torch

    from smallsteps.engines.chat import Chat

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def model_name(spec: HuggingFaceSpec) -> str:
    """Identity in the key: a folder's name and weights, or hub id and revision; interface and arithmetic."""
    folder = model_folder(spec.place, spec.revision)
    chat = ":chat" if spec.chat else ""
    if spec.system or spec.thinking:
        chat += f":{hashlib.sha256(f'{spec.system}|{spec.thinking}'.encode()).hexdigest()[:12]}"
    if folder is None:
        return f"huggingface:{spec.place}@{spec.revision or 'main'}:{spec.dtype}{chat}"
    check_weights(folder)
    weights = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    digest = hashlib.sha256("".join(sha256_file(path) for path in weights).encode()).hexdigest()[:16]
    return f"huggingface:{folder.resolve().name}:{digest}:{spec.dtype}{chat}"


@dataclass(slots=True)
class _Row:
    """One sample in the making. Its random numbers are its own, so that batches do not matter."""

    request: Request
    random: Random
    ids: list[int] = field(default_factory=list)
    tokens: list[TokenLogprob] = field(default_factory=list)
    status: Status | None = None


class HuggingFaceTeacher:
    """Generates in batches with a cache; log-probabilities are those of the model itself.

    They are taken before temperature and nucleus, so that a student can be trained on the teacher's
    distribution whatever the sampling was.
    """

    paid = False

    def __init__(self, spec: HuggingFaceSpec) -> None:
        self.spec = spec
        self.name = model_name(spec)
        self._loaded: tuple[Any, Any] | None = None

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            place, revision = self.spec.place, self.spec.revision
            source, options = pretrained(place, revision)
            reader, apart = pretrained(place, revision, tokenizer=True)
            folder = model_folder(place, revision)
            if folder is not None:
                check_configuration(folder)
            check_local(reader)
            try:
                tokenizer = AutoTokenizer.from_pretrained(reader, **apart)
                model: Any = AutoModelForCausalLM.from_pretrained(
                    source, dtype=getattr(torch, self.spec.dtype), use_safetensors=True, **options
                )
            except (OSError, ValueError) as error:
                first = str(error).strip().split("\n")[0]
                raise UserError(
                    f"cannot load a causal model: {first}",
                    where=self.spec.model,
                    fix=not_stored(self.spec.model)[1] if is_hub_id(self.spec.model) else None,
                    code=NO_INPUT,
                ) from error
            device = "cuda" if torch.cuda.is_available() else "cpu"
            model.requires_grad_(False)
            self._loaded = model.to(device), tokenizer
        return self._loaded

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Generate batch by batch; every batch is stored before the next begins."""
        model, tokenizer = self._load()
        for _, group in groupby(requests, key=lambda request: request.sampling.canonical()):
            same = sorted(group, key=lambda request: len(request.prompt))
            for start in range(0, len(same), self.spec.batch):
                emit(self._batch(model, tokenizer, same[start : start + self.spec.batch]))

    def _batch(self, model: Any, tokenizer: Any, requests: Sequence[Request]) -> list[Sample]:
        import torch

        sampling = requests[0].sampling
        prompts = [self._prompt_ids(tokenizer, request.prompt) for request in requests]
        room = getattr(model.config, "max_position_embeddings", None)
        longest = max(len(ids) for ids in prompts)
        if room is not None and longest + 1 > room:
            raise UserError(
                f"a prompt of {longest} tokens does not fit the model's {room} positions",
                where=self.spec.model,
            )
        most = sampling.max_tokens if room is None else min(sampling.max_tokens, room - longest)
        rows = [_Row(r, Random(f"{sampling.seed + r.sample} {r.key}")) for r in requests]
        width = max(len(ids) for ids in prompts)
        ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=model.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
        ends = _end_ids(model, tokenizer)
        cache: Any = None
        with torch.inference_mode():
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            for _ in range(most):
                output = model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                )
                cache = output.past_key_values
                logprobs = torch.log_softmax(output.logits[:, -1].float(), dim=-1).cpu()
                drawn = [self._extend(row, logprobs[i], tokenizer, ends) for i, row in enumerate(rows)]
                if all(row.status is not None for row in rows):
                    break
                ids = torch.tensor(drawn, device=model.device)[:, None]
                mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
                positions = positions[:, -1:] + 1
        return [self._sample(row, tokenizer, len(p)) for row, p in zip(rows, prompts, strict=True)]

    def _prompt_ids(self, tokenizer: Any, prompt: str) -> list[int]:
        if self.spec.chat:
            text = self._chat(tokenizer).prompt(prompt)
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])
        return list(tokenizer(prompt)["input_ids"])

    def _chat(self, tokenizer: Any) -> Chat:
        from smallsteps.engines.chat import Chat

        spec = FormatSpec(kind="chat", system=self.spec.system, thinking=self.spec.thinking)
        return Chat(tokenizer, self.spec.model, spec)

    def _extend(self, row: _Row, logprobs: torch.Tensor, tokenizer: Any, ends: frozenset[int]) -> int:
        """Draw the next token of a row; the id to feed on."""
        if row.status is not None:
            return row.ids[-1] if row.ids else 0
        sampling = row.request.sampling
        token = _draw(logprobs, sampling, row.random)
        if token in ends:
            row.status = Status.OK
            return token
        row.ids.append(token)
        top = logprobs.topk(sampling.logprobs) if sampling.logprobs else None
        row.tokens.append(
            TokenLogprob(
                surface(tokenizer, token),
                round(float(logprobs[token]), 6),
                ()
                if top is None
                else tuple(
                    (surface(tokenizer, int(i)), round(float(v), 6))
                    for v, i in zip(top.values, top.indices, strict=True)
                ),
                token,
                () if top is None else tuple(int(i) for i in top.indices),
            )
        )
        if sampling.stop and any(mark in tokenizer.decode(row.ids) for mark in sampling.stop):
            row.status = Status.OK
        return token

    def _sample(self, row: _Row, tokenizer: Any, prompt_tokens: int) -> Sample:
        text = tokenizer.decode(row.ids, skip_special_tokens=True)
        for mark in row.request.sampling.stop:
            text = text.split(mark)[0]
        return answered(
            row.request,
            self.name,
            text,
            row.status or Status.LENGTH,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(row.ids),
            tokens=tuple(row.tokens) if row.request.sampling.logprobs else (),
        )


def surface(tokenizer: Any, token: int) -> str:
    """A token as it appears in running text, with the space before it.

    Decoding it alone would lose that space where pieces carry it as `▁` (SentencePiece).
    """
    piece = str(tokenizer.convert_ids_to_tokens(token))
    if "▁" in piece:
        return piece.replace("▁", " ")
    if byte := _BYTE.fullmatch(piece):
        return bytes([int(byte[1], 16)]).decode("utf-8", "replace")
    return str(tokenizer.decode([token]))


def _draw(logprobs: torch.Tensor, sampling: Sampling, random: Random) -> int:
    """One token id: the most probable at temperature 0, else by inversion of the tempered nucleus."""
    if sampling.temperature == 0:
        return int(logprobs.argmax())
    probabilities = (logprobs.double() / sampling.temperature).softmax(-1)
    values, order = probabilities.sort(descending=True, stable=True)
    total = values.cumsum(-1)
    if sampling.top_p < 1:
        # the smallest set that reaches top_p; at least one token
        kept = int((total - values < sampling.top_p).sum())
        values, order, total = values[:kept], order[:kept], total[:kept]
    point = random.random() * float(total[-1])
    return int(order[min(int((total <= point).sum()), len(order) - 1)])


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    found = set()
    for value in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        found |= {value} if isinstance(value, int) else set(value or ())
    return frozenset(found)
