"""Training on one GPU: tokens per second, share of the card's peak and memory, ours and others', in one call.

    SMALLSTEPS_DATA=... python benchmarks/gpu_training.py --out gpu.json [--only llama] [--limit 240]
    SMALLSTEPS_DATA=... python benchmarks/gpu_training.py --tiny          # a rehearsal on a CPU

Students of random weights at the sizes of GPT-2 large, Flan-T5 large and Llama 3.2 1B read the questions and
rationales of GSM8K: real lengths, 16,384 tokens a step in two micro-batches, AdamW, bf16 autocast over fp32
weights, loss on the rationales, no dropout, no gradient checkpointing but where a row says so. Each row is a
process of its own with a time limit. A failed row says its error, the next goes on, and every finished row is
in the JSON file at once. First comes a check that packed rows give the gradients of padded ones on this card.

- ours: `smallsteps.training.train` as users call it; its variants differ in the setting that they name.
- TRL: SFTTrainer with its packing (best-fit, without flash-attn: SDPA with a mask) or with padded batches.
- Seq2SeqTrainer: transformers' own, padding each batch to its longest row.

`MFU` counts what a training needs: 6 operations a weight and token, the output head only where there is loss,
and attention within each example. `6NT` counts the head at every token, as is usual. Both are shares of 989
TFLOP/s, the dense bf16 peak of an H100 or H200 (NVIDIA's data sheet). Padding is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
# or asking whether there is a GPU would spoil the processes forked later
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")

import torch
import transformers

from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training import models as student_models
from smallsteps.training.batches import plan
from smallsteps.training.collate import Collator
from smallsteps.training.models import Hardware, load_tokenizer, quiet
from smallsteps.training.monitor import Monitor
from smallsteps.training.tokens import Encoded, encode
from smallsteps.training.trainer import StudentTrainer

PEAK = 989e12
GOALS = {"llama-1b": 0.40, "gpt2-large": 0.40, "flan-t5-large": 0.25}
STUDENTS: dict[str, tuple[str, dict[str, Any]]] = {  # tokenizer and architecture
    "llama-1b": (
        "gpt2",
        {
            "model_type": "llama",
            "vocab_size": 128_256,
            "hidden_size": 2048,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "intermediate_size": 8192,
            "tie_word_embeddings": True,
        },
    ),
    "gpt2-large": (
        "gpt2",
        {
            "model_type": "gpt2",
            "n_embd": 1280,
            "n_layer": 36,
            "n_head": 20,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "resid_pdrop": 0.0,
        },
    ),
    "flan-t5-large": (
        "t5",
        {
            "model_type": "t5",
            "vocab_size": 32_128,
            "d_model": 1024,
            "d_kv": 64,
            "d_ff": 2816,
            "num_layers": 24,
            "num_decoder_layers": 24,
            "num_heads": 16,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "dropout_rate": 0.0,
        },
    ),
}
TINY: dict[str, dict[str, Any]] = {
    "llama-1b": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    | {"head_dim": 16, "intermediate_size": 128, "vocab_size": 50_304},
    "gpt2-large": {"n_embd": 64, "n_layer": 2, "n_head": 4},
    "flan-t5-large": {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
    | {"num_decoder_layers": 2},
}


@dataclass(frozen=True)
class Row:
    """One line of the table: who trains which student, and how."""

    name: str
    student: str
    contender: str
    settings: dict[str, Any]
    seconds: int = 45  # limit of the whole row


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
ROWS = [  # what matters most first: a run may end before the last
    Row("ours", "llama-1b", "ours", {}),
    Row("ours", "flan-t5-large", "ours", {}),
    Row("ours", "gpt2-large", "ours", {}),
    Row("TRL, packing", "llama-1b", "trl", {"packing": True}),
    Row("Seq2SeqTrainer", "flan-t5-large", "seq2seq", {}),
    Row("ours, compile", "llama-1b", "ours", {"compile": True}, 75),
    Row("TRL, packing", "gpt2-large", "trl", {"packing": True}),
    Row("ours, bf16 weights", "llama-1b", "ours", {"precision": "bf16_weights"}),
    Row("ours, gradient checkpointing", "llama-1b", "ours", {"gradient_checkpointing": True}),
    Row("ours, padded", "llama-1b", "ours", {"attention": "sdpa"}),
    Row("TRL, padded", "llama-1b", "trl", {"packing": False}),
    Row("ours, offload", "llama-1b", "ours", {"offload": True}, 75),
    Row("ours, compile", "gpt2-large", "ours", {"compile": True}, 75),
    Row("ours, compile", "flan-t5-large", "ours", {"compile": True}, 90),
]


@dataclass(frozen=True)
class Work:
    """Sizes of a run."""

    data: Path
    tiny: bool
    batch_tokens: int
    accumulate: int
    warm: int
    steps: int
    seconds: float  # of measured steps
    examples: int

    @property
    def device(self) -> str:
        return "cpu" if self.tiny or not torch.cuda.is_available() else "cuda"


def examples_of(work: Work) -> list[Example]:
    """GSM8K's questions and rationales."""
    with gzip.open(work.data / "gsm8k" / "main_train.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][: work.examples]
    found = []
    for row in rows:
        rationale, answer = re.sub(r"<<.*?>>", "", row["answer"]).split("\n#### ")
        found.append(Example(f"Q: {row['question']}\nA:", f" {rationale} The answer is {answer}."))
    return found


def base_of(row: Row, work: Work) -> BaseSpec:
    """The student's architecture and tokenizer."""
    tokenizer, architecture = STUDENTS[row.student]
    if work.tiny:
        architecture = {**architecture, **TINY[row.student]}
    return BaseSpec(
        architecture=architecture,
        tokenizer=str(work.data / "tokenizers" / tokenizer),
        eos_token="</s>" if tokenizer == "t5" else "<|endoftext|>",
    )


def made(base: BaseSpec, tokenizer: Any, device: str) -> Any:
    """The model, its random weights drawn on the device."""
    with torch.device(device):
        chosen = Hardware(device, "fp32", "sdpa")
        return student_models.load_model(base, tokenizer, chosen, 1)


class Done(BaseException):
    """Enough was measured."""


class Stopwatch:
    """Times and tokens at the ends of steps, of which the first `warm` are not measured."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.marks: list[tuple[float, int, int]] = []
        self.events: list[Any] = []  # of the GPU, beside each mark: nobody is made to wait for the others

    def mark(self, tokens: int, supervised: int) -> None:
        """A step has ended, and so many tokens are done since the beginning.

        Raises:
            Done: enough was measured.
        """
        if self.work.device == "cuda":
            self.events.append(torch.cuda.Event(enable_timing=True))
            self.events[-1].record()
        self.marks.append((time.perf_counter(), tokens, supervised))
        measured = len(self.marks) - 1 - self.work.warm
        if measured == 0 and self.work.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        long = measured >= 5 and self.marks[-1][0] - self.marks[self.work.warm][0] >= self.work.seconds
        if measured >= self.work.steps or long:
            raise Done

    def result(self) -> dict[str, Any]:
        """Steps, seconds and tokens of the measured part."""
        marks = self.marks[self.work.warm :]
        if self.events:
            torch.cuda.synchronize()
            first = self.events[self.work.warm]
            times = [first.elapsed_time(event) / 1000 for event in self.events[self.work.warm :]]
            marks = [(at, *mark[1:]) for at, mark in zip(times, marks, strict=True)]
        (start, before, masked), (end, after, seen) = marks[0], marks[-1]
        steps = len(self.marks) - 1 - self.work.warm
        each = sorted(later - earlier for (earlier, *_), (later, *_) in pairwise(marks))
        return {
            "steps": steps,
            "seconds": end - start,
            "tokens": after - before,
            "supervised": seen - masked,
            "median_step": each[len(each) // 2],
        }


def operations(base: BaseSpec, tokenizer: Any, encoded: Encoded) -> dict[str, float]:
    """Operations of forward and backward pass for each token read and each token with loss."""
    model = made(base, tokenizer, "meta")
    config = model.config
    head = model.get_output_embeddings().weight.numel()
    outer = {"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}
    outer |= {"model.embed_tokens.weight", "transformer.wte.weight", "transformer.wpe.weight"}
    body = {name: p.numel() for name, p in model.named_parameters() if name not in outer}
    targets, sources = encoded.lengths.astype(float), encoded.source_lengths.astype(float)
    total = float((targets + sources).sum())
    if config.is_encoder_decoder:
        across = sum(n for name, n in body.items() if re.search(r"EncDecAttention\.[kv]\.", name))
        encoder = sum(n for name, n in body.items() if name.startswith("encoder."))
        decoder = sum(body.values()) - encoder - across
        done = 6 * ((encoder + across) * sources.sum() + decoder * targets.sum())
        wide = config.num_heads * config.d_kv
        pairs = 12 * config.num_layers * (sources**2).sum()
        pairs += config.num_decoder_layers * (6 * (targets**2).sum() + 12 * (targets * sources).sum())
        attention = wide * pairs
    else:
        done = 6 * sum(body.values()) * targets.sum()
        attention = 6 * config.num_hidden_layers * config.hidden_size * (targets**2).sum()
    everywhere = 6 * head * targets.sum() / total
    parameters = sum(p.numel() for p in model.parameters())
    return {
        "body": float(done + attention) / total,
        "head": 6.0 * head,
        "head_everywhere": float(everywhere),
        "parameters": float(parameters),
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
        output_dir=str(folder),
        max_steps=work.warm + work.steps + 2,
        per_device_train_batch_size=max(1, each // (length if row.settings["packing"] else mean)),
        gradient_accumulation_steps=work.accumulate,
        packing=row.settings["packing"],
        max_length=length,
        completion_only_loss=True,
        learning_rate=1e-4,
        gradient_checkpointing=False,
        use_cpu=work.device == "cpu",
        bf16=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
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
        output_dir=str(folder),
        max_steps=work.warm + work.steps + 2,
        per_device_train_batch_size=max(1, round(each)),
        gradient_accumulation_steps=work.accumulate,
        learning_rate=1e-4,
        use_cpu=work.device == "cpu",
        bf16=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
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


def check(work: Work) -> dict[str, Any]:
    """Loss and gradients of packed and padded rows on this device against padded rows in fp32."""
    found: dict[str, Any] = {}
    for student in ("llama-1b", "gpt2-large"):
        small = {"llama-1b": {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8}}.get(
            student, {"n_embd": 512, "n_layer": 4, "n_head": 8}
        )
        if student == "llama-1b":
            small |= {"num_key_value_heads": 2, "intermediate_size": 1024, "vocab_size": 50_304}
        row = Row("check", student, "ours", {})
        base = base_of(row, replace(work, tiny=True))
        assert base.architecture is not None
        if not work.tiny:
            base = base.model_copy(update={"architecture": {**base.architecture, **small}})
        kinds = {"reference": ("fp32", "sdpa"), "padded": ("bf16", "sdpa"), "packed": ("bf16", "packed")}
        kinds["packed, fp32"] = ("fp32", "packed")
        made_: dict[str, tuple[float, torch.Tensor]] = {}
        for name, (precision, attention) in kinds.items():
            made_[name] = _gradient(base, work, precision, attention)
        loss, reference = made_["reference"]
        found[student] = {
            name: {
                "loss": abs(its - loss) / loss,
                "gradient": float((gradient - reference).norm() / reference.norm()),
            }
            for name, (its, gradient) in made_.items()
            if name != "reference"
        }
        errors = found[student]
        fine = errors["packed"]["gradient"] <= 2 * errors["padded"]["gradient"]
        found[student]["passed"] = fine and errors["packed, fp32"]["gradient"] < 1e-4
    return found


def _gradient(base: BaseSpec, work: Work, precision: str, attention: str) -> tuple[float, torch.Tensor]:
    tokenizer = load_tokenizer(base)
    chosen = Hardware(work.device, precision, attention)
    torch.manual_seed(1)
    model = student_models.load_model(base, tokenizer, chosen, 1).to(work.device)
    count = 8 if work.tiny else 64
    encoded = encode(examples_of(work)[:count], tokenizer, encoder_decoder=False, max_length=1024)
    settings = Optimisation(steps=1, learning_rate=1e-4, optimizer="adamw", batch_tokens=1 << 20)
    planned = plan(
        encoded.lengths, encoded.source_lengths, batch_tokens=1 << 20, steps=1, epochs=None, seed=1
    )
    packed = attention == "packed"
    collator = Collator(
        encoded, pad=tokenizer.pad_token_id, start=None, prompt_weight=0, accumulate=2, packed=packed
    )
    monitor = Monitor(planned.totals(encoded.lengths), planned.totals(encoded.supervised), 0, None)
    with tempfile.TemporaryDirectory() as folder, quiet():
        trainer = StudentTrainer(
            model, planned, collator, settings, chosen, monitor, seed=1, work=Path(folder)
        )
        trainer.create_optimizer()
        loss = trainer.training_step(trainer.model, collator(list(range(count))))
    return float(loss), torch.cat([p.grad.float().flatten().cpu() for p in model.parameters()])


def _serve(task: Callable[..., dict[str, Any]], arguments: tuple[Any, ...], line: Any) -> None:
    try:
        line.send(task(*arguments))
    except BaseException as error:  # noqa: BLE001 - the table says it, and the next row goes on
        line.send({"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()})


def apart(task: Callable[..., dict[str, Any]], *arguments: Any, seconds: float, start: str) -> dict[str, Any]:
    """The result of a task in a process of its own, or its error."""
    processes: Any = multiprocessing.get_context(start)
    line, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_serve, args=(task, arguments, theirs), daemon=False)
    process.start()
    theirs.close()
    try:
        found: dict[str, Any] = line.recv() if line.poll(seconds) else {"error": f"over {seconds:.0f} s"}
    except EOFError:
        process.join(5)
        found = {"error": f"the process ended with {process.exitcode}"}
    process.join(2)
    if process.is_alive():
        process.kill()
        process.join()
    return found


def line_of(row: Row, found: dict[str, Any]) -> str:
    """A line of the table."""
    name = f"{row.student:14} {row.name:30}"
    if "error" in found:
        return f"{name} failed: {found['error'][:300]}"
    memory = f"{found['peak_bytes'] / 2**30:6.1f}" if "peak_bytes" in found else "     -"
    return (
        f"{name}{found['tokens_per_second']:>9,.0f} {1000 * found['median_step']:8.0f} "
        f"{100 * found['mfu']:6.1f} {100 * found['mfu_6nt']:6.1f} {memory} {found['steps']:5} "
        f"{found['row_seconds']:6.0f}"
    )


def main() -> None:
    """Run the rows and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("SMALLSTEPS_DATA"))
    parser.add_argument("--out", type=Path, default=Path("gpu_training.json"))
    parser.add_argument("--only", action="append", help="rows whose 'student: name' contains this; 'check'")
    parser.add_argument("--limit", type=float, default=240, help="seconds after which no row is started")
    parser.add_argument("--steps", type=int, default=20, help="measured, after the warm-up")
    parser.add_argument("--tiny", action="store_true", help="tiny students on the CPU, to try the script")
    parser.add_argument("--start", choices=("fork", "spawn"), default="fork")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data, or SMALLSTEPS_DATA")
    work = Work(Path(options.data), options.tiny, 16_384, 2, 5, options.steps, 8.0, 2500)
    if options.tiny:
        work = replace(work, batch_tokens=600, warm=1, steps=2, examples=60)
    start, began = options.start, time.perf_counter()
    try:
        import trl as _  # noqa: F401 - once, before rows are forked
    except Exception as error:  # noqa: BLE001 - the rows that need it say so
        print(f"TRL cannot be loaded: {error}", flush=True)
    results: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "tokens_a_step": work.batch_tokens,
        "rows": [],
    }

    def wanted(text: str) -> bool:
        return not options.only or any(only in text for only in options.only)

    def attempt(task: Callable[..., dict[str, Any]], *arguments: Any, seconds: float) -> dict[str, Any]:
        nonlocal start
        found = apart(task, *arguments, seconds=seconds, start=start)
        told = str(found.get("error", ""))
        if start == "fork" and ("fork" in told or "initialization error" in told):
            start = "spawn"  # something has touched the GPU before; slower, as each row loads its libraries
            found = apart(task, *arguments, seconds=seconds + 30, start=start)
        return found

    def save() -> None:
        options.out.write_text(json.dumps(results, indent=1) + "\n")

    print(f"loaded in {time.perf_counter() - began:.0f} s; {results['versions']}", flush=True)
    if wanted("check"):
        found = attempt(check, work, seconds=90)
        results["check"] = found
        save()
        for student, errors in found.items():
            print(f"check {student}: {errors}", flush=True)
    print(
        f"{'student':14} {'':30}{'tokens/s':>9} {'step ms':>8} {'MFU %':>6} {'6NT %':>6} {'GiB':>6}"
        " steps    all"
    )
    for row in ROWS:
        if not wanted(f"{row.student}: {row.name}"):
            continue
        if time.perf_counter() - began > options.limit:
            found = {"error": "not started: the time is over"}
        else:
            seconds = row.seconds * (4 if options.tiny else 1)  # of a slow processor
            found = attempt(measure, row, work, seconds=seconds)
        results["rows"].append({"student": row.student, "name": row.name, **found})
        save()
        print(line_of(row, found), flush=True)
    print("goals: " + ", ".join(f"{name} {100 * goal:.0f} %" for name, goal in GOALS.items()))
    print(f"{time.perf_counter() - began:.0f} s in all", flush=True)


if __name__ == "__main__":
    sys.exit(main())
