"""Trainers that `gpu_training.py` times: ours, TRL's and transformers'."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpu_students import (  # sets what torch reads
    PEAK,
    Done,
    Row,
    Stopwatch,
    Work,
    base_of,
    examples_of,
    made,
    operations,
)

# isort: split
import torch
import transformers

from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training import models as student_models
from smallsteps.training.models import Hardware, load_tokenizer, quiet
from smallsteps.training.tokens import encode
from smallsteps.training.trainer import StudentTrainer

# As `accelerate launch` sets it for `launch/offload.yaml`.
OFFLOAD = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_OFFLOAD_PARAMS": "true",
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29517",
}


def ours(row: Row, work: Work, watch: Stopwatch, folder: Path) -> None:
    """`train`, stopped when enough is measured."""
    base, examples = base_of(row, work), examples_of(work)
    settings = Optimisation(
        steps=work.warm + work.steps + 2,
        learning_rate=1e-4,
        optimizer="adamw",
        batch_tokens=work.batch_tokens,
        accumulate=work.accumulate,
        max_length=1024,
        save_every=0,
    )
    offload = row.settings.get("offload", False)
    if offload:
        os.environ |= OFFLOAD
    settings = settings.model_copy(update={k: v for k, v in row.settings.items() if k != "offload"})
    load, supervised = student_models.load_model, [0]

    def on_device(base: BaseSpec, tokenizer: Any, chosen: Hardware, seed: int) -> Any:
        with torch.device(chosen.device):  # or a processor would draw a billion weights
            return load(base, tokenizer, chosen, seed)

    if not offload:
        student_models.load_model = on_device
    step = StudentTrainer.training_step

    def counting(self: Any, model: Any, inputs: Any, *more: Any, **others: Any) -> Any:
        supervised[0] += sum(int(batch.places.shape[1]) for batch in inputs)
        return step(self, model, inputs, *more, **others)

    StudentTrainer.training_step = counting  # type: ignore[method-assign]
    train(
        examples,
        base,
        settings,
        seed=1,
        out=folder / "student",
        progress=lambda now: watch.mark(now.tokens, supervised[0]),
    )


def _watched(trainer: Any, watch: Stopwatch, masked: int) -> None:
    """Count the tokens of another trainer's batches, and stop it when enough is measured."""
    counts: list[tuple[int, int]] = []
    collate = trainer.data_collator

    def counting(features: Any, *more: Any, **others: Any) -> Any:
        batch = collate(features, *more, **others)
        mask = batch.get("attention_mask")
        tokens = int(mask.sum()) if mask is not None else int(batch["input_ids"].numel())
        supervised = int((batch["labels"] != -100).sum())
        if "decoder_input_ids" in batch or masked:
            tokens += supervised
        counts.append((tokens, supervised))
        return batch

    trainer.data_collator = counting

    class Marking(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            read = counts[: state.global_step * args.gradient_accumulation_steps]  # the loader may be ahead
            watch.mark(sum(tokens for tokens, _ in read), sum(supervised for _, supervised in read))

    trainer.add_callback(Marking())
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    trainer.train()


def _common(work: Work, folder: Path) -> dict[str, Any]:
    """Settings that both other trainers take."""
    return {
        "output_dir": str(folder),
        "max_steps": work.warm + work.steps + 2,
        "gradient_accumulation_steps": work.accumulate,
        "learning_rate": 1e-4,
        "use_cpu": work.device == "cpu",
        "bf16": True,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
    }


def trl(row: Row, work: Work, watch: Stopwatch, folder: Path) -> None:
    """TRL's SFTTrainer."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    base, examples = base_of(row, work), examples_of(work)
    tokenizer = load_tokenizer(base)
    length = 256 if work.tiny else 1024
    each = work.batch_tokens // work.accumulate
    mean = 170  # tokens of an example, about
    arguments = SFTConfig(
        per_device_train_batch_size=max(1, each // (length if row.settings["packing"] else mean)),
        packing=row.settings["packing"],
        max_length=length,
        completion_only_loss=True,
        gradient_checkpointing=False,
        **_common(work, folder),
    )
    trainer = SFTTrainer(
        model=made(base, tokenizer, work.device),
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": e.prompt, "completion": e.target} for e in examples]),
        processing_class=tokenizer,
    )
    _watched(trainer, watch, 0)


def seq2seq(row: Row, work: Work, watch: Stopwatch, folder: Path) -> None:
    """transformers' Seq2SeqTrainer."""
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

    base, examples = base_of(row, work), examples_of(work)
    tokenizer = load_tokenizer(base)
    encoded = encode(examples, tokenizer, encoder_decoder=True, max_length=1024)
    rows = [
        {"input_ids": source.tolist(), "labels": target.tolist()}
        for source, target in zip(encoded.sources, encoded.sequences, strict=True)
    ]
    model = made(base, tokenizer, work.device)
    each = work.batch_tokens // work.accumulate / float((encoded.lengths + encoded.source_lengths).mean())
    arguments = Seq2SeqTrainingArguments(
        per_device_train_batch_size=max(1, round(each)),
        **_common(work, folder),
    )
    trainer = Seq2SeqTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
    )
    _watched(trainer, watch, 1)


CONTENDERS: dict[str, Callable[[Row, Work, Stopwatch, Path], None]] = {
    "ours": ours,
    "trl": trl,
    "seq2seq": seq2seq,
}


def measure(row: Row, work: Work) -> dict[str, Any]:
    """In the row's process: run it."""
    base = base_of(row, work)
    tokenizer = load_tokenizer(base)
    encoded = encode(
        examples_of(work),
        tokenizer,
        encoder_decoder=row.student == "flan-t5-large",
        max_length=1024,
    )
    watch = Stopwatch(work)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, quiet():
        with contextlib.suppress(Done):
            CONTENDERS[row.contender](row, work, watch, Path(folder))
        found = watch.result()
        if work.device == "cuda":
            found |= {
                "peak_bytes": torch.cuda.max_memory_allocated(),
                "reserved_bytes": torch.cuda.max_memory_reserved(),
                "card": torch.cuda.get_device_name(),
            }
    needs = operations(base, tokenizer, encoded)
    rate = found["tokens"] / found["seconds"]
    loss_rate = found["supervised"] / found["seconds"]
    return {
        **found,
        "row_seconds": time.perf_counter() - began,
        "parameters": needs["parameters"],
        "tokens_per_second": rate,
        "mfu": (needs["body"] * rate + needs["head"] * loss_rate) / PEAK,
        "mfu_6nt": (needs["body"] + needs["head_everywhere"]) * rate / PEAK,
    }
