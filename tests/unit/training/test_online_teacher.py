"""A teacher loaded beside the student: of its vocabulary, and of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_cases import LLAMA, STILL, base, optimisation

from smallsteps.errors import UserError
from smallsteps.files import read_jsonl
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, ObjectiveSpec, train
from smallsteps.training.lessons import lessons
from smallsteps.training.models import Hardware, load_model, load_tokenizer
from smallsteps.training.objectives import dense_divergence

CPU = Hardware("cpu", "fp32", "eager")


@pytest.fixture(scope="module")
def teacher(tokenizer_dir: Path, examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slightly trained Llama of the student's vocabulary."""
    out = tmp_path_factory.mktemp("teacher") / "model"
    train(examples, base("llama", tokenizer_dir), optimisation(steps=12), seed=3, out=out)
    return out


def test_the_whole_distribution_of_one_vocabulary(
    teacher: Path, tokenizer_dir: Path, tokenizer: Any, examples: list[Example], tmp_path: Path
) -> None:
    """The loss is the dense divergence from what the teacher says, computed here row by row."""
    spec = ObjectiveSpec.model_validate({"kl": 1.0, "teacher": {"path": str(teacher)}})
    model = load_model(base("llama", tokenizer_dir, **STILL["llama"]), tokenizer, CPU, 1).eval()
    given = lessons(
        examples, tokenizer, model, optimisation(), spec, seed=1, device="cpu", folder=tmp_path / "t"
    )
    assert given.teacher is not None
    assert given.teacher.other is None
    (micro,) = given.collator([0, 1, 2])
    with torch.no_grad():
        logits = model(**micro.model_inputs).logits.flatten(0, 1).index_select(0, micro.positions)
        loss, report = given.objective(logits, given.teacher.complete(micro))
        total = torch.zeros(())
        for row in (0, 1, 2):
            ids = torch.from_numpy(given.encoded.sequences[row].astype(np.int64))[None]
            begin = int(given.encoded.prompts[row]) - 1
            sides = [one(input_ids=ids).logits[0, begin:-1] for one in (given.teacher.model, model)]
            total += dense_divergence(*sides).sum()
    assert float(loss) == pytest.approx(float(total), rel=1e-4)
    assert report is not None
    assert int(report[1, 1]) == int(given.encoded.supervised[[0, 1, 2]].sum())


def test_another_vocabulary_goes_through_alignment(
    teacher: Path, data_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """A student with GPT-2's real tokenizer; the teacher's words are whole tokens of its own."""
    student = BaseSpec(
        architecture={**LLAMA, "max_position_embeddings": 256},
        tokenizer=str(data_dir / "tokenizers" / "gpt2"),
        eos_token="<|endoftext|>",
    )
    done = train(
        examples,
        student,
        optimisation(steps=4, max_length=256, batch_tokens=1024),
        seed=1,
        out=tmp_path / "s",
        objective=ObjectiveSpec.model_validate({"kl": 1.0, "teacher": {"path": str(teacher)}, "top_k": 8}),
    )
    assert done.figures.objective["coverage"] == 1.0
    rows = [row["losses"] for _, row in read_jsonl(tmp_path / "s" / "loss.jsonl")]
    assert all(np.isfinite(row["kl"]) for row in rows)
    assert rows[-1]["kl"] < rows[0]["kl"]


def test_a_teacher_that_cannot_spell_the_targets(teacher: Path, data_dir: Path, tmp_path: Path) -> None:
    strange = [Example("Q: w1 A:", " something else entirely")] * 4
    student = BaseSpec(
        architecture=LLAMA, tokenizer=str(data_dir / "tokenizers" / "gpt2"), eos_token="<|endoftext|>"
    )
    with pytest.raises(UserError, match="can be aligned"):
        train(
            strange,
            student,
            optimisation(steps=2),
            seed=1,
            out=tmp_path / "s",
            objective=ObjectiveSpec.model_validate({"kl": 1.0, "teacher": {"path": str(teacher)}}),
        )
    assert not (tmp_path / "s").exists()


def test_tokenizers_of_teacher_and_student_are_the_same_by_content(teacher: Path, tokenizer: Any) -> None:
    assert load_tokenizer(BaseSpec(path=str(teacher))).get_vocab() == tokenizer.get_vocab()
