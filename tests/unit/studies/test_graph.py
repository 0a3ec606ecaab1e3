"""Recipes that need students of others: order, keys, mistakes, and a small study of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.files import read_object
from smallsteps.schemes import Solution, Turn
from smallsteps.studies import load_recipe, load_study
from smallsteps.studies.graph import circles
from smallsteps.studies.plan import Plan, plan_study
from smallsteps.studies.run import recipe_stages
from smallsteps.studies.runner import Carried, carry_out
from smallsteps.studies.stages import RunStage
from smallsteps.studies.teaching import text_of

SHARED = """\
base: {path: baselines/micro/base}
corpus: {benchmark: micro_problems, limit: 20, teacher: {kind: oracle}, keep: all, sampling: {max_tokens: 60}}
optimisation: {steps: 2, learning_rate: 1e-3, batch_tokens: 1024}
"""
FIRST = "recipe: first\nscheme: cot\n" + SHARED
ASKS = "recipe: asks\nscheme: socratic\n" + SHARED.replace("keep: all", "keep: all, decomposition: gold")
TAUGHT = "recipe: taught\nscheme: cot\n" + SHARED.replace("kind: oracle", "kind: student, recipe: first")
MIXED = ASKS.replace("asks", "mixed") + "parts: {decomposer: {from: asks}, solver: {steps: 3}}\n"
LENT = """\
recipe: lent
scheme: socratic
base: {path: baselines/micro/base}
optimisation: {steps: 2, learning_rate: 1e-3}
parts: {decomposer: {from: asks}, solver: {from: mixed, part: solver}}
"""
STUDY = """\
study: graph
title: Students that need students
recipes: [lent.yaml, mixed.yaml, taught.yaml, first.yaml, asks.yaml]
suites:
  target: {role: target, tasks: [smallsteps_micro_problems], limit: 4}
gold_plans: [lent]
"""
FILES = {"first": FIRST, "asks": ASKS, "taught": TAUGHT, "mixed": MIXED, "lent": LENT, "study": STUDY}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path / "study.yaml"


def planned(study: Path) -> Plan:
    loaded, recipes = load_study(study)
    return plan_study(loaded, recipes, study, study.parent / "out", None)


def told(study: Path, name: str, before: str, after: str) -> str:
    path = study.parent / f"{name}.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(ConfigError) as caught:
        load_study(study)
    return str(caught.value)


def test_what_is_needed_comes_first_whatever_the_order_of_the_file(study: Path) -> None:
    plan = planned(study)
    seen: set[str] = set()
    for stage in plan.stages():
        assert set(stage.needs) <= seen, stage.label
        seen.add(stage.key)
    taught = plan.students["taught", 1]
    assert taught.corpus is not None
    assert taught.corpus.inputs() == (plan.students["first", 1],)
    mixed, lent = plan.students["mixed", 1], plan.students["lent", 1]
    assert mixed.lenders == {"decomposer": plan.students["asks", 1]}
    assert lent.lenders == {"decomposer": plan.students["asks", 1], "solver": mixed}
    assert (lent.corpus, lent.after) == (None, ())


def test_a_change_of_the_first_makes_all_that_need_it_anew(study: Path) -> None:
    before = planned(study)
    path = study.parent / "asks.yaml"
    path.write_text(path.read_text().replace("steps: 2", "steps: 4"))
    after = planned(study)
    changed = {
        name for (name, seed), stage in after.students.items() if stage.key != before.students[name, seed].key
    }
    assert changed == {"asks", "mixed", "lent"}


def test_recipes_that_need_nobody_keep_their_keys(study: Path) -> None:
    alone = planned(study).students["asks", 1].content()
    assert set(alone) == {"recipe", "base", "corpus", "seed"}


@pytest.mark.parametrize(
    ("name", "before", "after", "line", "message"),
    [
        ("taught", "recipe: first", "recipe: frist", 4, "unknown recipe of this study 'frist'"),
        ("taught", "recipe: first", "recipe: frist", 4, "did you mean 'first'?"),
        ("mixed", "from: asks", "from: aks", 6, "did you mean 'asks'?"),
        ("lent", "part: solver", "part: sovler", 5, "did you mean 'solver'?"),
        ("taught", "recipe: first", "recipe: taught", 4, "circle: 'taught' needs 'taught'"),
        ("mixed", "from: asks", "from: lent", 5, "circle: 'lent' needs 'mixed' needs 'lent'"),
        ("mixed", "from: asks", "from: asks, steps: 5", 1, "'steps' has no effect"),
        ("mixed", "from: asks", "from: 3", 1, "'from' names a recipe"),
        ("lent", "{from: asks}", "{steps: 3}", 1, "give either 'corpus'"),
    ],
)
def test_mistakes_have_file_line_and_nearest_name(
    study: Path, name: str, before: str, after: str, line: int, message: str
) -> None:
    text = told(study, name, before, after)
    assert message in text
    where = study.parent / f"{'lent' if 'lent' in after and name == 'mixed' else name}.yaml"
    assert f"{where}:{line}: " in text


def test_a_part_is_lent_in_the_format_it_was_trained_in(study: Path) -> None:
    text = told(study, "asks", "scheme: socratic", "scheme: socratic\nformat: {kind: chat}")
    assert "mixed.yaml:6: parts.decomposer.from: 'asks' is asked in another format" in text


def test_such_a_recipe_cannot_be_run_alone(study: Path) -> None:
    with pytest.raises(UserError, match="needs a student of 'first', which only a study trains"):
        recipe_stages(study.parent / "taught.yaml", None)
    with pytest.raises(UserError, match="needs a student of 'asks'"):
        recipe_stages(study.parent / "mixed.yaml", None)
    assert load_recipe(study.parent / "lent.yaml").trained == ()


def test_circles_are_found_once() -> None:
    assert circles({"a": ["b"], "b": ["c", "d"], "c": ["b"], "d": []}) == [["b", "c"]]
    assert circles({"a": ["a"], "b": ["a"]}) == [["a"]]
    assert circles({"a": ["b"], "b": []}) == []
    assert len(circles({f"n{i}": [f"n{i + 1}"] for i in range(5000)})) == 0


def test_what_a_dialogue_teaches() -> None:
    turns = (Turn("a?", "One.", "eos", 1), Turn("b?", "The answer is 2.", "eos", 1))
    assert text_of(Solution("The answer is 2.", 2, "eos", turns)) == "One.\nThe answer is 2."
    assert text_of(Solution("4", 2, "eos", turns)) == "4"


def test_students_of_students_are_trained(study: Path) -> None:
    stages = [stage for stage in planned(study).stages() if not isinstance(stage, RunStage)]
    carry_out(stages, study.parent / "out", workers=1)
    cards = {path.parent.name.rpartition("-s1-")[0]: read_object(path) for path in
             (study.parent / "out" / "students").glob("*/student.json")}  # fmt: skip
    assert cards["mixed"]["weights"]["decomposer"] == cards["asks"]["weights"]["decomposer"]
    assert cards["mixed"]["weights"]["solver"] != cards["asks"]["weights"]["solver"]
    assert cards["mixed"]["training"]["solver"]["steps"] == 3
    assert cards["lent"]["weights"] == cards["mixed"]["weights"]
    (corpus,) = (study.parent / "out" / "corpora").glob("taught-*/rationales.jsonl")
    rows = [json.loads(line) for line in corpus.read_text().splitlines()]
    assert rows
    assert all(row["teacher"].startswith("student:first:s1:") for row in rows)
    assert carry_out(stages, study.parent / "out") == Carried(len(stages), {})
