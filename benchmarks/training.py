"""Real tokens per second: our training against transformers' Trainer at its defaults and against plain loops.

    OMP_NUM_THREADS=1 python benchmarks/training.py [--rounds 5] [--steps 40] [--clock wall|cpu]
    python benchmarks/training.py --model 125m --batch-tokens 32768        # for a GPU

One Llama (`micro`: width 128, 4 layers, 300 words; `125m`: width 768, 12 layers, 32,000 words), the same
examples of about 70 tokens for all. Contenders take turns within each round, so that whatever else the
machine does falls on all of them; the ratios are of one round, and their median over the rounds is printed
with their range. Each is timed from the end of its first step to the end of its last. On a machine that does
other work, one thread and `--clock cpu` (seconds of this process's CPU time) say more than the clock on the
wall. On a CPU ours lets the process keep freed memory; from the first round on, which does not count, that
helps the others too.

- ours: `smallsteps.training.train` as users call it.
- ours, eager: the same with `attention: eager`, as for architectures other than Llama.
- Trainer: transformers' Trainer with default arguments (fp32, SDPA, batch of 8 in random order, AdamW),
  padding each batch to its longest row with DataCollatorForSeq2Seq, labels on the target only.
- plain loop: torch alone over the batches ours plans, same bf16 autocast, eager attention, Muon with AdamW,
  clipping and schedule; logits and loss of every position, as a plain loop has them.
- plain loop, target logits: the same with our collator and without the prompt's logits. What ours lacks
  against it is the overhead of Trainer and of our watching.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    DataCollatorForSeq2Seq,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback

from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training.batches import plan
from smallsteps.training.collate import Collator, padded
from smallsteps.training.models import hardware, load_model, load_tokenizer, quiet
from smallsteps.training.optimizers import build_optimizer, rate
from smallsteps.training.tokens import Encoded, encode

LLAMA = {"model_type": "llama", "tie_word_embeddings": True, "max_position_embeddings": 256}
MICRO = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "intermediate_size": 320,
}
LARGE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 2048}
SIZES = {"micro": ({**LLAMA, **MICRO}, 290), "125m": ({**LLAMA, **LARGE}, 32_000)}  # and number of words
MAX_LENGTH = 128


class Stopwatch:
    """Tokens per second from the first mark to the last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.marks: list[tuple[float, int]] = []

    def mark(self, tokens: int) -> None:
        """So many real tokens are done."""
        self.marks.append((self.clock(), tokens))

    @property
    def rate(self) -> float:
        (start, before), (end, after) = self.marks[0], self.marks[-1]
        return (after - before) / (end - start)


