"""The `objective:` section of recipes: contradictions, what names a student, and one small run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from smallsteps.errors import ConfigError
from smallsteps.files import read_object
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.stages import corpus_stage, student_stage

LOCAL = {"kind": "huggingface", "model": "teachers/large"}


def written(folder: Path, **changes: Any) -> Path:
    recipe: dict[str, Any] = {
        "recipe": "matching",
        "scheme": "cot",
        "base": {"path": "base"},
        "corpus": {"benchmark": "gsm8k", "teacher": LOCAL, "sampling": {"logprobs": 5}},
        "optimisation": {"steps": 2, "learning_rate": 0.001},
        **changes,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": {"kl": 1}, "corpus": {"benchmark": "gsm8k"}}, "on-line teacher"),
        ({"objective": {"kl": 1}, "corpus": {"benchmark": "gsm8k", "teacher": LOCAL}}, "set it to 5 or more"),
        ({"objective": {"unlikelihood": 1}}, "keep: all"),
        ({"objective": {"weights": {"label": 1}}}, "'cot' has one format only"),
        ({"objective": {"weights": {"lable": 1}}, "scheme": "multitask"}, "are label, rationale"),
        ({"objective": {"divergance": "reverse"}}, "divergence"),
    ],
)
def test_objectives_that_the_corpus_or_scheme_cannot_give(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe(written(tmp_path, **changes))


def test_objectives_that_can_be_given(tmp_path: Path) -> None:
    weights = {"label": 0.5, "rationale": 0.5}
    load_recipe(written(tmp_path, scheme="multitask", objective={"kl": 0.5, "weights": weights}))
    assert load_recipe(written(tmp_path)).objective.is_plain


def test_only_a_stated_objective_names_another_student(tmp_path: Path) -> None:
    base = {"architecture": {"model_type": "llama"}, "tokenizer": "tokenizer"}
    found = []
    for changes in ({}, {"objective": {}}, {"objective": {"kl": 0.5}}):
        path = written(tmp_path, base=base, **changes)
        found.append(student_stage(load_recipe(path), path, 1, None, None))
    assert found[0].key == found[1].key != found[2].key
    assert "objective" not in found[0].content()["recipe"]
    assert "loss_chunk" not in found[0].content()["recipe"]["optimisation"]


@pytest.mark.full
def test_a_recipe_from_stored_distributions_to_a_student(data_dir: Path, tmp_path: Path) -> None:
    """Codex's top-5 through corpus and scheme to a tiny T5 with the real tokenizer."""
    path = written(
        tmp_path,
        scheme="specialise",
        base={
            "architecture": {
                "model_type": "t5",
                "d_model": 16,
                "num_layers": 1,
                "d_ff": 32,
                "d_kv": 8,
                "num_heads": 2,
            },
            "tokenizer": "tokenizers/t5",
            "eos_token": "</s>",
        },
        corpus={
            "benchmark": "gsm8k",
            "limit": 1,
            "samples": 3,
            "teacher": {
                "kind": "file",
                "path": "teacher/codex_gsm8k_train_logprobs.jsonl.gz",
                "format": "codex_logprobs",
            },
        },
        objective={"kl": 1.0, "tail": "drop"},
        optimisation={"steps": 2, "learning_rate": 0.001, "max_length": 512, "batch_tokens": 768},
    )
    recipe = load_recipe(path)
    assert recipe.corpus is not None
    corpus = corpus_stage(recipe.recipe, recipe.corpus, path, tmp_path, data_dir)
    student = student_stage(recipe, path, 1, data_dir, corpus)
    for stage in (corpus, student):
        stage.folder(tmp_path).mkdir(parents=True)
        stage.work(tmp_path, lambda *_: None)
    figures = read_object(student.folder(tmp_path) / "model" / "training.json")["objective"]
    assert figures["coverage"] > 0.99
    assert figures["losses"]["kl"] > 0
    assert set(figures["tokens"]) == {
        "zero_shot_answer",
        "zero_shot_chain",
        "in_context_answer",
        "in_context_chain",
    }
