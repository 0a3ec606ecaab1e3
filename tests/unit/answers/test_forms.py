"""Forms: what is plainly an answer of another form is malformed, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.answers import extract
from smallsteps.answers.forms import has_form, is_malformed, plain_form
from smallsteps.evaluation.docs import documents
from smallsteps.evaluation.scoring import graded_once
from smallsteps.problems import AnswerKind, Form, FormName, list_benchmarks, load_benchmark

TEXT, BOOLEAN, CHOICE, NUMBER = AnswerKind.TEXT, AnswerKind.BOOLEAN, AnswerKind.CHOICE, AnswerKind.NUMBER
DAYS = Form(FormName.CLOSED, ("Monday", "Tuesday"))
WORDS = Form(FormName.LIST)
BRACKETS = Form(FormName.BRACKETS)
YES_NO = Form(FormName.YES_NO)
LETTER = Form(FormName.CHOICE)
TRUTH = Form(FormName.CLOSED, ("True", "False"))
CLOSED = Form(FormName.CLOSED)


def malformed(response: str, kind: AnswerKind, form: Form, options: tuple[str, ...] = ()) -> bool:
    choices = options if kind is CHOICE else ()
    return is_malformed(response, extract(response, kind, choices).value, kind, form, options)


@pytest.mark.parametrize(
    ("response", "kind", "form"),
    [
        ("12 - 5 = 7. The answer is 7.", TEXT, DAYS),
        ("The answer is Sunny.", TEXT, DAYS),
        ("The answer is 7.", TEXT, WORDS),
        ("3 + 4 = 7.", TEXT, WORDS),
        ("The answer is 1 2 3.", TEXT, WORDS),
        ("The answer is 1,200.", TEXT, BRACKETS),
        ("The answer is dog.", TEXT, BRACKETS),
        ("So the answer is 12.", BOOLEAN, YES_NO),
        ("The answer is 1.", BOOLEAN, YES_NO),  # could be read as yes
        ("0", BOOLEAN, TRUTH),
        ("The answer is (B).", BOOLEAN, YES_NO),
        ("The answer is -35.", CHOICE, LETTER),
        ("The answer is yes.", CHOICE, LETTER),
        ("The answer is (B).", NUMBER, Form(FormName.NUMBER)),
        ("The answer is no.", NUMBER, Form(FormName.INTEGER)),
        ("The answer is 3.5.", NUMBER, Form(FormName.INTEGER)),
    ],
)
def test_answers_of_another_form(response: str, kind: AnswerKind, form: Form) -> None:
    assert malformed(response, kind, form, ("red", "blue") if kind is CHOICE else ())


@pytest.mark.parametrize(
    ("response", "kind", "form", "options"),
    [
        ("The answer is monday.", TEXT, DAYS, ()),
        ("The answer is hen cow dog.", TEXT, WORDS, ()),
        ("The answer is ) ] }.", TEXT, BRACKETS, ()),
        ("The answer is 1905.", TEXT, Form(FormName.TEXT), ()),  # free text may be a number
        ("The answer is true.", BOOLEAN, YES_NO, ()),
        ("The answer is yes.", BOOLEAN, TRUTH, ()),
        ("There were 12 of them, so no.", BOOLEAN, YES_NO, ()),
        ("I do not know.", BOOLEAN, YES_NO, ()),  # no answer at all: unparsed
        ("It depends on the weather of the day.", CHOICE, LETTER, ("red", "blue")),
        ("The answer is (B).", CHOICE, LETTER, ("red", "blue")),
        ("The answer is 42.", CHOICE, LETTER, ("17", "42")),  # the option's own words
        ("The answer is 57.", NUMBER, CLOSED, ("1", "2", "3")),  # wrong, but of the right form
        ("The answer is Zoe.", TEXT, CLOSED, ("Ann", "Ben")),
        ("The answer is about 12.", NUMBER, Form(FormName.INTEGER), ()),
        ("no number here", NUMBER, Form(FormName.NUMBER), ()),
    ],
)
def test_answers_that_keep_their_verdict(
    response: str, kind: AnswerKind, form: Form, options: tuple[str, ...]
) -> None:
    assert not malformed(response, kind, form, options)


def test_words_are_asked_and_a_number_is_given_whatever_the_options() -> None:
    assert malformed("The answer is 4.", TEXT, CLOSED, ("Ann", "Ben"))
    assert not has_form("4", TEXT, CLOSED, ("Ann", "Ben"))
    assert has_form("4", NUMBER, CLOSED, ("3", "4"))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("-1,200.50", FormName.NUMBER),
        ("( 3 + 4 ) * 2 = 14", FormName.NUMBER),
        ("(C)", FormName.CHOICE),
        ("invalid", FormName.YES_NO),
        ("( ) ]", FormName.BRACKETS),
        ("12 apples", None),
        ("", None),
        ("-", None),
    ],
)
def test_plain_forms(text: str, form: FormName | None) -> None:
    assert plain_form(text) is form


@pytest.mark.parametrize("name", list_benchmarks())
def test_no_gold_answer_is_malformed(name: str, data_dir: Path) -> None:
    """Of every item at hand, as the answer sentence and bare."""
    from smallsteps.errors import NO_INPUT, UserError

    try:
        tested = documents(load_benchmark(name), "question", "test", data_dir)["test"]
    except UserError as error:
        if error.code != NO_INPUT:
            raise
        pytest.skip("no data")
    for doc in tested:
        answer = f"({doc['answer']})" if doc["kind"] == "choice" else doc["answer"]
        for response in (f"The answer is {answer}.", doc["answer"]):
            graded = graded_once(doc, response)
            assert graded.right, (doc["id"], response)
            assert not graded.malformed


@pytest.mark.parametrize("subtask", load_benchmark("micro_generic").subtask_names)
def test_a_bare_number_is_malformed_where_the_micro_suites_answer_is_never_a_number(subtask: str) -> None:
    benchmark = load_benchmark("micro_generic")
    numeric = {"dates", "largest_number", "next_number", "object_counting"}
    docs = documents(benchmark, "cot", subtask=subtask)["test"]
    for response in ("23 + 9 = 32. The answer is 32.", "The answer is 1.", "7"):
        for doc in docs[:20]:
            assert graded_once(doc, response).malformed is (subtask not in numeric), (
                doc["question"],
                response,
            )
