"""Students of real sizes for `gpu_training.py`: what they are made of, what they read, and a stopwatch."""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
# or asking whether there is a GPU would spoil the processes forked later
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")

import torch

from smallsteps.schemes import Example
from smallsteps.training import BaseSpec
from smallsteps.training import models as student_models
from smallsteps.training.models import Hardware
from smallsteps.training.tokens import Encoded

PEAK = 989e12
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
