"""Overlap with test sets: on rows made for it, and on the real files where it is known."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from smallsteps.corpora.overlap import overlap, without_items
from smallsteps.corpora.texts import texts_of
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, list_benchmarks, load_problems

WORDS = [f"w{n}" for n in range(5000)]


def sentence(seed: int, length: int = 30) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def problems(*questions: str) -> list[Problem]:
    return [Problem(f"p{n}", q, "1", AnswerKind.NUMBER) for n, q in enumerate(questions)]


def counts(texts: list[str], tested: list[Problem]) -> tuple[int, int]:
    (found,) = overlap(texts, ["toy"], problems={"toy": tested}).benchmarks
    return found.exact, found.near


def test_an_exact_copy_is_found_in_other_case_marks_and_spacing_and_inside_a_longer_text() -> None:
    question = "How many nuts has Ann now, when she finds 5 more nuts?"
    longer = f"Solve this. HOW MANY nuts has Ann now when she  finds 5 more nuts -> {sentence(1)}"
    assert counts([sentence(2), longer], problems(question)) == (1, 0)


def test_a_changed_word_at_the_end_is_near_and_a_rewrite_is_not_there() -> None:
    words = sentence(3, 40).split()
    assert counts([" ".join([*words[:-1], "changed"])], problems(" ".join(words))) == (0, 1)
    middle = [*words[:20], "changed", *words[21:]]
    assert counts([" ".join(middle)], problems(" ".join(words))) == (0, 0)  # 8 of its 33 n-grams are gone
    random.Random(0).shuffle(words)
    assert counts([" ".join(words)], problems(sentence(3, 40))) == (0, 0)


def test_an_item_shorter_than_an_ngram_counts_only_whole() -> None:
    assert counts(["we ask: What is 3 + 4? It is 7."], problems("What is 3 + 4?")) == (1, 0)
    assert counts(["What is 3 + 5?"], problems("What is 3 + 4?")) == (0, 0)


def test_texts_that_hold_a_test_item_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    words = sentence(3, 40).split()
    tested = problems("What is 3 + 4?", " ".join(words))
    monkeypatch.setattr("smallsteps.corpora.overlap.load_problems", lambda *_: tested)
    texts = [
        "Q: What is 3 + 5?",
        "we ask: what is 3 + 4? It is 7.",
        " ".join([*words[:-1], "changed"]),
        sentence(5, 40),
    ]
    assert without_items(texts, ["toy"]) == [0, 3]


def test_parts_of_a_word_do_not_count_as_the_question() -> None:
    assert counts(["What is 3 + 41?"], problems("What is 3 + 4?")) == (0, 0)


def test_pieces_in_different_texts_do_not_add_up() -> None:
    words = sentence(4, 40).split()
    assert counts([" ".join(words[:25]), " ".join(words[15:])], problems(" ".join(words))) == (0, 0)


def test_options_may_be_laid_out_in_another_way() -> None:
    question = "A car drives 60 miles in an hour. How far does it drive in three?"
    problem = Problem("p", f"{question}\nOptions:\n(A) 180\n(B) 90", "A", AnswerKind.CHOICE, ("180", "90"))
    assert counts([f"{question} Answer Choices: (A) 180 (B) 90"], [problem]) == (1, 0)


def test_the_first_text_that_holds_most_is_named() -> None:
    question = sentence(5, 20)
    report = overlap(["no", question, question], ["toy"], problems={"toy": problems(sentence(6), question)})
    (hit,) = report.benchmarks[0].hits
    assert (hit.item, hit.text, hit.share, hit.exact) == ("p1", 1, 1.0, True)
    assert report.data()["benchmarks"][0]["hits"][0]["text"] == 1
    json.dumps(report.data())


def test_over_the_limit_is_an_error_unless_allowed_by_name() -> None:
    tested = {"toy": problems(*(sentence(n) for n in range(100)))}
    report = overlap([sentence(0), sentence(1)], ["toy"], problems=tested)
    with pytest.raises(
        UserError, match=r"toy: 2 of 100 test items \(2.0%\), for example item 'p0' in text 0"
    ):
        report.check()
    report.check(limit=0.02)
    report.check(allowed=["toy"])


def test_missing_data_are_named_and_unknown_names_are_errors(tmp_path: Path) -> None:
    report = overlap(["a"], ["quarel", "micro_more_steps"], tmp_path)
    assert list(report.skipped) == ["quarel"]
    assert [b.benchmark for b in report.benchmarks] == ["micro_more_steps"]
    with pytest.raises(UserError, match="did you mean 'quarel'"):
        overlap(["a"], ["quarl"], tmp_path)


def test_multiarith_stands_partly_in_asdiv(data_dir: Path) -> None:
    texts = [p.question for p in load_problems("multiarith", "test", data_dir)]
    (found,) = overlap(texts, ["asdiv"], data_dir).benchmarks
    assert (found.exact, found.near) == (60, 0)
    asdiv = {p.id: p.question for p in load_problems("asdiv", "test", data_dir)}
    for hit in found.hits[:10]:
        assert set(asdiv[hit.item].lower().split()) & set(texts[hit.text].lower().split())


def test_llm_adapters_training_file_holds_test_sets(data_dir: Path) -> None:
    texts = texts_of(data_dir / "teacher/llm_adapters_math_train.jsonl.gz")
    names = [name for name in list_benchmarks() if not name.startswith("micro_")]
    found = {b.benchmark: b.exact for b in overlap(texts, names, data_dir).benchmarks}
    assert found["gsm8k"] == 1055
    assert found["multiarith"] == 314
    assert found["svamp"] == 240
    assert found["strategyqa"] == found["bbh"] == 0


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.jsonl", '{"question": "Q1"}\n{"instruction": "Q2", "input": "no"}\n', ["Q1", "Q2"]),
        ("a.json", '[{"sQuestion": "Q1"}, {"Body": "B.", "Question": "Q?"}]', ["Q1", "B. Q?"]),
        ("a.txt", "First\nblock\n\nsecond\n", ["First\nblock", "second\n"]),
    ],
)
def test_texts_are_found_by_the_names_of_their_fields(
    tmp_path: Path, name: str, content: str, texts: list[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert texts_of(tmp_path / name) == texts


def test_a_row_without_question_names_its_fields(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "Q"}\n{"frage": "Q"}\n')
    with pytest.raises(
        UserError, match=r"a\.jsonl:2: no field holds a question\n  name it with --field.*frage"
    ):
        texts_of(tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="no text in field 'frage'"):
        texts_of(tmp_path / "a.jsonl", "frage")
    with pytest.raises(UserError, match="no such corpus"):
        texts_of(tmp_path / "b.jsonl")
