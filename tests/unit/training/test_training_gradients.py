"""The loss is the mean over the whole step's target tokens, whatever the micro-batches and the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_cases import base, optimisation

from smallsteps.schemes import Example
from smallsteps.training.batches import plan
from smallsteps.training.collate import Collator
from smallsteps.training.models import Hardware, load_model, quiet
from smallsteps.training.monitor import Monitor
from smallsteps.training.tokens import Encoded, encode
from smallsteps.training.trainer import StudentTrainer

CPU = Hardware("cpu", "fp32", "eager")


def make(
    kind: str, tokenizer_dir: Path, tokenizer: Any, examples: list[Example], work: Path, **changes: Any
) -> tuple[StudentTrainer, Encoded]:
    dropout = {"attention_dropout": 0.0} if kind == "llama" else {"dropout_rate": 0.0}
    settings = optimisation(**changes)
    model = load_model(base(kind, tokenizer_dir, **dropout), tokenizer, CPU, 1)
    encoded = encode(examples, tokenizer, encoder_decoder=kind == "t5", max_length=64)
    planned = plan(
        encoded.lengths, encoded.source_lengths, batch_tokens=512, steps=settings.steps, epochs=None, seed=1
    )
    collator = Collator(
        encoded,
        pad=tokenizer.pad_token_id,
        start=tokenizer.pad_token_id if kind == "t5" else None,
        prompt_weight=settings.prompt_weight,
        accumulate=settings.accumulate,
    )
    totals = planned.totals(encoded.lengths)
    monitor = Monitor(totals, totals, 0, None)
    with quiet():
        trainer = StudentTrainer(model, planned, collator, settings, CPU, monitor, seed=1, work=work)
        trainer.create_optimizer()
    return trainer, encoded


def gradients(trainer: StudentTrainer, rows: list[int]) -> tuple[float, dict[str, torch.Tensor]]:
    loss = trainer.training_step(trainer.model, trainer.data_collator(rows))  # type: ignore[arg-type]
    return float(loss), {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("prompt_weight", [0.0, 0.15])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_accumulation_changes_neither_loss_nor_gradients(
    kind: str,
    prompt_weight: float,
    tokenizer_dir: Path,
    tokenizer: Any,
    examples: list[Example],
    tmp_path: Path,
) -> None:
    found = {}
    for accumulate in (1, 2, 4, 64):
        trainer, _ = make(
            kind,
            tokenizer_dir,
            tokenizer,
            examples,
            tmp_path,
            accumulate=accumulate,
            prompt_weight=prompt_weight,
        )
        found[accumulate] = gradients(trainer, list(range(13)))  # 13: unequal micro-batches
    loss, reference = found[1]
    for accumulate in (2, 4, 64):
        again, other = found[accumulate]
        assert again == pytest.approx(loss, rel=1e-6)
        assert other.keys() == reference.keys()
        for name, gradient in reference.items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-4, atol=1e-7, msg=name)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_loss_and_gradients_are_those_of_transformers(
    kind: str, tokenizer_dir: Path, tokenizer: Any, examples: list[Example], tmp_path: Path
) -> None:
    """One row at a time there are neither padding nor masks: the model's own loss is the reference."""
    trainer, encoded = make(kind, tokenizer_dir, tokenizer, examples, tmp_path)
    rows = [3, 14, 15, 92]
    loss, mine = gradients(trainer, rows)
    trainer.release()
    trainer.model.zero_grad()
    total = torch.zeros(())
    for row in rows:
        ids = torch.from_numpy(encoded.sequences[row].astype(np.int64))[None]
        if kind == "t5":
            source = torch.from_numpy(encoded.sources[row].astype(np.int64))[None]
            output = trainer.model(input_ids=source, labels=ids)
        else:
            labels = ids.clone()
            labels[:, : encoded.prompts[row]] = -100
            output = trainer.model(input_ids=ids, labels=labels)
        total = total + output.loss * int(encoded.supervised[row])
    total = total / int(encoded.supervised[rows].sum())
    total.backward()
    assert loss == pytest.approx(float(total.detach()), rel=1e-5)
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(mine[name], parameter.grad, rtol=1e-4, atol=1e-7, msg=name)


def test_prompt_weight_scales_prompt_tokens(
    tokenizer_dir: Path, tokenizer: Any, examples: list[Example], tmp_path: Path
) -> None:
    """loss(w) = (target sum + w prompt sum) / (targets + w prompts): three weights determine each other."""
    losses = {}
    for weight in (0.0, 0.25, 1.0):
        trainer, encoded = make("llama", tokenizer_dir, tokenizer, examples, tmp_path, prompt_weight=weight)
        losses[weight], _ = gradients(trainer, [1, 2, 3])
    targets = int(encoded.supervised[[1, 2, 3]].sum())
    prompts = int(encoded.prompts[[1, 2, 3]].sum()) - 3  # nothing predicts the first token of a row
    target_sum = losses[0.0] * targets
    prompt_sum = losses[1.0] * (targets + prompts) - target_sum
    expected = (target_sum + 0.25 * prompt_sum) / (targets + 0.25 * prompts)
    assert losses[0.25] == pytest.approx(expected, rel=1e-5)


def test_head_sees_target_positions_only(
    tokenizer_dir: Path, tokenizer: Any, examples: list[Example], tmp_path: Path
) -> None:
    trainer, encoded = make("llama", tokenizer_dir, tokenizer, examples, tmp_path)
    seen: list[tuple[int, ...]] = []
    trainer.model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    gradients(trainer, [1, 2, 3])
    targets = int(encoded.supervised[[1, 2, 3]].sum())
    assert targets < 64  # filled up to a multiple of it
    assert seen == [(64, len(tokenizer))]
