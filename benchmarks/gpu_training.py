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
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpu_students import Row, Work, base_of, examples_of  # first: it sets what torch reads

# isort: split
import torch
import transformers
from gpu_contenders import measure

from smallsteps.training import BaseSpec, Optimisation
from smallsteps.training import models as student_models
from smallsteps.training.batches import plan
from smallsteps.training.collate import Collator
from smallsteps.training.models import Hardware, load_tokenizer, quiet
from smallsteps.training.monitor import Monitor
from smallsteps.training.tokens import encode
from smallsteps.training.trainer import StudentTrainer

GOALS = {"llama-1b": 0.40, "gpt2-large": 0.40, "flan-t5-large": 0.25}
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
