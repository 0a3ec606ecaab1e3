"""Examples in, a trained Hugging Face folder out."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.engines.prompts import FormatSpec, messages_of
from smallsteps.errors import UserError
from smallsteps.files import disk_full, is_disk_full, sha256_of, write_jsonl
from smallsteps.memory import keep_freed_memory
from smallsteps.training.result import Figures, Progress, Timing, TrainingResult, write_result
from smallsteps.training.settings import BaseSpec, LoraSpec, Optimisation
from smallsteps.training.workspace import Workspace, finished, open_workspace, publish

if TYPE_CHECKING:
    from smallsteps.schemes import Example


def training_inputs(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    seed: int,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
    lora: LoraSpec | None = None,
) -> str:
    """sha256 of everything that decides the weights, but for the machine; cheap enough for a cache key."""
    from smallsteps.training.models import identity

    settings = optimisation.model_dump(mode="json", exclude={"save_every"})
    texts = [[example.prompt, example.target] for example in examples]
    parts = [identity(base), settings, seed, sha256_of(texts)]
    if format is not None and format.kind == "chat":
        chats = [[messages_of(example.prompt), example.target] for example in examples]
        parts += [format.model_dump(mode="json"), sha256_of(chats)]
    if lora is not None:
        parts.append({"lora": lora.model_dump(mode="json")})
    return sha256_of(parts)


def train(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    *,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
    lora: LoraSpec | None = None,
) -> TrainingResult:
    """Train a base on examples and write a Hugging Face folder to `out`.

    `out` appears whole when the training is done. Called again with the same inputs it is only read; after an
    interruption the training goes on from its newest checkpoint and ends with the weights it would have had.

    Args:
        examples: prompts and targets; end-of-text is appended to each target.
        base: what to train; optimisation: how.
        seed: of random weights, batches and dropout.
        out: folder for weights, tokenizer, `training.json`, `timing.json` and `loss.jsonl`.
        progress: called at most about a thousand times.
        format: plain text, or the tokenizer's chat template.
        lora: train adapters instead of all weights.

    Raises:
        UserError: examples that would be trained on wrongly, a base that cannot be read, a folder that
            belongs to something else, a diverging loss, a full disk.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("training runs in one process on one device", fix="start it without torchrun")
    inputs = training_inputs(examples, base, optimisation, seed, format, lora)
    done = finished(out, inputs)
    if done is not None:
        return done

    import torch
    import transformers

    from smallsteps.training.models import hardware, quiet

    chosen = hardware(optimisation)
    if chosen.device == "cpu":
        keep_freed_memory()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open_workspace(out, inputs, {**asdict(chosen), **versions}) as workspace, quiet():
        return _train(
            examples, base, optimisation, seed, out, progress, inputs, workspace, chosen, format, lora
        )


def _train(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None,
    inputs: str,
    workspace: Workspace,
    chosen: Any,
    format: FormatSpec | None,  # noqa: A002
    lora: LoraSpec | None,
) -> TrainingResult:
    from smallsteps.training.batches import plan
    from smallsteps.training.collate import Collator
    from smallsteps.training.fused import fits
    from smallsteps.training.lora import add_adapter, save
    from smallsteps.training.models import learn_end, load_model, load_tokenizer
    from smallsteps.training.monitor import LOSSES, Monitor
    from smallsteps.training.tokens import encode
    from smallsteps.training.trainer import StudentTrainer

    tokenizer = load_tokenizer(base)
    chat = None
    if format is not None and format.kind == "chat":
        from smallsteps.engines.chat import load_chat

        chat = load_chat(base.tokenizer or base.place or "", format, tokenizer=tokenizer)
    model = load_model(base, tokenizer, chosen, seed)
    if chat is not None:
        learn_end(model, chat)
    wrapped = add_adapter(model, lora) if lora is not None else None
    if wrapped is not None:  # the hand-written blocks read weights that have no adapter
        chosen = replace(chosen, attention=chosen.attention.replace("fused", "eager"))
    elif optimisation.attention == "auto" and chosen.device == "cpu" and fits(model):
        chosen = replace(chosen, attention="fused")
    encoder_decoder = bool(model.config.is_encoder_decoder)
    if chat is not None and encoder_decoder:
        raise UserError("an encoder-decoder reads no chats", fix="set 'format: {kind: plain}'")
    positions = getattr(model.config, "max_position_embeddings", None)
    encoded = encode(
        examples,
        tokenizer,
        encoder_decoder=encoder_decoder,
        max_length=min(optimisation.max_length, positions or optimisation.max_length),
        drop_long=optimisation.too_long == "drop",
        chat=chat,
    )
    planned = plan(
        encoded.lengths,
        encoded.source_lengths,
        batch_tokens=optimisation.batch_tokens,
        steps=optimisation.steps,
        epochs=optimisation.epochs,
        seed=seed,
    )
    collator = Collator(
        encoded,
        pad=int(model.config.pad_token_id),
        start=int(model.config.decoder_start_token_id) if encoder_decoder else None,
        prompt_weight=optimisation.prompt_weight,
        accumulate=optimisation.accumulate,
    )
    real = planned.totals(encoded.lengths + encoded.source_lengths)
    monitor = Monitor(real, optimisation.save_every, progress)
    use_cache = model.config.use_cache
    trainer = StudentTrainer(
        model, planned, collator, optimisation, chosen, monitor, seed=seed, work=workspace.folder
    )
    checkpoint = workspace.checkpoint
    if checkpoint is not None:
        monitor.resume(checkpoint)
    with _full_disk(workspace.folder):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        seconds = monitor.seconds
        trainer.release()
        model.config.use_cache = use_cache
        trained = workspace.folder / "trained"
        shutil.rmtree(trained, ignore_errors=True)
        if wrapped is not None and lora is not None:
            save(wrapped, lora, base, trained)
        else:
            model.save_pretrained(trained)
        tokenizer.save_pretrained(trained)
        write_jsonl(trained / LOSSES, monitor.rows)
    figures = Figures(
        inputs=inputs,
        seed=seed,
        examples=len(encoded.lengths),
        too_long=encoded.too_long,
        passes=sum(len(rows) for rows in planned.steps) / len(encoded.lengths),
        steps=len(planned.steps),
        parameters=sum(p.numel() for p in trainer.trained),
        real_tokens=int(real[-1]),
        padded_tokens=int(planned.padded.sum()),
        supervised_tokens=int(planned.totals(encoded.supervised)[-1]),
        unknown_tokens=encoded.unknown,
        first_loss=monitor.mean_loss(last=False),
        final_loss=monitor.mean_loss(last=True),
        device=chosen.device,
        precision=chosen.precision,
        attention=chosen.attention,
    )
    timing = Timing(seconds, figures.real_tokens / max(seconds, 1e-9), *_peak_memory())
    write_result(trained, figures, timing)
    publish(workspace, trained, out)
    return TrainingResult(out, figures, timing)


def _peak_memory() -> tuple[int, int]:
    """Peak bytes of this process and of its GPU allocations."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process = peak if sys.platform == "darwin" else peak * 1024  # kilobytes but for macOS
    return process, int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 0


class _full_disk:  # noqa: N801 - reads as a with-statement
    """Say a failed write of a library as a user's error when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if error is None or isinstance(error, UserError | KeyboardInterrupt):
            return
        if is_disk_full(error) or shutil.disk_usage(self.folder).free < 1 << 20:
            raise disk_full(self.folder) from error
