"""Rounds of a study: what they expand to, what is wrong with them, and where a rule stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.studies.plan import plan_study
from smallsteps.studies.recipe import Recipe, load_recipe
from smallsteps.studies.rounds import last_round
from smallsteps.studies.stages import MixStage
from smallsteps.studies.stopping import stopping_notes
from smallsteps.studies.study import load_study

RECIPE = """\
recipe: own
scheme: {scheme}
base: {{path: baselines/micro/base}}
corpus: {{benchmark: micro_problems, limit: 8}}
corpora: [{{decomposition: gold}}]
optimisation: {{steps: 1, learning_rate: 1e-3}}
"""
STUDY = """\
study: rounds
title: Rounds
rounds:
  - recipe: own.yaml
    rounds: 3
    section: {section}
{more}
seeds: [1, 2]
suites:
  target: {{role: target, limit: 2, tasks: [smallsteps_micro_problems]}}
"""


def written(
    folder: Path, scheme: str = "multi_strategy", section: str = "{samples: 2}", more: str = ""
) -> Path:
    (folder / "own.yaml").write_text(RECIPE.format(scheme=scheme))
    (folder / "study.yaml").write_text(STUDY.format(section=section, more=more))
    return folder / "study.yaml"


def test_rounds_are_recipes_taught_by_the_round_before(tmp_path: Path) -> None:
    _, recipes = load_study(written(tmp_path, more="    strategies: [cot, least_to_most]"))
    first, second, third = recipes.values()
    assert [r.recipe for r in recipes.values()] == ["own-r1", "own-r2", "own-r3"]
    assert len(first.sections) == 2
    assert first.mixing == "all"
    assert third.mixing == "adaptive"
    assert [s.samples for s in third.sections] == [1, 1, 2, 2]
    taught = [s.teacher.model_dump() for s in third.sections[2:]]
    assert taught == [
        {"kind": "student", "recipe": "own-r2", "seed": "own", "strategy": name}
        for name in ("cot", "least_to_most")
    ]
    assert second.sections[0] == first.sections[0]


def test_every_seed_has_a_teacher_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path)
    study, recipes = load_study(path)
    plan = plan_study(study, recipes, path, tmp_path / "out", None)
    mixes = [stage for stage in plan.stages() if isinstance(stage, MixStage)]
    assert [mix.name for mix in mixes] == ["own-r1", "own-r2-s1", "own-r2-s2", "own-r3-s1", "own-r3-s2"]
    last = plan.students["own-r3", 2]
    teachers = {one.teacher.name for one in last.corpus.sections if one.teacher}  # type: ignore[union-attr]
    assert teachers == {"own-r2-s2"}
    assert all(section.mixed for mix in mixes for section in mix.sections)


def test_a_scheme_of_one_way_has_one_section_a_round(tmp_path: Path) -> None:
    _, recipes = load_study(written(tmp_path, scheme="cot"))
    last = list(recipes.values())[-1]
    assert [s.teacher.kind for s in last.sections] == ["oracle", "oracle", "student"]


@pytest.mark.parametrize(
    ("scheme", "section", "more", "said"),
    [
        ("multi_strategy", "{samples: 2}", "    strategies: [guess]", "has no strategy 'guess'"),
        ("cot", "{samples: 2}", "    strategies: [cot]", "none, leave the key out"),
        ("cot", "{teacher: {kind: oracle}}", "", "'section' names no teacher"),
        ("cot", "{smaples: 2}", "", "did you mean 'samples'?"),
        ("cot", "{split: dev}", "", "'section.split' is that of the recipe"),
        ("cot", "{samples: 2}", "    name: again", "'name' needs '{round}'"),
        ("cot", "{samples: 2}", "    stop: {on: dev, gain: 1}", "speaks of 'dev', which is no suite"),
    ],
)
def test_wrong_rounds_are_errors(tmp_path: Path, scheme: str, section: str, more: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_study(written(tmp_path, scheme, section, more))
    assert said in str(caught.value)
    assert "study.yaml" in str(caught.value)


def test_an_unknown_strategy_of_a_teacher_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path)
    teacher = "{kind: student, recipe: own-r1, strategy: cto}"
    text = f"extends: own.yaml\nrecipe: two\ncorpora: [{{teacher: {teacher}}}]\n"
    (tmp_path / "two.yaml").write_text(text)
    path.write_text(path.read_text() + "recipes: [two.yaml]\n")
    with pytest.raises(UserError) as caught:
        load_study(path)
    assert "unknown strategy of 'multi_strategy': 'cto'" in str(caught.value)
    assert "two.yaml:3" in str(caught.value)


@pytest.mark.parametrize(
    ("scores", "gain", "found"),
    [([0.2, 0.3, 0.305, 0.5], 1.0, 2), ([0.2, 0.3, 0.4], 1.0, 3), ([0.3, 0.2], 1.0, 1), ([0.1], 5.0, 1)],
)
def test_a_rule_stops_before_the_first_small_gain(scores: list[float], gain: float, found: int) -> None:
    assert last_round(scores, gain) == found


def test_the_report_says_where_the_rule_stops(tmp_path: Path) -> None:
    path = written(tmp_path, more="    stop: {on: target, gain: 1}")
    study, _ = load_study(path)
    right = {"own-r1": 2, "own-r2": 3, "own-r3": 3}
    rows = [
        Outcome(student=name, seed=1, task="smallsteps_micro_problems", item=str(i), score=float(i < count))
        for name, count in right.items()
        for i in range(4)
    ]
    (note,) = stopping_notes(study, path, OutcomeTable.of(rows))
    assert "stops at round 2: 50.0, 75.0, 75.0 per cent in rounds 1 to 3" in note


def test_sections_differ_from_the_first_in_what_they_name(tmp_path: Path) -> None:
    recipe = load_recipe_text(tmp_path, "corpora: [{decomposition: gold, samples: 3}]")
    first, second = recipe.sections
    assert (first.samples, second.samples, second.limit) == (1, 3, 8)
    assert (first.decomposition, second.decomposition) == ("none", "gold")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("corpora: [{split: dev}]", "corpora.0: 'split' is that of 'corpus'"),
        ("corpora: [{samples: none}]", "corpora.0.samples"),
        (
            "corpus: null\ncorpora: [{samples: 2}]\nexamples: {source: smallsteps.microworld.corpus:replay}",
            "'corpora' and 'mixing' go with 'corpus'",
        ),
    ],
)
def test_wrong_sections_are_errors(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe_text(tmp_path, text)
    assert said.split(" go ")[0] in str(caught.value)


def load_recipe_text(folder: Path, text: str) -> Recipe:
    (folder / "own.yaml").write_text(RECIPE.format(scheme="multi_strategy"))
    (folder / "two.yaml").write_text(f"extends: own.yaml\nrecipe: two\n{text}\n")
    return load_recipe(folder / "two.yaml")
