"""Memory over a training of a real base, step by step, and its speed beside transformers' Trainer.

    OMP_NUM_THREADS=1 python benchmarks/training_memory.py FOLDER [--steps 40] [--tokens 2048]
        [--contender ours|trainer] [--set optimizer=adamw --set loss_chunk=0 ...]

FOLDER holds a causal model and its tokenizer. Examples are random words, a third prompt and two thirds
target, of 60 to 400 tokens. Each contender runs in this process; start one process for each.

Printed: resident memory every few steps, its peak, and real tokens a second from the end of the first step
to the end of the last. `trainer` is transformers' Trainer with bf16 autocast, SDPA, AdamW, and batches of as
many rows as fit the tokens a step at the mean length, padded to the longest.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, Optimisation, Progress, train
from smallsteps.training.models import load_tokenizer, quiet

WORDS = (
    "the",
    "train",
    "of",
    "apples",
    "costs",
    "seven",
    "coins",
    "and",
    "each",
    "child",
    "pays",
    "half",
    "more",
)
MIB = 1 << 20


def resident() -> float:
    """MiB of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def examples(count: int) -> list[Example]:
    """Random words, of very different lengths."""
    generator = random.Random(0)

    def one() -> Example:
        words = generator.choices(WORDS, k=generator.randrange(50, 350))
        third = len(words) // 3
        return Example(" ".join(words[:third]), " " + " ".join(words[third:]))

    return [one() for _ in range(count)]


class Curve:
    """Memory and tokens, step by step."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.marks: list[tuple[float, int]] = []
        print(f"start      {resident():8.0f} MiB", flush=True)

    def mark(self, step: int, tokens: int) -> None:
        """After a step; `tokens` is the number of all steps so far."""
        self.marks.append((time.perf_counter(), tokens))
        if step == 1 or step % self.every == 0:
            print(f"step {step:<5} {resident():8.0f} MiB", flush=True)

    def close(self) -> None:
        """Print peak and speed."""
        (start, before), (end, after) = self.marks[0], self.marks[-1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak       {peak:8.0f} MiB")
        print(f"speed      {(after - before) / (end - start):8.0f} real tokens a second")


def ours(folder: str, options: argparse.Namespace, curve: Curve, out: Path) -> None:
    """`train` as users call it."""
    changes = dict(text.split("=", 1) for text in options.set)
    settings: dict[str, Any] = {
        "steps": options.steps,
        "learning_rate": 1e-4,
        "precision": "bf16",
        "batch_tokens": options.tokens,
        "save_every": 0,
        **changes,
    }

    def progress(now: Progress) -> None:
        curve.mark(now.step, now.tokens)

    rows = examples(max(400, options.steps * options.tokens // 200))
    result = train(
        rows, BaseSpec(path=folder), Optimisation.model_validate(settings), seed=1, out=out, progress=progress
    )
    print(f"attention  {result.figures.attention}, {result.figures.precision}")
    print(f"weights    {(out / 'model.safetensors').stat().st_size / MIB:8.0f} MiB stored")


def trainer(folder: str, options: argparse.Namespace, curve: Curve, out: Path) -> None:
    """transformers' Trainer in bf16."""
    import torch
    from transformers import (
        AutoModelForCausalLM,
        DataCollatorForSeq2Seq,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from smallsteps.training.tokens import encode

    tokenizer = load_tokenizer(BaseSpec(path=folder))
    given = encode(examples(400), tokenizer, encoder_decoder=False, max_length=512)
    rows = [
        {"input_ids": ids.tolist(), "labels": [-100] * int(prompt) + ids[prompt:].tolist()}
        for ids, prompt in zip(given.sequences, given.prompts, strict=True)
    ]
    tokens = [0]

    class Counting(DataCollatorForSeq2Seq):  # type: ignore[misc]
        def __call__(self, features: Any, return_tensors: Any = None) -> Any:
            tokens.append(tokens[-1] + sum(len(row["input_ids"]) for row in features))
            return super().__call__(features, return_tensors)

    class Marking(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            curve.mark(state.global_step, tokens[state.global_step])

    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=options.steps,
        per_device_train_batch_size=max(1, options.tokens // int(given.lengths.mean())),
        bf16=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
    )
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=Counting(tokenizer),
        callbacks=[Marking()],
    ).train()


def main() -> None:
    """One contender in this process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=2048, help="padded tokens a step")
    parser.add_argument("--contender", choices=("ours", "trainer"), default="ours")
    parser.add_argument("--set", action="append", default=[], help="key=value of `optimisation`")
    options = parser.parse_args()
    curve = Curve(max(1, options.steps // 10))
    with tempfile.TemporaryDirectory() as place, quiet():
        contender = ours if options.contender == "ours" else trainer
        contender(options.folder, options, curve, Path(place) / "out")
    curve.close()


if __name__ == "__main__":
    main()
