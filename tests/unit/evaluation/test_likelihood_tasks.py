"""Likelihood variants: sound items, plain lm-eval, the numbers of lm-eval's own model, twins that pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.evaluation.docs import document, documents
from smallsteps.evaluation.manager import load_tasks, quietly, task_manager
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.task_files import has_variant
from smallsteps.problems import (
    AnswerKind,
    Benchmark,
    Measure,
    Problem,
    chance_levels,
    form_of_task,
    list_benchmarks,
    load_benchmark,
    measure_of,
    twin_of,
)
from smallsteps.problems.tasks import subtasks_of, task_name

CLOSED = [name for name in list_benchmarks() if has_variant(load_benchmark(name), "likelihood")]
ABSENT = {"date_understanding", "quarel"}  # not in the data directory
OPEN = {
    "bbh": {"dyck_languages", "multistep_arithmetic_two", "object_counting", "word_sorting"},
    "micro_generic": {
        "closing_brackets",
        "dates",
        "first_letters",
        "next_number",
        "object_counting",
        "reversed_list",
        "word_sorting",
    },
}


def closed(benchmark: Benchmark) -> bool:
    return any(benchmark.form_of(name).closed for name in benchmark.subtask_names or [None])  # type: ignore[list-item]


def test_every_benchmark_with_closed_answers_has_a_likelihood_variant() -> None:
    assert {name for name in list_benchmarks() if closed(load_benchmark(name))} == set(CLOSED)
    assert {"arc_challenge", "arc_easy", "piqa", "social_iqa", "winogrande"} <= set(CLOSED)
    assert {"bbh", "boolq_contrast", "commonsenseqa", "openbookqa", "strategyqa"} <= set(CLOSED)


@pytest.mark.parametrize("name", OPEN)
def test_subtasks_with_open_answers_are_left_out(name: str) -> None:
    benchmark = load_benchmark(name)
    assert set(benchmark.subtask_names) - set(subtasks_of(benchmark, "likelihood")) == OPEN[name]


@pytest.mark.parametrize("name", [name for name in CLOSED if name not in ABSENT])
def test_each_item_has_its_right_answer_among_its_options_and_the_key_of_its_twin(
    name: str, data_dir: Path
) -> None:
    benchmark = load_benchmark(name)
    rows = documents(benchmark, "likelihood", data=data_dir)["test"]
    spoken = {row["item"]: row for row in documents(benchmark, "question", data=data_dir)["test"]}
    assert len({row["item"] for row in rows}) == len(rows)
    for row in rows:
        assert row["item"] in spoken
        assert 0 <= row["gold"] < len(row["options"])
        assert all(option.strip() for option in row["options"])
        right = row["options"][row["gold"]]
        if row["kind"] == "choice":
            assert right == row["choices"]["ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(row["answer"])]
        else:
            assert right == row["answer"]
    if name not in OPEN:
        assert len(rows) == len(spoken)


def test_a_right_answer_that_is_no_option_is_an_error_of_the_likelihood_task_alone() -> None:
    problem = Problem("p1", "How many?", "18", AnswerKind.NUMBER)
    assert document(problem, load_benchmark("strategyqa"), "question")["gold"] == -1
    with pytest.raises(
        UserError, match=r"problem 'p1': the gold answer '18' is not one of the item's options"
    ):
        document(problem, load_benchmark("strategyqa"), "likelihood")


def test_options_are_not_shown_where_they_are_scored(data_dir: Path) -> None:
    (row, *_) = documents(load_benchmark("openbookqa"), "likelihood", data=data_dir)["test"]
    assert row["question"].startswith(row["stem"])
    assert "Options:" in row["question"]
    assert "Options:" not in row["stem"]


def first_requests(name: str, data_dir: Path, count: int = 1) -> list[tuple[str, str]]:
    with quietly():
        task = task_manager(data_dir, (), [name]).load([name])["tasks"][name]
        task.build_all_requests(limit=count)
    return [instance.args for instance in task.instances]


def test_winogrande_is_evaluated_partially(data_dir: Path) -> None:
    assert first_requests("smallsteps_winogrande_likelihood", data_dir) == [
        ("Sarah was a much better surgeon than Maria so Sarah", " always got the easier cases."),
        ("Sarah was a much better surgeon than Maria so Maria", " always got the easier cases."),
    ]


def test_prompts_and_options_as_lm_eval_lays_them_out(data_dir: Path) -> None:
    ((prompt, option), *_) = first_requests("smallsteps_arc_easy_likelihood", data_dir)
    assert prompt == (
        "Question: Which statement best explains why photosynthesis is the foundation of most food webs?"
        "\nAnswer:"
    )
    assert option == " Sunlight is the source of energy for nearly all ecosystems."
    requests = first_requests("smallsteps_bbh_likelihood_formal_fallacies", data_dir)
    assert [option for _, option in requests] == [" valid", " invalid"]
    requests = first_requests("smallsteps_boolq_contrast_likelihood", data_dir)
    assert [option for _, option in requests] == [" yes", " no"]
    assert "\nQuestion: " in requests[0][0]


@pytest.fixture(scope="module")
def micro_base(repository: Path) -> Path:
    return repository / "baselines" / "micro" / "base"


@pytest.mark.parametrize(
    ("task", "limit"),
    [("smallsteps_micro_generic_likelihood", 60), ("smallsteps_bbh_likelihood_hyperbaton", 3)],
)
def test_our_model_gives_the_numbers_of_lm_evals_own(
    task: str, limit: int, micro_base: Path, data_dir: Path
) -> None:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    from smallsteps.evaluation.model import SmallstepsLM

    ours = SmallstepsLM(student=str(micro_base), dtype="float32", device="cpu")
    theirs = HFLM(pretrained=str(micro_base), dtype="float32", device="cpu", batch_size=8)
    found: list[Any] = []
    with quietly():
        for model in (ours, theirs):
            manager = task_manager(data_dir, (), [task])
            results = simple_evaluate(
                model=model,
                tasks=load_tasks(manager, [task]),
                limit=limit,
                task_manager=manager,
                bootstrap_iters=0,
            )
            found.append(results)
    pairs = zip(found[0]["samples"][task], found[1]["samples"][task], strict=True)
    for mine, other in pairs:
        assert (mine["acc"], mine["acc_norm"], mine["acc_bytes"]) == (
            other["acc"],
            other["acc_norm"],
            other["acc_bytes"],
        )
        for left, right in zip(mine["resps"], other["resps"], strict=True):
            assert left[0][0] == pytest.approx(right[0][0], abs=2e-3, rel=1e-5)


def test_a_run_of_both_measures_pairs_item_by_item(micro_base: Path, tmp_path: Path) -> None:
    twin = twin_of("smallsteps_micro_generic_likelihood")
    assert twin == "smallsteps_micro_generic"
    names = ("smallsteps_micro_generic_likelihood", twin)
    table = evaluate(micro_base, Settings(names, limit=25, max_new_tokens=4), tmp_path / "run")
    likely, spoken = table.where(task=names[0]), table.where(task=names[1])
    assert set(likely.columns["item"]) <= set(documents_of(twin))
    assert set(likely.columns["status"]) == {"ok"}
    assert set(likely.columns["scorer"]) == {"likelihood-1 acc"}
    assert set(likely.columns["cluster"]) <= set(load_benchmark("micro_generic").subtask_names)
    both = set(likely.columns["item"]) & set(spoken.columns["item"])
    assert len(both) == 25  # the first subtask is closed
    for extracted, gold, score in zip(
        likely.columns["extracted"], likely.columns["gold"], likely.columns["score"], strict=True
    ):
        assert score == float(extracted == gold)


def documents_of(task: str) -> set[str]:
    assert task == "smallsteps_micro_generic"
    return {row["item"] for row in documents(load_benchmark("micro_generic"), "question")["test"]}


def test_measures_and_twins_follow_from_names() -> None:
    assert measure_of("smallsteps_bbh_likelihood_navigate") is Measure.LIKELIHOOD
    assert measure_of("smallsteps_bbh_likelihood") is Measure.LIKELIHOOD
    assert measure_of("smallsteps_bbh_cot_navigate") is Measure.GENERATION
    assert measure_of("hellaswag") is Measure.GENERATION
    assert twin_of("smallsteps_bbh_cot_navigate") == "smallsteps_bbh_likelihood_navigate"
    assert twin_of("smallsteps_bbh_likelihood_navigate") == "smallsteps_bbh_navigate"
    assert twin_of("smallsteps_bbh_answer_only") == "smallsteps_bbh_likelihood"
    assert twin_of("smallsteps_bbh_cot_word_sorting") is None
    assert twin_of("smallsteps_gsm8k_cot") is None
    assert twin_of("hellaswag") is None


def test_the_level_of_a_likelihood_suite_is_that_of_its_closed_subtasks() -> None:
    suite = chance_levels("smallsteps_micro_generic_likelihood")
    benchmark = load_benchmark("micro_generic")
    parts = [benchmark.chances[name].uniform for name in subtasks_of(benchmark, "likelihood")]
    assert suite is not None
    assert suite.uniform == pytest.approx(sum(parts) / len(parts), abs=1e-4)
    assert chance_levels("smallsteps_bbh_likelihood_navigate") == chance_levels("smallsteps_bbh_navigate")


def test_the_form_of_a_tasks_answers_is_found_by_its_name() -> None:
    form = form_of_task("smallsteps_bbh_cot_formal_fallacies")
    assert form is not None
    assert form.labels == ("valid", "invalid")
    assert str(form_of_task("smallsteps_micro_generic", "dates").name) == "integer"  # type: ignore[union-attr]
    assert form_of_task("hellaswag") is None


def test_likelihood_tasks_are_listed_with_their_groups() -> None:
    names = {task_name(name, "likelihood") for name in CLOSED}
    manager = task_manager(None)
    assert names <= set(manager.all_tasks)
    assert {"smallsteps_bbh_likelihood", "smallsteps_generic_likelihood", "smallsteps_all_likelihood"} <= set(
        manager.all_groups
    )
    assert "smallsteps_commonsense_likelihood" in manager.all_tags
