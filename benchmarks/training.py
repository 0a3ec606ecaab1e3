"""Real tokens per second: our training against transformers' Trainer at its defaults and against plain loops.

    OMP_NUM_THREADS=1 python benchmarks/training.py [--corpus cot|base|words] [--rounds 5] [--tokens 80000]
        [--clock wall|cpu]
    python benchmarks/training.py --corpus words --model 125m --batch-tokens 32768 --tokens 1300000    # a GPU

One Llama (`micro`: width 128, 4 layers; `125m`: width 768, 12 layers), the same examples for all:

- cot: the micro study's problems with their gold rationales, 73 tokens each, 1,024 tokens a step as there.
- base: the micro base's pretraining mix, 40 tokens each and of very different lengths, 768 tokens a step.
- words: 40 to 90 random words, 2,048 tokens a step.

Each contender has a process of its own and takes turns with the others within each round, so that whatever
else the machine does falls on all of them; the ratios are of one round, and their median over the rounds is
printed with their range. A run is timed from the end of its first step to the end of its last.

- ours: `smallsteps.training.train` as users call it.
- ours, AdamW: the same with `optimizer: adamw`, which is Trainer's. Our default, Muon, takes a fixed time in
  each step, a quarter of it at 1,024 tokens, for fewer steps.
- ours, top-k KL: the same with `kl: 1` on distributions of eight candidates a token, read from a file: what
  training on stored distributions costs beside likelihood.
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
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from contenders import Contender
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

from smallsteps.corpora.distributions import write_distributions
from smallsteps.microworld.corpus import base_corpus
from smallsteps.microworld.text import chain_of_thought
from smallsteps.problems import Rationale, TokenLogprob, load_problems
from smallsteps.schemes import Example, prompt_of
from smallsteps.teachers.huggingface import surface
from smallsteps.training import BaseSpec, ObjectiveSpec, Optimisation, train
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
BATCH_TOKENS = {"cot": 1024, "base": 768, "words": 2048}
TOKENIZER = Path(__file__).parents[1] / "baselines" / "micro" / "tokenizer"
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


def make_examples(corpus: str, words: list[str], count: int) -> list[Example]:
    """The first examples of a corpus."""
    if corpus == "base":
        return list(base_corpus(seed=1, examples=count))
    if corpus == "cot":
        rows = load_problems("micro_problems", "train")[:count]
        return [Example(prompt_of(row.question), f" {chain_of_thought(row)}") for row in rows]
    generator = random.Random(0)

    def some() -> str:
        return " ".join(generator.choices(words, k=generator.randrange(20, 46)))

    return [Example(f"Q: {some()} A:", f" {some()}") for _ in range(count)]


@dataclass(frozen=True)
class Work:
    """What all contenders are given."""

    model: str
    corpus: str
    tokens: int
    batch_tokens: int
    clock: str

    @property
    def settings(self) -> Optimisation:
        """How ours and the plain loops train."""
        steps = max(2, self.tokens // self.batch_tokens)
        return Optimisation(steps=steps, learning_rate=4e-3, batch_tokens=self.batch_tokens)


@dataclass(frozen=True)
class Setting:
    """The same, ready to train on; `folder` is empty."""

    examples: list[Example]
    base: BaseSpec
    settings: Optimisation
    encoded: Encoded
    tokenizer: Any
    folder: Path
    tokens: int

    @staticmethod
    def of(work: Work, folder: Path) -> Setting:
        architecture, size = SIZES[work.model]
        words = [f"w{i}" for i in range(size)]
        place = tokenizer_folder(folder / "tokenizer", words) if work.corpus == "words" else TOKENIZER
        base = BaseSpec(architecture=architecture, tokenizer=str(place))
        examples = make_examples(work.corpus, words, max(4000, 2 * work.batch_tokens // 70))
        tokenizer = load_tokenizer(base)
        encoded = encode(examples, tokenizer, encoder_decoder=False, max_length=MAX_LENGTH)
        return Setting(examples, base, work.settings, encoded, tokenizer, folder, work.tokens)


def ours(watch: Stopwatch, given: Setting, out: Path, **changes: str) -> None:
    """`train` with its progress reports as marks."""
    settings = given.settings.model_copy(update=changes)
    train(given.examples, given.base, settings, seed=1, out=out, progress=lambda now: watch.mark(now.tokens))


def with_distributions(watch: Stopwatch, given: Setting, out: Path) -> None:
    """`train` on made distributions: eight candidates at every token of the target."""
    generator = random.Random(1)
    vocabulary = [t for t in given.tokenizer.get_vocab() if t not in given.tokenizer.all_special_tokens]
    path = given.folder / "distributions.parquet"
    taught = []
    for number, example in enumerate(given.examples):
        ids = given.tokenizer(example.target, add_special_tokens=False)["input_ids"]
        words = [surface(given.tokenizer, i) for i in ids]
        tokens = tuple(
            TokenLogprob(
                word, -0.5, ((word, -0.5), *((other, -3.0) for other in generator.sample(vocabulary, 7)))
            )
            for word in words
        )
        taught.append(
            replace(example, rationale=Rationale(str(number), example.target, "", True, tokens=tokens))
        )
    if not path.exists():
        write_distributions(path, [one.rationale for one in taught if one.rationale is not None])
    train(
        taught,
        given.base,
        given.settings,
        seed=1,
        out=out,
        progress=lambda now: watch.mark(now.tokens),
        objective=ObjectiveSpec(kl=1.0, coverage=0.5),
        distributions=path,
    )


def trainer_defaults(watch: Stopwatch, given: Setting, out: Path) -> None:
    """transformers' Trainer."""
    set_seed(1)
    encoded = given.encoded
    fields = {key: value for key, value in (given.base.architecture or {}).items() if key != "model_type"}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(given.tokenizer), **fields))
    rows = [
        {"input_ids": ids.tolist(), "labels": [-100] * int(prompt) + ids[prompt:].tolist()}
        for ids, prompt in zip(encoded.sequences, encoded.prompts, strict=True)
    ]
    same = given.tokens / (8 * float(encoded.lengths.mean()))  # steps for as many tokens as ours
    most = 2 * given.tokens / given.settings.batch_tokens  # where our batches are very large
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=max(2, round(min(same, most))),
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
        data_collator=Counting(given.tokenizer),
        callbacks=[Marking()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def plain_loop(watch: Stopwatch, given: Setting, out: Path, *, target_logits: bool) -> None:
    """A loop in torch alone over the same batches; it writes nothing."""
    encoded, settings = given.encoded, given.settings
    chosen = hardware(settings)
    model = load_model(given.base, given.tokenizer, chosen, 1).to(chosen.device)
    planned = plan(
        encoded.lengths,
        encoded.source_lengths,
        batch_tokens=settings.batch_tokens,
        steps=settings.steps,
        epochs=None,
        seed=1,
    )
    pad = given.tokenizer.pad_token_id
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


CONTENDERS: dict[str, Callable[[Stopwatch, Setting, Path], None]] = {
    "ours": ours,
    "ours, AdamW": partial(ours, optimizer="adamw"),
    "ours, top-k KL": with_distributions,
    "ours, eager": partial(ours, attention="eager"),
    "Trainer": trainer_defaults,
    "plain loop": partial(plain_loop, target_logits=False),
    "plain loop, target logits": partial(plain_loop, target_logits=True),
}
GOALS = {"Trainer": 2.5, "plain loop": 0.95}


def prepared(name: str, work: Work, place: str) -> Callable[[], float]:
    """In a contender's process: tokens per second of one training."""
    with quiet():
        given = Setting.of(work, Path(place) / name)
    clock = time.perf_counter if work.clock == "wall" else time.process_time
    outs = (given.folder / f"run{number}" for number in count())

    def run() -> float:
        watch = Stopwatch(clock)
        with quiet():
            CONTENDERS[name](watch, given, next(outs))
        return watch.rate

    return run


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=tuple(BATCH_TOKENS), default="cot")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=80_000, help="of one training")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--model", choices=tuple(SIZES), default="micro")
    parser.add_argument("--batch-tokens", type=int)
    parser.add_argument("--only", action="append", choices=tuple(CONTENDERS), help="some contenders alone")
    options = parser.parse_args()
    work = Work(
        options.model,
        options.corpus,
        options.tokens,
        options.batch_tokens or BATCH_TOKENS[options.corpus],
        options.clock,
    )
    with tempfile.TemporaryDirectory() as place:
        contenders = {name: Contender(prepared, name, work, place) for name in options.only or CONTENDERS}
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(options.rounds + 1):
            for name in list(contenders)[:: 1 if number % 2 else -1]:
                found = contenders[name].run().result
                if number:  # the first round warms up
                    rates[name].append(found)
        for contender in contenders.values():
            contender.stop()
    chosen = hardware(work.settings)
    print(
        f"{work.model} on {chosen.device}, {torch.get_num_threads()} thread(s), {chosen.precision}, "
        f"corpus {work.corpus}, {work.batch_tokens} tokens a step; "
        f"{options.rounds} rounds of {work.tokens} tokens; {work.clock} seconds"
    )
    rivals = [name for name in contenders if not name.startswith("ours")]
    print(f"{'':28}{'real tokens/s':>14}" + "".join(f"   {'/ ' + name:<27}" for name in rivals))
    for name in contenders:
        ratios = [
            [mine / its for mine, its in zip(rates[name], rates[rival], strict=True)] for rival in rivals
        ]
        told = (f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})" for found in ratios)
        print(
            f"{name:28}{statistics.median(rates[name]):>14,.0f}" + "".join(f"   {text:<27}" for text in told)
        )
    if {"ours", "ours, top-k KL"} <= set(contenders):
        pairs = zip(rates["ours, top-k KL"], rates["ours"], strict=True)
        spared = [mixed / plain for mixed, plain in pairs]
        told = f"{statistics.median(spared):.2f} ({min(spared):.2f}-{max(spared):.2f})"
        print(f"ours, top-k KL / ours: {told}; goal >= 0.9")
    print("goals: " + ", ".join(f"ours / {name} >= {goal}" for name, goal in GOALS.items()))


if __name__ == "__main__":
    main()
