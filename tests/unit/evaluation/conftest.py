"""A micro student and lm-eval tasks of its own, made from nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

TEXT = """Q : A Sub-questions Sub-question ? . The answer is Tom has had apples pears how many now left
buys eats and in all 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 + - ="""
WORDS = TEXT.split()


def make_tokenizer(folder: Path) -> None:
    """A word-level tokenizer whose texts come back with single spaces."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", "\n", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[ ]+"), behavior="removed"),
            pre_tokenizers.Split(Regex(r"\n|[A-Za-z-]+|[0-9]+|[^\sA-Za-z0-9]"), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


@pytest.fixture(autouse=True)
def trusted_task_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests' own task files may run their functions."""
    monkeypatch.setenv("SMALLSTEPS_TRUST_TASK_CODE", "1")


def make_llama(folder: Path, seed: int = 0) -> Path:
    """A random two-layer Llama with the word tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(WORDS) + 4,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    make_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Llama."""
    return make_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Socratic student directory of two random Llamas."""
    from smallsteps.students import Student, write_student

    folder = tmp_path_factory.mktemp("pair")
    for seed, part in enumerate(("decomposer", "solver")):
        make_llama(folder / part, seed + 3)
    parts = {"decomposer": "decomposer", "solver": "solver"}
    write_student(folder, Student("micro-pair", "socratic", parts, seed=7))
    return folder


TASK = """
task: {name}
dataset_path: rows
custom_dataset: !function rows.{rows}
test_split: test
output_type: generate_until
doc_to_text: "{prompt}"
doc_to_target: "{{{{answer}}}}"
process_results: !function rows.process
generation_kwargs:
  until: []
  max_gen_toks: 12
  do_sample: false
metric_list:
  - metric: flexible
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1
"""

ROWS = """
import datasets
from smallsteps.evaluation.scoring import process_results as process


def _rows(prompt):
    rows = []
    for i in range(23):
        a, b = i % 5 + 2, i % 4 + 1
        rows.append(
            {{
                "id": str(i),
                "item": f"{{i:016x}}",
                "question": f"Tom has {{a}} apples and buys {{b}} . how many now ?",
                "answer": str(a + b),
                "kind": "number",
                "choices": [],
                "aliases": [],
                "cluster": str(i % 3),
                "steps": [{{"question": "how many had?", "solution": "", "answer": str(a)}},
                          {{"question": "how many now?", "solution": "", "answer": str(a + b)}}],
                "prompt": prompt,
            }}
        )
    return {{"test": datasets.Dataset.from_list(rows)}}


def question(**_):
    return _rows("question")


def raw(**_):
    return _rows("raw")
"""


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lm-eval tasks `toy` (bare questions) and `toy_raw` (whole prompts)."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "rows.py").write_text(ROWS.replace("{{", "{").replace("}}", "}"))
    (folder / "toy.yaml").write_text(TASK.format(name="toy", rows="question", prompt="{{question}}"))
    (folder / "toy_raw.yaml").write_text(TASK.format(name="toy_raw", rows="raw", prompt="Q: {{question}} A:"))
    long = "Tom has apples . " * 60 + "Q: {{question}} A:"
    (folder / "toy_long.yaml").write_text(TASK.format(name="toy_long", rows="raw", prompt=long))
    return folder


@pytest.fixture
def lines() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads JSON lines."""
    return lambda path: [json.loads(line) for line in path.read_text().splitlines()]
