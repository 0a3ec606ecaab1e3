"""Packed rows give what padded rows give; a model that cannot be packed is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_training_gradients import gradients
from training_cases import STILL, base, optimisation

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, train
from smallsteps.training.batches import joined, plan
from smallsteps.training.collate import Collator
from smallsteps.training.models import Hardware, load_model, quiet
from smallsteps.training.monitor import Monitor
from smallsteps.training.packed import FAMILIES
from smallsteps.training.tokens import encode
from smallsteps.training.trainer import StudentTrainer

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
GROUPED = {**SMALL, "num_key_value_heads": 2}  # queries that share keys
FIELDS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, **STILL["gpt2"]},
    "gpt_neox": SMALL,
    "llama": GROUPED,
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 16},
    "smollm3": GROUPED,
}


def trainer_of(
    attention: str, kind: str, tokenizer_dir: Path, tokenizer: Any, examples: list[Example], work: Path
) -> StudentTrainer:
    """Trains on all micro-batches of a step, with some loss on the prompts."""
    settings = optimisation(accumulate=2, prompt_weight=0.15)
    chosen = Hardware("cpu", "fp32", attention)
    spec = BaseSpec(architecture={"model_type": kind, **FIELDS[kind]}, tokenizer=str(tokenizer_dir))
    model = load_model(spec, tokenizer, chosen, 1)
    encoded = encode(examples, tokenizer, encoder_decoder=False, max_length=64)
    planned = plan(encoded.lengths, encoded.source_lengths, batch_tokens=512, steps=1, epochs=None, seed=1)
    collator = Collator(
        encoded, pad=1, start=None, prompt_weight=0.15, accumulate=2, packed=attention == "packed"
    )
    monitor = Monitor(planned.totals(encoded.lengths), planned.totals(encoded.supervised), 0, None)
    with quiet():
        return StudentTrainer(model, planned, collator, settings, chosen, monitor, seed=1, work=work)


@pytest.mark.parametrize("kind", FAMILIES)
def test_packed_rows_give_the_loss_and_gradients_of_padded_rows(
    kind: str, tokenizer_dir: Path, tokenizer: Any, examples: list[Example], tmp_path: Path
) -> None:
    rows = list(range(13))
    given = (kind, tokenizer_dir, tokenizer, examples, tmp_path)
    loss, reference = gradients(trainer_of("sdpa", *given), rows)
    packed = trainer_of("packed", *given)
    again, mine = gradients(packed, rows)
    assert again == pytest.approx(loss, rel=1e-6)
    assert mine.keys() == reference.keys()
    for name, gradient in reference.items():
        torch.testing.assert_close(mine[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
    packed.release()
    assert packed.model.config._attn_implementation == "sdpa"


def test_packed_batches_hold_every_example_once_within_the_budget() -> None:
    lengths = np.random.default_rng(1).integers(5, 300, 5000)
    batches = joined(np.arange(5000), lengths, 4096)
    assert np.concatenate(batches).tolist() == list(range(5000))
    tokens = np.array([lengths[rows].sum() for rows in batches])
    assert tokens.max() <= 4096
    assert tokens[:-1].min() > 4096 - 300  # no batch had room for one more
    planned = plan(lengths, 0 * lengths, batch_tokens=4096, steps=None, epochs=1, seed=1, packed=True)
    assert planned.padded.max() <= 4096
    assert planned.totals(lengths)[-1] == lengths.sum()


def test_positions_restart_and_filler_is_an_example_of_its_own(
    tokenizer: Any, examples: list[Example]
) -> None:
    encoded = encode(examples, tokenizer, encoder_decoder=False, max_length=64)
    rows = [4, 2, 9]
    (made,) = Collator(encoded, pad=1, start=None, prompt_weight=0, accumulate=1, packed=True)(rows)
    lengths = [int(encoded.lengths[row]) for row in rows]
    ids, places = (made.model_inputs[name][0] for name in ("input_ids", "position_ids"))
    assert len(ids) == 256
    bounds = made.model_inputs["cu_seq_lens_q"].tolist()
    assert bounds[:5] == [0, *np.cumsum(lengths), 256]
    assert set(bounds[5:]) == {256}
    assert np.flatnonzero(places[: sum(lengths)] == 0).tolist() == bounds[:3]
    assert not places[sum(lengths) :].any()
    real = made.labels >= 0
    predicted = ids[made.positions[real] + 1]
    assert torch.equal(predicted, made.labels[real])
    targets = np.concatenate([encoded.sequences[row][encoded.prompts[row] :] for row in rows])
    assert predicted.tolist() == targets.tolist()


def test_packed_training_on_a_cpu_learns_and_says_so(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    settings = optimisation(attention="packed", precision="bf16")
    spec = base("llama", tokenizer_dir, **STILL["llama"])
    figures = train(examples, spec, settings, seed=1, out=tmp_path / "student").figures
    assert figures.attention == "packed"
    assert figures.final_loss < figures.first_loss
    assert figures.padded_tokens <= 12 * 512


@pytest.mark.parametrize(("kind", "reason"), [("llama", "dropout"), ("t5", "families")])
def test_a_model_that_cannot_be_packed_is_refused(
    kind: str, reason: str, tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=reason):
        train(
            examples,
            base(kind, tokenizer_dir),
            optimisation(attention="packed"),
            seed=1,
            out=tmp_path / "student",
        )


def test_weights_in_bf16_are_trained_and_stored_so(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    settings = optimisation(precision="bf16_weights", optimizer="adamw")
    spec = base("llama", tokenizer_dir)
    figures = train(examples, spec, settings, seed=1, out=tmp_path / "student").figures
    assert figures.final_loss < figures.first_loss
    stored = load_file(tmp_path / "student" / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.bfloat16}
