"""Readers on rows in the source's format, also of sources whose files are not at hand."""

from __future__ import annotations

from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Step
from smallsteps.problems.readers import READERS, Context


def read(
    reader: str, row: dict[str, Any], kind: AnswerKind = AnswerKind.NUMBER, **more: Any
) -> list[Problem]:
    return list(READERS[reader](row, Context("file.jsonl:1", 0, more.pop("name", "test"), kind, **more)))


def test_addsub_and_singleeq_have_the_fields_of_multiarith() -> None:
    row = {
        "iIndex": 7,
        "sQuestion": " Ann had 6  nuts.\nShe found 5.5 more. How many has she? ",
        "lSolutions": [11.5],
        "lEquations": ["X=6.0+5.5"],
    }
    (problem,) = read("multiarith", row)
    assert problem.question == "Ann had 6 nuts. She found 5.5 more. How many has she?"
    assert (problem.id, problem.answer, problem.tags["equation"]) == ("test-7", "11.5", "X=6.0+5.5")


@pytest.mark.parametrize(
    ("gold", "answer", "kind"),
    [
        ("9 (apples)", "9", AnswerKind.NUMBER),
        ("1,200 (dollars)", "1200", AnswerKind.NUMBER),
        ("5/2", "5/2", AnswerKind.NUMBER),
        ("4:5", "4:5", AnswerKind.SPAN),
        ("8 (ft); 128 (sq. ft)", "8, 128", AnswerKind.SPAN),
        ("3:30 p.m.", "3:30 p.m.", AnswerKind.SPAN),
        ("Yes", "yes", AnswerKind.BOOLEAN),
        ("They are equal", "They are equal", AnswerKind.SPAN),
    ],
)
def test_asdiv_answers_are_numbers_where_they_are_one_number(
    gold: str, answer: str, kind: AnswerKind
) -> None:
    (problem,) = read("asdiv", {"ID": "n-1", "Body": "A.", "Question": "B?", "Answer": gold})
    assert (problem.answer, problem.kind) == (answer, kind)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (64.0, "64"),
        (-9867630.0, "-9867630"),
        (0.0016791648, "0.0016791648"),
        (9284017268534.4, "9284017268534.4"),
    ],
)
def test_gsm_hard_numbers_are_plain(target: float, answer: str) -> None:
    (problem,) = read("gsm_hard", {"input": "How many?", "target": target, "code": ""})
    assert problem.answer == answer


def test_gsm8k_main_lines_become_steps_with_equations() -> None:
    answer = "He has 48/2 = <<48/2=24>>24 left.\nThat is all, 24.\n#### 1,024"
    (problem,) = read("gsm8k", {"question": "How many?", "answer": answer})
    assert problem.steps == (
        Step("", "He has 48/2 = 24 left.", "24", "48/2"),
        Step("", "That is all, 24.", "24", None),
    )
    assert problem.answer == "1024"


def test_gsm8k_takes_sub_questions_from_the_joined_socratic_row() -> None:
    joined = {"question": "How many?", "answer": "How many are left? ** 5 - 2 = <<5-2=3>>3 are left.\n#### 3"}
    row = {"question": "How many?", "answer": "5 - 2 = <<5-2=3>>3.\n#### 3"}
    (problem,) = read("gsm8k", row, joined=joined)
    assert problem.steps == (Step("How many are left?", "5 - 2 = 3 are left.", "3", "5-2"),)


def test_gsm8k_without_a_final_answer_is_an_error() -> None:
    with pytest.raises(UserError, match=r"file\.jsonl:1: answer: the last line is not '#### N'"):
        read("gsm8k", {"question": "How many?", "answer": "It is 3."})


def test_quarel_options_stand_in_the_question() -> None:
    row = {"id": "QuaRel_V1_1", "answer_index": 1, "question": "Which is rougher? (A) the ice (B) the grass"}
    (problem,) = read("quarel", row, AnswerKind.CHOICE)
    assert problem.question == "Which is rougher?\nOptions:\n(A) the ice\n(B) the grass"
    assert (problem.answer, problem.choices) == ("B", ("the ice", "the grass"))
    with pytest.raises(UserError, match="not one of the 2 options"):
        read("quarel", {**row, "answer_index": 2}, AnswerKind.CHOICE)


def test_options_of_big_bench_do_not_start_with_the_right_one() -> None:
    rows = [
        {
            "input": f"Today is day {n}. What is tomorrow?",
            "target_scores": {"right": 1, "wrong": 0, "worse": 0},
        }
        for n in range(60)
    ]
    letters = [problem.answer for row in rows for problem in read("bigbench", row, AnswerKind.CHOICE)]
    assert {letter: letters.count(letter) > 8 for letter in "ABC"} == dict.fromkeys("ABC", True)
    again = [problem.answer for row in rows for problem in read("bigbench", row, AnswerKind.CHOICE)]
    assert letters == again


