"""Limited suites: the same items for all students, from all subtasks, more items with a larger limit."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallsteps.engines.numerics import Numerics
from smallsteps.engines.prompts import FormatSpec
from smallsteps.evaluation.docs import documents
from smallsteps.evaluation.draw import DRAW, Thin, drawn, thin
from smallsteps.evaluation.runner import Settings, _key, evaluate
from smallsteps.outcomes.table import read_outcomes
from smallsteps.problems import load_benchmark
from smallsteps.studies.stages.run import Model, RunStage
from smallsteps.studies.study import Study, SuiteSpec
from support.commands import call


def docs(sizes: dict[str, int]) -> list[dict[str, str]]:
    return [{"item": f"{name}{n}", "subtask": name} for name, size in sizes.items() for n in range(size)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.integers(1, 200))
def test_every_subtask_has_its_share(sizes: list[int], count: int) -> None:
    rows = docs({f"t{n}-": size for n, size in enumerate(sizes)})
    places = drawn(rows, count)
    assert places == sorted(set(places))
    assert len(places) == min(count, len(rows))
    found = Counter(rows[place]["subtask"] for place in places)
    for name, size in Counter(row["subtask"] for row in rows).items():
        assert abs(found[name] - len(places) * size / len(rows)) <= 1
    assert set(places) <= set(drawn(rows, count + 1))


def test_the_draw_depends_on_the_items_alone() -> None:
    """The first 48 of 16 subtasks with 200 items each were all of the first subtask."""
    rows = docs({f"t{n}-": 200 for n in range(16)})
    chosen = {rows[place]["item"] for place in drawn(rows, 48)}
    assert set(Counter(item.split("-")[0] for item in chosen).values()) == {3}
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    assert {shuffled[place]["item"] for place in drawn(shuffled, 48)} == chosen
    assert drawn(rows, 48) != list(range(48))
    assert drawn([{"question": "a"}] * 5, 3) == drawn([{"question": "b"}] * 5, 3)  # tasks that are not ours


def suite(limit: int | None) -> SuiteSpec:
    return SuiteSpec(role="target", tasks=["smallsteps_micro_generic_answer_only"], limit=limit)


def test_the_rule_is_in_the_key_of_limited_runs_alone() -> None:
    def content(limit: int | None) -> dict[str, Any]:
        model = Model("place", "weights", "cot", FormatSpec(), None)
        numerics = Numerics("auto", "float32", "cpu", 8)
        stage = RunStage(
            name="run", suite=suite(limit), subject=model, called="a", seed=None, plans="own",
            numerics=numerics, own={}, data=None,
        )  # fmt: skip
        return stage.content()

    assert "draw" not in content(None)
    assert content(5)["draw"] == DRAW
    base: dict[str, Any] = {"settings": Settings(("t",)).named(), "system": {}, "label": "a", "seed": 1}
    assert "draw" not in base["settings"]
    drawing = {**base, "settings": Settings(("t",), limit=5, draw=DRAW).named()}
    assert _key(drawing) != _key({**base, "settings": Settings(("t",), limit=5).named()})


def test_an_evaluation_answers_the_drawn_items(llama: Path, tmp_path: Path) -> None:
    name = "smallsteps_micro_generic_answer_only"
    settings = Settings((name,), limit=32, draw=DRAW, max_new_tokens=2)
    table = evaluate(llama, settings, tmp_path / "run")
    subtasks = Counter(task for task in table.columns["task"])
    first = evaluate(llama, Settings((name,), limit=32, max_new_tokens=2), tmp_path / "first")
    assert len(table) == len(first) == 32
    assert subtasks == Counter({name: 32})
    assert set(table.columns["item"]) != set(first.columns["item"])
    assert len(set(table.columns["cluster"])) == 16  # the subtask of each item; of the first ones there are 1
    assert len(set(first.columns["cluster"])) < 16


def test_plan_says_which_items_a_limited_suite_has(repository: Path, capsys: Any) -> None:
    code, out, said = call(capsys, "recipes", "plan", repository / "baselines" / "micro" / "smoke.yaml")
    assert code == 0, said
    assert "items  target: 40 items of each task, drawn evenly from its subtasks and the same" in out


@pytest.mark.parametrize("limit", [None, 7])
def test_a_study_names_its_limited_suites(limit: int | None) -> None:
    study = Study(study="s", title="T", recipes=["a.yaml"], suites={"one": suite(limit)})
    assert bool(study.limits()) == (limit is not None)


def test_a_draw_that_leaves_one_item_of_a_part_says_how_many_are_enough() -> None:
    docs = [
        {"item": f"{part}{n}", "subtask": part} for part, size in (("a", 90), ("b", 10)) for n in range(size)
    ]
    found = thin(docs, 10)
    assert found is not None
    assert found.parts == ("b",)
    taken = [docs[place]["subtask"] for place in drawn(docs, found.enough)]
    assert taken.count("b") == 2
    assert [docs[place]["subtask"] for place in drawn(docs, found.enough - 1)].count("b") == 1
    assert thin(docs, found.enough) is None
    assert thin([{"item": "only", "subtask": "c"}, *docs], found.enough + 5) is None  # it has no second item
    assert thin([{"item": str(n)} for n in range(9)], 1) == Thin(("",), 2)


def test_eval_draws_as_studies_do(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limited run can be entered on a board, whose limits draw; an unlimited one keeps its key."""
    arguments = ("--tasks", "smallsteps_micro_problems", "--limit", 6, "--max-new-tokens", 2, "--json")
    code, _, said = call(capsys, "eval", llama, *arguments, "--out", tmp_path / "run")
    assert code == 0, said
    rows = documents(load_benchmark("micro_problems"), "question", "test", None, None)["test"]
    found = set(read_outcomes(tmp_path / "run" / "outcomes.parquet").columns["item"])
    assert found == {rows[place]["item"] for place in drawn(rows, 6)}
    assert found != {row["item"] for row in rows[:6]}
