"""Long texts and large models: pieces, checkpointing, what is stored, what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import LLAMA, STILL, base, optimisation

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.students.card import hash_weights
from smallsteps.studies.capacity import workers_in_memory
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.stages import student_stage
from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training.chunked import check_head
from smallsteps.training.cost import cost, cost_of, muon_flops

LONG = """
import resource, sys
from pathlib import Path
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, Optimisation, train
tokenizer, out, tokens, chunk, checkpointing = sys.argv[1:]
llama = {"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1,
         "intermediate_size": 64, "max_position_embeddings": 40000, "vocab_size": 20000}
text = " ".join(f"w{i % 60}" for i in range(int(tokens) - 8))
done = train([Example("Q: w1 A:", f" {text}")], BaseSpec(architecture=llama, tokenizer=tokenizer),
    Optimisation(steps=1, learning_rate=1e-3, max_length=40000, batch_tokens=40000, attention="sdpa",
                 precision="fp32", loss_chunk=int(chunk), gradient_checkpointing=checkpointing == "1"),
    seed=1, out=Path(out))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, done.figures.final_loss)
"""


def long(tokenizer_dir: Path, out: Path, tokens: int, chunk: int, checkpointing: bool) -> tuple[int, float]:
    """Peak MiB of a process that trains on one text, and its loss."""
    arguments = [str(tokenizer_dir), str(out), str(tokens), str(chunk), str(int(checkpointing))]
    done = subprocess.run(
        [sys.executable, "-c", LONG, *arguments], capture_output=True, text=True, check=True
    )
    memory, loss = done.stdout.split()
    return int(memory), float(loss)


@pytest.mark.full
def test_a_text_of_8k_tokens_fits(tokenizer_dir: Path, tmp_path: Path) -> None:
    """20,000 words: its logits alone take 640 MB, as their gradient does."""
    whole = long(tokenizer_dir, tmp_path / "a", 8000, 0, False)
    spared = long(tokenizer_dir, tmp_path / "b", 8000, 256, True)
    print(f"8k tokens: {whole[0]} MiB whole, {spared[0]} MiB in pieces with checkpointing")
    assert spared[1] == pytest.approx(whole[1], rel=1e-5)
    assert spared[0] < whole[0] - 1000


@pytest.mark.parametrize("attention", ["eager", "fused"])
def test_checkpointing_changes_no_bit(
    attention: str, tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """With dropout for eager; it is no other training, so that the second is only read."""
    for name, on in (("a", False), ("b", True)):
        changes: dict[str, Any] = {} if attention == "eager" else STILL["llama"]
        settings = optimisation(steps=3, gradient_checkpointing=on, attention=attention, prompt_weight=1.0)
        train(examples, base("llama", tokenizer_dir, **changes), settings, seed=1, out=tmp_path / name)
    assert hash_weights(tmp_path / "a") == hash_weights(tmp_path / "b")


def test_a_head_whose_logits_are_changed_is_refused() -> None:
    head, hidden = torch.nn.Linear(4, 8), torch.randn(1, 4)
    check_head(head, hidden, head(hidden), "Model")
    with pytest.raises(UserError, match="loss cannot be computed in pieces") as caught:
        check_head(head, hidden, torch.tanh(head(hidden)), "Model")
    assert caught.value.fix == "set 'loss_chunk: 0'"


@pytest.mark.parametrize(("kept", "expected"), [("base", torch.bfloat16), ("fp32", torch.float32)])
def test_weights_are_stored_as_the_base_has_them(
    kept: str, expected: Any, tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    train(examples, base("llama", tokenizer_dir), optimisation(steps=2), seed=1, out=tmp_path / "a")
    assert load_file(tmp_path / "a" / "model.safetensors")["model.norm.weight"].dtype == torch.float32
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a", dtype=torch.bfloat16)
    model.save_pretrained(tmp_path / "a")
    settings = optimisation(steps=2, save_weights=kept)
    train(examples, BaseSpec(path=str(tmp_path / "a")), settings, seed=1, out=tmp_path / "b")
    assert {w.dtype for w in load_file(tmp_path / "b" / "model.safetensors").values()} == {expected}


def test_keys_of_trainings_stay_as_they_were() -> None:
    settings = Optimisation(steps=1, learning_rate=1)
    later = {"gradient_checkpointing", "loss_chunk", "save_weights"}
    assert later.isdisjoint(settings.identity())
    assert "loss_chunk" in Optimisation(steps=1, learning_rate=1, loss_chunk=7).identity()


def test_cost_of_muon() -> None:
    """By hand: 5 iterations of 4 m m n + 2 m m m; none for AdamW, whose memory is larger."""
    assert muon_flops([(2, 3)]) == 5 * (4 * 2 * 2 * 3 + 2 * 8)
    shapes = {"model.embed_tokens.weight": (100, 64), "layer.weight": (64, 64), "norm.weight": (64,)}
    settings = Optimisation(steps=1, learning_rate=1, batch_tokens=64)
    muon = cost(shapes, {}, settings)
    assert muon.parameters == 100 * 64 + 64 * 64 + 64
    assert muon.optimizer_flops == 5 * 6 * 64**3
    assert 0.2 < muon.share < 0.7
    assert "adamw" in muon.words(settings)
    adamw = cost(shapes, {}, settings.model_copy(update={"optimizer": "adamw"}))
    assert adamw.optimizer_flops == 0
    assert adamw.memory == muon.memory + 4 * 64 * 64


def test_as_many_workers_as_memory_allows(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    train(examples, base("llama", tokenizer_dir), optimisation(steps=2), seed=1, out=tmp_path / "base")
    spec = BaseSpec(path=str(tmp_path / "base"))
    recipe = {
        "recipe": "r",
        "scheme": "cot",
        "base": {"path": str(tmp_path / "base")},
        "corpus": {"benchmark": "gsm8k"},
        "optimisation": {"steps": 1, "learning_rate": 1e-3},
    }
    stage = student_stage(Recipe.model_validate(recipe), tmp_path / "r.yaml", 1, None, None)
    found = cost_of(spec, Optimisation(steps=1, learning_rate=1e-3))
    assert found is not None
    assert workers_in_memory([stage], free=int(found.memory * 3.5)) == 3
    assert workers_in_memory([stage], free=1) == 1
    assert workers_in_memory([], free=1) > 64
    assert cost_of(BaseSpec(architecture=LLAMA, tokenizer="x"), optimisation()) is None
