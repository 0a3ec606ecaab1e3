"""Rejection, budgets and filters, on made-up and on real rationales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from smallsteps.corpora import CorpusSpec, Store, collect, plan, select, shape, stored_samples
from smallsteps.corpora.figure import quality_svg
from smallsteps.corpora.filters import (
    FILTERS,
    diversity_filter,
    likelihood_filter,
    nested_fraction,
    open_endedness_filter,
    random_filter,
)
from smallsteps.corpora.quality import measure, text_report
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Rationale, Step, TokenLogprob
from smallsteps.teachers import FileTeacher, Sample, Sampling, Status
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import FileSpec

PROBLEM = Problem("p", "What is 2 plus 3?", "5", AnswerKind.NUMBER, steps=(Step("a?", "b", "5"),))


def sample(index: int, text: str, status: Status = Status.OK, **extra: str) -> Sample:
    return Sample(f"k{index}", "p", "t", "q", "{}", index, status, text, extra=dict(extra))


SAMPLES = {
    "p": [
        sample(0, "2 + 3 = 5. The answer is 5."),
        sample(1, "2 + 3 = 6. The answer is 6."),
        sample(2, "I cannot say."),
        sample(3, "2 + 3", Status.LENGTH),
        sample(4, "", Status.ERROR),
        sample(5, "2 + 3 = 5.  The answer is 5."),
        sample(6, "2 + 2 = 5. The answer is 5."),
        sample(7, "Adding gives five.", stated_answer="5"),
    ]
}


def test_rejection_counts_every_reason() -> None:
    found = select([PROBLEM], SAMPLES, samples_per_problem=10, check_steps=True, unique=True)
    assert [r.sample for r in found.rationales] == [0, 7]
    assert dict(found.dropped) == {
        "length": 1,
        "error": 1,
        "wrong": 1,
        "unparsed": 1,
        "duplicate": 1,
        "wrong step": 1,
    }
    assert found.absent == 2
    assert len(found.rationales) + sum(found.dropped.values()) == 8
    assert found.rationales[0].text == "2 + 3 = 5."


def test_keep_all_keeps_what_can_be_read() -> None:
    found = select([PROBLEM], SAMPLES, keep="all", samples_per_problem=8)
    assert [r.sample for r in found.rationales] == [0, 1, 2, 5, 6, 7]
    assert [r.correct for r in found.rationales] == [True, False, False, True, True, True]


def test_wrong_ones_and_majority_without_gold() -> None:
    wrong = select([PROBLEM], SAMPLES, keep="wrong", samples_per_problem=8)
    assert [r.sample for r in wrong.rationales] == [1]
    unlabelled = replace(PROBLEM, answer="")
    agreed = select([unlabelled], SAMPLES, keep="majority", samples_per_problem=8)
    assert [r.sample for r in agreed.rationales] == [0, 5, 6, 7]
    assert dict(agreed.dropped)["minority"] == 1
    none = select([unlabelled], SAMPLES, samples_per_problem=8)
    assert not none.rationales
    assert none.dropped["no gold answer"] == 5


@pytest.mark.parametrize("order", [("5", "6", "6", "5", "7"), ("6", "5", "7", "5", "6")])
def test_a_tie_is_no_majority(order: tuple[str, ...]) -> None:
    """The answer that came first used to win."""
    rows = {"p": [sample(i, f"So. The answer is {answer}.") for i, answer in enumerate(order)]}
    tied = select([replace(PROBLEM, answer="")], rows, keep="majority", samples_per_problem=5)
    assert not tied.rationales
    assert dict(tied.dropped) == {"tied": 5}
    rows["p"].append(sample(5, "So. The answer is 5."))
    settled = select([replace(PROBLEM, answer="")], rows, keep="majority", samples_per_problem=6)
    assert [r.answer for r in settled.rationales] == ["5", "5", "5"]
    assert dict(settled.dropped) == {"minority": 3}


def test_decompositions() -> None:
    gold = select([PROBLEM], SAMPLES, decomposition="gold", samples_per_problem=8).rationales[0]
    assert gold.steps == PROBLEM.steps
    shown = select([PROBLEM], SAMPLES, decomposition="equations", samples_per_problem=8).rationales[0]
    assert [(s.question, s.answer, s.equation) for s in shown.steps] == [("What is 2 plus 3?", "5", "2 + 3")]
    taught = {"p": [sample(0, "Q1: What is two?\nA1: Two is 2.\nQ2: And plus 3?\nA2: 5.\nThe answer is 5.")]}
    steps = select([PROBLEM], taught, decomposition="teacher").rationales[0].steps
    assert [(s.question, s.answer) for s in steps] == [("What is two?", "2"), ("And plus 3?", "5")]


def group(name: str, texts: list[str], logprobs: list[float] | None = None) -> list[Rationale]:
    values = logprobs or [0.0] * len(texts)
    return [
        Rationale(name, text, "1", True, sample=i, tokens=(TokenLogprob("x", value),) if logprobs else ())
        for i, (text, value) in enumerate(zip(texts, values, strict=True))
    ]


def test_random_is_nested_and_independent_of_other_problems() -> None:
    groups = {str(i): group(str(i), [f"t{j}" for j in range(10)]) for i in range(30)}
    small, large = random_filter(groups, 3, 7), random_filter(groups, 6, 7)
    for name in groups:
        assert set(small[name]) < set(large[name])
    assert random_filter({"4": groups["4"]}, 3, 7)["4"] == small["4"]
    assert random_filter(groups, 3, 8) != small


def test_diversity_takes_one_of_each_kind() -> None:
    kinds = ["add the two numbers to get five", "count on your fingers from two", "draw apples in a row"]
    texts = [f"{kind} case {i}" for i in range(4) for kind in kinds]
    picked = diversity_filter({"p": group("p", texts)}, 3, 0)["p"]
    assert {text.split(" case")[0] for text in (r.text for r in picked)} == set(kinds)


def test_diversity_of_identical_texts_still_spends_the_budget() -> None:
    picked = diversity_filter({"p": group("p", ["same words"] * 6)}, 4, 0)["p"]
    assert len({r.sample for r in picked}) == 4


def test_identical_rationales_take_their_places_once_each() -> None:
    """Two samples that are equal in every field were one place in the budget."""
    twin = Rationale("p", "same words", "1", True)
    picked = diversity_filter({"p": [twin, twin, twin, replace(twin, text="other words")]}, 3, 0)["p"]
    assert len(picked) == 3


def test_diversity_by_vectors_of_ones_own() -> None:
    """Clusters are those of the vectors, whatever the words say; each problem is seen alone."""
    seen = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        seen.append(list(texts))
        return np.eye(2, dtype=np.float32)[[int(text[-1]) % 2 for text in texts]]

    groups = {name: group(name, [f"one and the same text {i}" for i in range(6)]) for name in "ab"}
    picked = diversity_filter(groups, 2, 0, encode)
    assert [{r.sample % 2 for r in picked[name]} for name in "ab"] == [{0, 1}, {0, 1}]
    assert [len(texts) for texts in seen] == [6, 6]
    assert picked["b"] == diversity_filter({"b": groups["b"]}, 2, 0, encode)["b"]


def test_likelihood_takes_the_likeliest_per_token() -> None:
    groups = {"p": group("p", ["a", "b", "c", "d"], [-0.5, -0.1, -0.9, -0.2])}
    assert [r.sample for r in likelihood_filter(groups, 2, 0)["p"]] == [1, 3]
    with pytest.raises(UserError, match="needs the teacher's log-probabilities"):
        likelihood_filter({"p": group("p", ["a"])}, 1, 0)


def test_open_endedness_gives_more_to_richer_problems() -> None:
    groups = {
        str(i): group(str(i), [" ".join(f"w{i}{j}{k}" for k in range(i + 2)) for j in range(12)])
        for i in range(10)
    }
    picked = open_endedness_filter(groups, 5, 0)
    assert [len(picked[str(i)]) for i in range(10)] == [1, 1, 3, 3, 5, 5, 7, 7, 9, 9]
    assert sum(map(len, picked.values())) == 5 * 10, "the same budget as five each"


def test_fractions_are_nested() -> None:
    names = [str(i) for i in range(100)]
    sizes = [nested_fraction(names, share / 5, 1) for share in range(1, 6)]
    assert [len(size) for size in sizes] == [20, 40, 60, 80, 100]
    assert all(small < large for small, large in pairwise(sizes))


def test_resampling_draws_one_per_problem_and_epoch() -> None:
    spec = CorpusSpec(benchmark="b", samples=8, resample=True, keep="all")
    corpus = shape(spec, [PROBLEM], SAMPLES)
    drawn = [corpus.epoch(number) for number in range(20)]
    assert all(len(epoch) == 1 for epoch in drawn)
    assert len({epoch[0].sample for epoch in drawn}) > 2
    assert corpus.epoch(3) == corpus.epoch(3)
    assert len(shape(spec.model_copy(update={"resample": False}), [PROBLEM], SAMPLES).epoch(0)) == 6


def test_nothing_left_says_why() -> None:
    spec = CorpusSpec(benchmark="b", samples=8)
    with pytest.raises(UserError, match="no rationale is left of 2 samples") as caught:
        shape(spec, [PROBLEM], {"p": SAMPLES["p"][2:4]})
    assert "unparsed" in str(caught.value)


def test_unique_compares_with_all_kept_ones() -> None:
    many = {"p": [sample(i, f"2 + 3 = 5, way {i % 37}. The answer is 5.") for i in range(128)]}
    found = select([PROBLEM], many, samples_per_problem=128, unique=True)
    assert [r.sample for r in found.rationales] == list(range(37))
    assert found.dropped["duplicate"] == 91
    assert len(select([PROBLEM], many, samples_per_problem=128).rationales) == 128


def test_budget_larger_than_samples_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"per_problem \(5\) is more than the samples"):
        CorpusSpec(benchmark="b", samples=2, per_problem=5)
    with pytest.raises(ValueError, match="needs a budget"):
        CorpusSpec(benchmark="b", samples=9, filter="diversity")
    with pytest.raises(ValueError, match="'encoder' finds clusters for filter 'diversity'"):
        CorpusSpec(benchmark="b", samples=9, per_problem=2, encoder="minilm")


def real(data_dir: Path, tmp_path: Path, name: str) -> tuple[list[Problem], dict[str, list[Sample]]]:
    """Problems and samples of a stored file, matched to themselves."""
    teacher = FileTeacher(data_dir / "teacher" / name)
    problems, seen = [], set()
    for items in (*teacher._by_question.values(), *teacher._by_row.values()):
        first = items[0]
        if first.question not in seen:
            seen.add(first.question)
            answer = (first.gold or "").split("\\boxed{")[-1].split("}")[0]
            problems.append(Problem(first.row, first.question or first.row, answer, AnswerKind.NUMBER))
    most = max(len(teacher.found(problem)) for problem in problems)
    requests = plan(teacher.name, problems, Template("q", "{{ question }}"), Sampling(), most)
    with Store(tmp_path / "s", durable=False) as store:
        collect(teacher, requests, store)
        return problems, stored_samples(store, requests)


def test_mcc_kd_svamp(data_dir: Path, tmp_path: Path) -> None:
    problems, samples = real(data_dir, tmp_path, "mcc_kd_svamp_train.jsonl.gz")
    assert (len(problems), sum(map(len, samples.values()))) == (700, 7000)
    found = select(problems, samples, samples_per_problem=10, per_problem=3)
    quality = measure(problems, samples, found)
    assert quality.kept + sum(quality.dropped.values()) == 7000
    assert quality.right + quality.wrong + quality.unparsed == 7000
    assert 0.72 < quality.right / 7000 < 0.74
    assert "kept" in text_report(quality)
    assert sum(quality.lengths.values()) == quality.kept
    drawn = ElementTree.fromstring(quality_svg(quality))
    shown = " ".join(drawn.itertext())
    for words, count in quality.lengths.items():
        assert f"{words}" in shown
        assert f"{count} (" in shown
    few = problems[:120]
    kept = {
        name: len(select(few, samples, samples_per_problem=10, per_problem=3, filtering=name).rationales)  # type: ignore[arg-type]
        for name in ("random", "diversity", "open_endedness")
    }
    assert kept["random"] == kept["diversity"], "equal budgets"
    assert kept["open_endedness"] == pytest.approx(kept["random"], rel=0.2)
    problems = few
    spec = CorpusSpec(
        benchmark="svamp",
        teacher=FileSpec(kind="file", path="x"),
        samples=10,
        per_problem=3,
        decomposition="equations",
    )
    first, again = (
        shape(spec, problems, samples),
        shape(spec, list(problems), dict(reversed(samples.items()))),
    )
    assert first.hash == again.hash
    assert all(r.steps for r in first.rationales)


def test_lengths_fall_into_classes_that_double() -> None:
    texts = {"p": [sample(i, " ".join(["w"] * n)) for i, n in enumerate((1, 2, 3, 4, 7, 16))]}
    found = select([PROBLEM], texts, keep="all", samples_per_problem=6)
    quality = measure([PROBLEM], texts, found)
    assert quality.lengths == {"1": 1, "2-3": 2, "4-7": 2, "8-15": 0, "16-31": 1}
    assert "1: 1, 2-3: 2, 4-7: 2, 8-15: 0, 16-31: 1" in text_report(quality)


def test_every_filter_has_a_name_in_the_spec() -> None:
    from typing import get_args

    from smallsteps.corpora.spec import Filter

    assert set(get_args(Filter)) == set(FILTERS)
