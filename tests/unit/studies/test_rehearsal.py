"""Replay out of stored problems and rationales."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from smallsteps.corpora import read_corpus
from smallsteps.corpora.overlap import overlap
from smallsteps.errors import UserError
from smallsteps.files import sha256_file
from smallsteps.problems import load_problems, normalised
from smallsteps.resources import shipped
from smallsteps.studies.lessons import lesson_of
from smallsteps.studies.makers import make_examples
from smallsteps.studies.recipe import ReplaySpec, load_recipe
from smallsteps.studies.rehearsal import stored
from smallsteps.studies.run import recipe_stages
from smallsteps.studies.stages import CorpusStage
from support.carried import carry

SOURCE = "smallsteps.studies.rehearsal:stored"


@pytest.fixture
def chains(tmp_path: Path) -> dict[str, str]:
    """Four questions with two chains each, in the layout of divergent CoT."""
    rows = [
        {
            "id": n,
            "question": f"Is {n} even?",
            "label": "AB"[n % 2],
            "options": "A) yes B) no",
            "correct_cots": [{"cot": f"first way {n}."}, {"cot": f"second way {n}."}],
        }
        for n in range(4)
    ]
    path = tmp_path / "chains.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"path": path.name, "format": "dcot", "sha256": sha256_file(path)}


def test_one_rationale_a_question_with_the_gold_answer(chains: dict[str, str], tmp_path: Path) -> None:
    rows = list(make_examples(SOURCE, {"files": [chains], "examples": 4}, tmp_path))
    assert len(rows) == 4
    by_prompt = {row.prompt: row.target for row in rows}
    assert by_prompt["Q: Is 3 even?\nA) yes B) no\nA:"] == " first way 3. The answer is B."
    assert not any("second" in target for target in by_prompt.values())


def test_the_draw_is_repeated_and_never_longer_than_its_source(
    chains: dict[str, str], tmp_path: Path
) -> None:
    first = stored(examples=3, files=[chains], seed=1, data=tmp_path)
    assert first == stored(examples=3, files=[chains], seed=1, data=tmp_path)
    assert len(first) == 3
    assert len(stored(examples=100, files=[chains], data=tmp_path)) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sha256": "0" * 64}, "not the file that the recipe names"),
        ({"format": "no_such"}, "unknown format 'no_such'"),
        ({"path": "no_such.jsonl"}, "no such file"),
    ],
)
def test_a_wrong_file_is_one_clear_error(
    chains: dict[str, str], tmp_path: Path, change: dict[str, str], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        stored(examples=2, files=[{**chains, **change}], data=tmp_path)


def test_nothing_to_draw_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without examples"):
        stored(examples=2, data=tmp_path)
    with pytest.raises(UserError, match="without 'sha256'"):
        stored(examples=2, files=[{"path": "a", "format": "dcot"}], data=tmp_path)


def test_the_shipped_replay_shares_no_question_with_the_generic_suite(
    repository: Path, data_dir: Path
) -> None:
    recipe = load_recipe(repository / "baselines/smollm2/cot_replay.yaml")
    assert recipe.replay is not None
    rows = list(make_examples(recipe.replay.source, {**recipe.replay.arguments, "examples": 5000}, data_dir))
    assert len(rows) > 2500  # all of StrategyQA train and QuaRTz
    seen = {normalised(row.prompt) for row in rows}
    tested = ("arc_easy", "arc_challenge", "piqa", "social_iqa", "winogrande", "openbookqa", "commonsenseqa")
    for name in (*tested, "bbh", "strategyqa"):
        questions = {normalised(f"Q: {p.question}\nA:") for p in load_problems(name, "test", data_dir)}
        assert not questions & seen, name


def test_replay_that_holds_a_test_item_is_left_out_and_counted(tmp_path: Path) -> None:
    """Ages of three people: every sentence is near to one of a test item."""
    text = """
recipe: rehearsed
scheme: cot
base: {path: BASE}
corpus: {benchmark: micro_problems, limit: 100, samples: 1}
optimisation: {steps: 1, learning_rate: 0.01}
replay:
  source: smallsteps.microworld.corpus:replay
  arguments: {seed: 1, tasks: [ordering, largest_number]}
  share: 0.9
  without: [micro_generic]
"""
    path = tmp_path / "rehearsed.yaml"
    path.write_text(text.replace("BASE", str(shipped("baselines") / "micro/base")))
    _, out, stages = recipe_stages(path, tmp_path / "out")
    carry([stage for stage in stages if isinstance(stage, CorpusStage)], out)
    recipe = load_recipe(path)
    corpus = read_corpus(stages[0].folder(out))
    assert recipe.replay is not None
    lesson = lesson_of(recipe, "model", corpus, None)
    whole = recipe.replay.model_copy(update={"without": []})
    everything = lesson_of(recipe.model_copy(update={"replay": whole}), "model", corpus, None)
    assert 0 < lesson.left_out == len(everything.examples) - len(lesson.examples)
    (found,) = overlap([e.prompt + e.target for e in lesson.examples], ["micro_generic"]).benchmarks
    assert (found.exact, found.near) == (0, 0)
    assert "without" not in whole.model_dump()  # students of earlier recipes keep their keys


def test_a_benchmark_that_replay_should_avoid_must_exist() -> None:
    with pytest.raises(ValidationError, match="did you mean 'micro_generic'"):
        ReplaySpec(source=SOURCE, share=0.5, without=["micro_generics"])