def test_questions_about_one_game_are_one_cluster() -> None:
    game = "Ann, Ben and Cal play. First, Ann and Ben swap balls. At the end of the game, {} has the "
    rows = [
        {"input": game.format(name), "target_scores": {"red ball.": 1, "blue ball.": 0}}
        for name in ("Ann", "Cal")
    ]
    other = {
        "input": "Another story. At the end of the game, Ann has the ",
        "target_scores": rows[0]["target_scores"],
    }
    clusters = [read("tracking", row, AnswerKind.CHOICE)[0].cluster for row in (*rows, other)]
    assert clusters[0] == clusters[1] != clusters[2]


def test_a_bbh_target_without_letter_is_scored_as_text() -> None:
    row = {"input": "Find a movie.\nOptions:\n(A) Up\n(B) Heat", "target": "(B)"}
    (problem,) = read("bbh", row, AnswerKind.CHOICE)
    assert (problem.kind, problem.answer, problem.choices) == (AnswerKind.CHOICE, "B", ("Up", "Heat"))
    (defect,) = read("bbh", {**row, "target": "Heat, Part 2"}, AnswerKind.CHOICE)
    assert (defect.kind, defect.answer) == (AnswerKind.TEXT, "Heat, Part 2")


PAIR = {"question": "When?", "query_id": "q1", "answer": {"number": "", "date": {}, "spans": ["May", "June"]}}


def test_drop_reads_numbers_spans_dates_and_validated_answers() -> None:
    date = {"number": "", "date": {"day": "3", "month": "May", "year": "1615"}, "spans": []}
    pairs = [
        {
            **PAIR,
            "validated_answers": [{"number": "", "spans": ["May"]}, {"number": "", "spans": ["May", "June"]}],
        },
        {"question": "How many?", "query_id": "q2", "answer": {"number": "7", "date": {}, "spans": []}},
        {"question": "Which day?", "query_id": "q3", "answer": date},
    ]
    found = read("drop", {"passage_id": "p1", "passage": "Text.", "qa_pairs": pairs}, AnswerKind.SPAN)
    assert [(p.answer, p.kind) for p in found] == [
        ("May, June", AnswerKind.SPAN),
        ("7", AnswerKind.NUMBER),
        ("3 May 1615", AnswerKind.SPAN),
    ]
    assert found[0].aliases == ("May",)
    assert {p.cluster for p in found} == {"p1"}
    assert found[0].question == "Text.\nWhen?"


def test_a_drop_question_without_answer_is_an_error_that_names_it() -> None:
    empty = {**PAIR, "answer": {"number": "", "date": {}, "spans": []}}
    with pytest.raises(UserError, match=r"qa_pairs\.0\.answer: no number, date or span"):
        read("drop", {"passage_id": "p1", "passage": "Text.", "qa_pairs": [empty]}, AnswerKind.SPAN)


def test_the_hub_lays_drop_out_flat() -> None:
    row = {
        "section_id": "p1",
        "query_id": "q1",
        "passage": "Text.",
        "question": "How many?",
        "answers_spans": {"spans": ["7", "seven"], "types": ["number", "span"]},
    }
    (problem,) = read("drop", row, AnswerKind.SPAN)
    assert (problem.answer, problem.aliases, problem.cluster) == ("7", ("seven",), "p1")


@pytest.mark.parametrize("reader", ["commonsenseqa", "openbookqa"])
def test_choices_are_read_in_the_layout_of_the_files_and_of_the_hub(reader: str) -> None:
    published = {
        "id": "1",
        "question": {
            "stem": "Where?",
            "question_concept": "ink",
            "choices": [{"label": "B", "text": "there"}, {"label": "A", "text": "here"}],
        },
        "answerKey": "B",
    }
    flat = {
        "id": "1",
        "question": "Where?",
        "question_stem": "Where?",
        "question_concept": "ink",
        "choices": {"label": ["A", "B"], "text": ["here", "there"]},
        "answerKey": "B",
    }
    assert read(reader, published, AnswerKind.CHOICE) == read(reader, flat, AnswerKind.CHOICE)
    (problem,) = read(reader, published, AnswerKind.CHOICE)
    assert problem.question == "Where?\nOptions:\n(A) here\n(B) there"
    assert problem.answer == "B"


