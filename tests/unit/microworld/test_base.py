"""The base models' corpus and shapes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from smallsteps.microworld import tokenizer
from smallsteps.microworld.corpus import MIX, base_corpus, replay
from smallsteps.microworld.text import COT_CUE
from smallsteps.studies.places import resolve_base
from smallsteps.studies.recipe import load_recipe
from smallsteps.training.models import hardware, load_model, load_tokenizer


def test_both_formats_in_equal_shares() -> None:
    rows = [e for e in base_corpus(0, 6000) if e.prompt != "Facts:"]
    assert all(e.prompt.startswith("Q: ") and e.target.startswith(" ") for e in rows)
    cued = [e for e in rows if e.prompt.endswith(COT_CUE)]
    assert 0.47 < len(cued) / len(rows) < 0.53
    for example in rows:
        if not example.prompt.endswith(COT_CUE):
            assert example.prompt.endswith("\nA:")
            assert example.target.startswith(" The answer is ")
    equations = [e for e in rows if " coins" in e.prompt]
    assert 0.4 < sum(e.prompt.endswith(COT_CUE) for e in equations) / len(equations) < 0.6


def test_mix_and_seed() -> None:
    assert sum(MIX.values()) == 100
    rows = list(base_corpus(1, 2000))
    assert rows == list(base_corpus(1, 2000))
    assert rows != list(base_corpus(2, 2000))
    facts = sum(e.prompt == "Facts:" for e in rows) / len(rows)
    assert abs(facts - MIX["facts"] / 100) < 0.03


def test_replay_is_balanced() -> None:
    rows = replay(0, 1600)
    assert len(rows) == 1600
    formats = Counter(e.prompt.endswith(COT_CUE) for e in rows)
    assert abs(formats[True] - formats[False]) < 160


@pytest.mark.parametrize("recipe", ["base", "base_t5"])
def test_models_fit_in_four_megabytes_of_fp32(recipe: str, repository: Path) -> None:
    path = repository / "baselines/micro" / f"{recipe}.yaml"
    loaded = load_recipe(path)
    base = resolve_base(loaded.base, path, None)
    model = load_model(base, load_tokenizer(base), hardware(loaded.optimisation), 0)
    assert 600_000 < sum(p.numel() for p in model.parameters()) < 1_000_000  # 4 MB of fp32


def test_the_committed_tokenizer_is_the_world_s(repository: Path, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    for folder in ("tokenizer", "base"):
        committed = repository / "baselines/micro" / folder / "tokenizer.json"
        assert json.loads(committed.read_text()) == json.loads((tmp_path / "tokenizer.json").read_text())
