"""Every shipped benchmark: loads, has the published counts and bytes, and splits that share no question."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Role, list_benchmarks, load_benchmark, load_problems, normalised
from smallsteps.problems.finding import files_of
from smallsteps.problems.verify import verify

NAMES = list_benchmarks()
REAL = [name for name in NAMES if not name.startswith("micro_")]
# Published counts of what the data directory holds, from the publications' own tables.
PUBLISHED = {
    ("gsm8k", "train"): 7473,
    ("gsm8k", "test"): 1319,
    ("gsm_hard", "test"): 1319,
    ("asdiv", "test"): 2305,
    ("aqua", "dev"): 254,
    ("aqua", "test"): 254,
    ("strategyqa", "train"): 2061,
    ("strategyqa", "test"): 229,
    ("bamboogle", "test"): 125,
    ("commonsenseqa", "train"): 9741,
    ("commonsenseqa", "test"): 1221,
    ("openbookqa", "train"): 4957,
    ("openbookqa", "dev"): 500,
    ("openbookqa", "test"): 500,
    ("arc_easy", "test"): 2376,
    ("arc_challenge", "test"): 1172,
    ("piqa", "test"): 1838,
    ("social_iqa", "test"): 1954,
    ("winogrande", "test"): 1267,
    ("bbh", "test"): 6511,
    ("drop_contrast", "test"): 947,
    ("svamp", "train"): 700,
    ("svamp", "test"): 300,
    ("coin_flip", "train"): 350,
    ("coin_flip", "test"): 150,
    ("last_letters", "train"): 350,
    ("last_letters", "test"): 150,
    ("tracking_shuffled_objects", "train"): 525,
    ("tracking_shuffled_objects", "test"): 225,
}


def _splits(name: str, data: Path) -> dict[str, list]:
    loaded = {}
    for split in load_benchmark(name).splits:
        try:
            loaded[split] = load_problems(name, split, data)
        except UserError as error:
            if "missing" not in str(error):
                raise
    return loaded


def test_the_issued_benchmarks_are_all_there() -> None:
    wanted = """gsm8k svamp asdiv multiarith gsm_hard aqua addsub singleeq strategyqa bamboogle commonsenseqa
        openbookqa quarel drop date_understanding coin_flip last_letters tracking_shuffled_objects bbh
        imdb_contrast boolq_contrast drop_contrast micro_problems micro_more_steps micro_new_templates
        micro_larger_numbers micro_generic arc_easy arc_challenge piqa social_iqa winogrande"""
    assert set(wanted.split()) == set(NAMES)
    assert {role for name in NAMES for role in [load_benchmark(name).role]} == set(Role)


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_stands_beside_every_benchmark(name: str, repository: Path) -> None:
    text = (repository / "tasks" / name / "README.md").read_text()
    for heading in ("## A row", "## Tasks in lm-eval", "## Scoring", "## Changelog"):
        assert heading in text
    row = re.search(r"```json\n(.*?)\n```", text, re.DOTALL)
    assert row is not None
    json.loads(row[1])


@pytest.mark.parametrize("name", REAL)
def test_problems_are_whole_and_splits_share_no_question(name: str, data_dir: Path) -> None:
    splits = _splits(name, data_dir)
    for problems in splits.values():
        assert all(p.question.strip() and p.answer.strip() and p.id for p in problems)
        assert len({p.id for p in problems}) == len(problems)
        for p in problems:
            if p.kind is AnswerKind.CHOICE:
                assert p.answer in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(p.choices)]
                assert f"({p.answer}) {p.choices['ABCDEFGHIJKLMNOPQRSTUVWXYZ'.index(p.answer)]}" in p.question
            else:
                assert p.kind is not AnswerKind.BOOLEAN or p.answer.lower() in ("yes", "no", "true", "false")
    questions = {split: {normalised(p.question) for p in problems} for split, problems in splits.items()}
    for one, other in combinations(questions, 2):
        if "dev" in (one, other) or name in ("gsm8k", "svamp", "strategyqa"):
            assert not questions[one] & questions[other], (one, other)
    for split, problems in splits.items():
        held_out = len(splits.get("dev", ())) if load_benchmark(name).splits[split].without else 0
        if (name, split) in PUBLISHED:
            assert len(problems) + held_out == PUBLISHED[name, split]


@pytest.mark.parametrize("name", REAL)
def test_files_have_the_recorded_bytes(name: str, data_dir: Path) -> None:
    for check in verify(load_benchmark(name), data_dir):
        assert check.state in ("ok", "part", "missing", "optional"), check


def test_recorded_bytes_are_those_of_the_data_pack(data_dir: Path) -> None:
    sums = dict(reversed(line.split("  ")) for line in (data_dir / "SHA256SUMS").read_text().splitlines())  # type: ignore[arg-type]
    compared = 0
    for name in REAL:
        for file in files_of(load_benchmark(name)).values():
            if file.path in sums and not file.path.endswith(".gz"):
                recorded = (file.sha256, file.part.sha256 if file.part else None)
                assert sums[file.path] in recorded, file.path
                compared += 1
    assert compared > 70


def test_a_url_always_names_a_fixed_commit() -> None:
    for name in REAL:
        for file in files_of(load_benchmark(name)).values():
            assert file.url is None or re.search(r"/[0-9a-f]{40}/", file.url), file.url


def test_bbh_has_27_subtasks_in_23_families(data_dir: Path) -> None:
    problems = load_problems("bbh", "test", data_dir)
    sizes = {}
    for p in problems:
        sizes[p.tags["subtask"]] = sizes.get(p.tags["subtask"], 0) + 1
    assert len(sizes) == 27
    assert {n: c for n, c in sizes.items() if c != 250} == {
        "causal_judgement": 187,
        "penguins_in_a_table": 146,
        "snarks": 178,
    }
    assert len({p.cluster for p in problems}) == 23
    assert len(load_problems("bbh", "test", data_dir, subtask="snarks")) == 178


def test_gsm8k_test_steps_carry_sub_questions_and_equations(data_dir: Path) -> None:
    first = load_problems("gsm8k", "test", data_dir)[0]
    assert [step.question for step in first.steps] == [
        "How many eggs does Janet sell?",
        "How much does Janet make at the farmers' market?",
    ]
    assert [(step.equation, step.answer) for step in first.steps] == [("16-3-4", "9"), ("9*2", "18")]
    assert first.answer == "18"
    assert "<<" not in (first.rationale or "")
    everywhere = [step for p in load_problems("gsm8k", "test", data_dir) for step in p.steps]
    assert all(step.question and step.solution for step in everywhere)


def test_the_split_of_svamp_is_that_of_its_index_list(data_dir: Path) -> None:
    rows = [json.loads(line) for line in (data_dir / "prompts/reasoning_teacher_splits.jsonl").open()]
    test = next(r["indices"] for r in rows if (r["dataset"], r["split"]) == ("svamp", "test"))
    assert [p.id for p in load_problems("svamp", "test", data_dir)] == [f"chal-{index + 1}" for index in test]


def test_multi_hop_sets_carry_their_decompositions(data_dir: Path) -> None:
    bamboogle = load_problems("bamboogle", "test", data_dir)
    assert all(len(p.steps) == 2 and p.steps[0].answer for p in bamboogle)
    assert bamboogle[1].aliases == ("titan iiie-centaur",)
    strategy = load_problems("strategyqa", "train", data_dir)
    assert all(p.steps and p.rationale for p in strategy)
    assert all(p.steps[-1].answer == p.answer and not any(s.answer for s in p.steps[:-1]) for p in strategy)