def test_contrast_sets_keep_an_original_and_its_changes_together() -> None:
    row = {
        "paragraph": "It opened in 1900.",
        "question": "did it open in 1900",
        "answer": "TRUE",
        "perturbed_questions": [
            {"perturbed_q": "did it open in 1910", "answer": "FALSE"},
            {"perturbed_q": "did it open in 1900", "answer": "TRUE"},
            {"perturbed_q": "did it open", "answer": ""},
        ],
    }
    found = read("boolq_contrast", row, AnswerKind.BOOLEAN)
    assert [(p.answer, p.tags["set"]) for p in found] == [("yes", "original"), ("no", "contrast")]
    assert len({p.cluster for p in found}) == 1
    pair = [
        read("imdb_contrast", {"Sentiment": s, "Text": "Good.<br /><br />Bad."}, AnswerKind.CHOICE, name=n)[0]
        for s, n in (("Positive", "test_original"), ("Negative", "test_contrast"))
    ]
    assert pair[0].cluster == pair[1].cluster
    assert [p.answer for p in pair] == ["A", "B"]
    assert pair[0].question.startswith("Good. Bad.\n")


@pytest.mark.parametrize(
    ("reader", "row", "message"),
    [
        (
            "svamp",
            {"ID": "1", "Body": "A", "Question": "B?", "Anser": 3.0},
            "key 'Answer' is missing\n  is it 'Anser'?",
        ),
        (
            "svamp",
            {"ID": "1", "Body": "A", "Question": "B?", "Answer": None},
            "expected a number, found None",
        ),
        ("svamp", {"ID": "1", "Body": " ", "Question": "B?", "Answer": 3}, "Body: expected text"),
        ("multiarith", {"iIndex": 1, "sQuestion": "A?", "lSolutions": []}, "expected one solution"),
        ("coin_flip", {"question": "A?", "answer": "maybe"}, "expected yes or no"),
        ("strategyqa", {"qid": "1", "question": "A?", "answer": "yes"}, "expected true or false"),
        (
            "bigbench",
            {"input": "A?", "target_scores": {"x": 0, "y": 0}},
            "expected one right option, found 0",
        ),
        (
            "aqua",
            {"question": "A?", "options": ["A)1", "B)2"], "correct": "E"},
            "'E' is not one of the 2 options",
        ),
        ("imdb_contrast", {"Sentiment": "Mixed", "Text": "Good."}, "expected Positive or Negative"),
    ],
)
def test_a_bad_row_is_one_error_that_names_file_row_and_key(reader: str, row: dict, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(reader, row)
    assert str(caught.value).startswith("file.jsonl:1: ")
    assert message in str(caught.value)


LISTED = {
    "id": "x-1",
    "question": "Ann thanked Eva because _ had helped.",
    "choices": ["Ann", "Eva"],
    "answer": "B",
}


def test_lettered_options_of_arc_piqa_and_the_like() -> None:
    (problem,) = read("multiple_choice", {**LISTED, "question": "Who helped?"}, AnswerKind.CHOICE)
    assert (problem.id, problem.answer, problem.choices) == ("x-1", "B", ("Ann", "Eva"))
    assert problem.question == "Who helped?\nOptions:\n(A) Ann\n(B) Eva"


def test_a_situation_is_the_cluster_of_its_social_iqa_questions() -> None:
    story = "Ann lost her key. She called Eva."
    rows = [
        {**LISTED, "question": f"{story} {asked}"}
        for asked in ("What will Eva do next?", "How would you describe Ann?")
    ]
    one, two = (read("social_iqa", row, AnswerKind.CHOICE)[0] for row in rows)
    assert one.cluster == two.cluster
    (other,) = read(
        "social_iqa", {**LISTED, "question": "Ben slept. Why did Ben do this?"}, AnswerKind.CHOICE
    )
    assert other.cluster != one.cluster


def test_twin_sentences_are_one_cluster_and_each_has_one_gap() -> None:
    twin = {**LISTED, "id": "x-2", "question": "Ann thanked Eva although _ had not helped.", "answer": "A"}
    one, two = (read("gap", row, AnswerKind.CHOICE)[0] for row in (LISTED, twin))
    assert one.cluster == two.cluster
    for wrong, message in (
        ({"question": "No gap."}, "expected one gap '_', found 0"),
        ({"answer": "C"}, "'C' is not one of the 2 letters"),
        ({"choices": "Ann"}, "expected a list of options"),
    ):
        with pytest.raises(UserError, match=message):
            read("gap", {**LISTED, **wrong}, AnswerKind.CHOICE)


def test_a_bbh_target_that_is_no_letter_is_one_more_option() -> None:
    row = {"input": "Which film?\nOptions:\n(A) Up\n(B) Monsters\n(C) Inc", "target": "Monsters, Inc"}
    (problem,) = read("bbh", row, AnswerKind.CHOICE)
    assert (problem.kind, problem.choices) == (AnswerKind.TEXT, ())
    assert problem.options == ("Up", "Monsters", "Inc", "Monsters, Inc")
