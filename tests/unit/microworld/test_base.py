"""The base models' corpus and shapes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from smallsteps.errors import UserError
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


def test_problems_by_sub_questions_are_a_third_and_all_but_answers_come_after_the_cue() -> None:
    rows = list(base_corpus(0, 12_000, sub_questions=True))
    plans = [e for e in rows if "\nSub-questions:" in e.prompt]
    replies = [e for e in rows if "\nSub-question:" in e.prompt]
    asked = len(plans) + len(replies)
    assert abs(asked / len(rows) - (MIX["one_step"] + MIX["two_steps"]) / 300) < 0.01
    assert abs(len(plans) / asked - 0.5) < 0.06
    for example in (*plans, *replies):
        assert example.prompt.endswith(COT_CUE)
    assert all(e.target.endswith("?") and "\nA:" not in e.prompt for e in plans)
    assert all(" The answer is " in e.target for e in replies)
    assert any(e.prompt.count("Sub-question:") == 2 for e in replies)
    plain = [e for e in rows if "Sub-question" not in e.prompt and e.prompt != "Facts:"]
    assert all(e.prompt.endswith(COT_CUE) or e.target.startswith(" The answer is ") for e in plain)


def test_the_first_base_s_mix_stays_as_it_was() -> None:
    text = repr(list(base_corpus(1, 6000)))
    digest = "3e27800b0095e9cd777a4f4bbaba1911ef566197facb392967bdf1d2f64c5dd2"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_replay_of_some_tasks_and_arithmetic_shows_no_other_task() -> None:
    tasks = ("colored_objects", "navigate")
    rows = replay(1, 1000, tasks=tasks, arithmetic=0.5)
    assert len(rows) == 1000
    sums = [e for e in rows if e.prompt == "Facts:" or e.prompt.startswith("Q: What is ")]
    assert len(sums) == 500
    rest = [e for e in rows if e not in sums]
    colors = sum("What color is" in e.prompt for e in rest)
    moves = sum("at the start?" in e.prompt for e in rest)
    assert (colors, moves) == (250, 250)
    with pytest.raises(UserError, match="did you mean 'navigate'"):
        replay(1, 10, tasks=("navigat",))


def test_replay_is_balanced() -> None:
    rows = replay(0, 1600)
    assert len(rows) == 1600
    formats = Counter(e.prompt.endswith(COT_CUE) for e in rows)
    assert abs(formats[True] - formats[False]) < 160


@pytest.mark.parametrize("recipe", ["base", "base_t5", "base_forms"])
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