def tokenizer_folder(folder: Path, words: list[str]) -> Path:
    """A word-level tokenizer."""
    vocabulary = {word: i for i, word in enumerate(["<unk>", "<pad>", "</s>", "Q:", "A:", *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>", eos_token="</s>"
    )
    tokenizer.save_pretrained(folder)
    return folder


def make_examples(words: list[str], count: int) -> list[Example]:
    """Prompts and targets of 20 to 45 words each."""
    generator = random.Random(0)

    def some() -> str:
        return " ".join(generator.choices(words, k=generator.randrange(20, 46)))

    return [Example(f"Q: {some()} A:", f" {some()}") for _ in range(count)]


def ours(
    watch: Stopwatch, examples: list[Example], base: BaseSpec, settings: Optimisation, folder: Path
) -> None:
    """`train` with its progress reports as marks."""
    train(examples, base, settings, seed=1, out=folder, progress=lambda now: watch.mark(now.tokens))


def trainer_defaults(
    watch: Stopwatch, encoded: Encoded, tokenizer: Any, base: BaseSpec, steps: int, folder: Path
) -> None:
    """transformers' Trainer."""
    set_seed(1)
    fields = {key: value for key, value in (base.architecture or {}).items() if key != "model_type"}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **fields))
    rows = [
        {"input_ids": ids.tolist(), "labels": [-100] * int(prompt) + ids[prompt:].tolist()}
        for ids, prompt in zip(encoded.sequences, encoded.prompts, strict=True)
    ]
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    tokens = [0]

    class Counting(DataCollatorForSeq2Seq):  # type: ignore[misc]
        def __call__(self, features: Any, return_tensors: Any = None) -> Any:
            tokens.append(tokens[-1] + sum(len(row["input_ids"]) for row in features))
            return super().__call__(features, return_tensors)

    class Marking(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watch.mark(tokens[state.global_step])  # the loader may be a batch ahead

    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=Counting(tokenizer),
        callbacks=[Marking()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def plain_loop(
    watch: Stopwatch,
    encoded: Encoded,
    tokenizer: Any,
    base: BaseSpec,
    settings: Optimisation,
    *,
    target_logits: bool,
) -> None:
    """A loop in torch alone over the same batches."""
    chosen = hardware(settings)
    model = load_model(base, tokenizer, chosen, 1).to(chosen.device)
    planned = plan(
        encoded.lengths,
        encoded.source_lengths,
        batch_tokens=settings.batch_tokens,
        steps=settings.steps,
        epochs=None,
        seed=1,
    )
    pad = tokenizer.pad_token_id
    collate = Collator(encoded, pad=pad, start=None, prompt_weight=0.0, accumulate=1)
    optimizer = build_optimizer(model, settings)
    steps = len(planned.steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps, settings))
    parameters = list(model.parameters())
    done = planned.totals(encoded.lengths)
    model.train()
    for step, rows in enumerate(planned.steps):
        with torch.autocast(chosen.device, torch.bfloat16, enabled=chosen.precision == "bf16"):
            if target_logits:
                micro = collate(rows.tolist())[0].to(torch.device(chosen.device))
                hidden = model.model(**micro.model_inputs, use_cache=False).last_hidden_state
                logits = model.lm_head(hidden.flatten(0, 1).index_select(0, micro.positions))
                labels = micro.labels
            else:
                ids, valid = padded([encoded.sequences[i] for i in rows], pad, MAX_LENGTH)
                prompt = torch.arange(ids.shape[1]) < torch.from_numpy(encoded.prompts[rows])[:, None]
                inputs = torch.from_numpy(ids)
                labels = inputs.masked_fill(prompt | ~torch.from_numpy(valid), -100)[:, 1:].flatten()
                labels = labels.to(chosen.device)
                logits = model(input_ids=inputs.to(chosen.device), use_cache=False).logits
                logits = logits[:, :-1].flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        loss.item()
        watch.mark(int(done[step]))


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--model", choices=tuple(SIZES), default="micro")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    options = parser.parse_args()
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    with tempfile.TemporaryDirectory() as name, quiet():
        folder = Path(name)
        architecture, count = SIZES[options.model]
        words = [f"w{i}" for i in range(count)]
        base = BaseSpec(
            architecture=architecture, tokenizer=str(tokenizer_folder(folder / "tokenizer", words))
        )
        settings = Optimisation(steps=options.steps, learning_rate=4e-3, batch_tokens=options.batch_tokens)
        examples = make_examples(words, max(4000, 2 * options.batch_tokens // 70))
        tokenizer = load_tokenizer(base)
        encoded = encode(examples, tokenizer, encoder_decoder=False, max_length=MAX_LENGTH)
        numbers = iter(range(10_000))

        def fresh() -> Path:
            return folder / f"run{next(numbers)}"

        contenders: dict[str, Callable[[Stopwatch], None]] = {
            "ours": lambda watch: ours(watch, examples, base, settings, fresh()),
            "ours, eager": lambda watch: ours(
                watch, examples, base, settings.model_copy(update={"attention": "eager"}), fresh()
            ),
            # its batches of 8 rows are a quarter of ours, so more steps take about as long
            "Trainer": lambda watch: trainer_defaults(
                watch, encoded, tokenizer, base, options.steps * 2, fresh()
            ),
            "plain loop": lambda watch: plain_loop(
                watch, encoded, tokenizer, base, settings, target_logits=False
            ),
            "plain loop, target logits": lambda watch: plain_loop(
                watch, encoded, tokenizer, base, settings, target_logits=True
            ),
        }
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(options.rounds + 1):
            order = list(contenders)
            for name in order if number % 2 else order[::-1]:
                watch = Stopwatch(clock)
                contenders[name](watch)
                if number:  # the first round warms up
                    rates[name].append(watch.rate)
        chosen = hardware(settings)
    print(
        f"{options.model} on {chosen.device}, {torch.get_num_threads()} thread(s), {chosen.precision}, "
        f"{options.batch_tokens} tokens a step "
        f"{options.rounds} rounds of {options.steps} steps; {options.clock} seconds"
    )
    print(f"{'':28}{'real tokens/s':>14}{'ours / it':>11}   {'range':<14}{'goal':>8}{'eager / it':>13}")
    for name, goal in zip(contenders, (None, None, 2.5, 0.95, None), strict=True):
        ratios = [mine / its for mine, its in zip(rates["ours"], rates[name], strict=True)]
        eager = [mine / its for mine, its in zip(rates["ours, eager"], rates[name], strict=True)]
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(
            f"{name:28}{statistics.median(rates[name]):>14,.0f}{statistics.median(ratios):>11.2f}   "
            f"{spread:<14}{'' if goal is None else f'>= {goal}':>8}{statistics.median(eager):>13.2f}"
        )


if __name__ == "__main__":
    main()
