"""What must hold for every response, not only for the ones thought of."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smallsteps.answers import Verdict, equal, extract, extract_strict, score
from smallsteps.answers.compat import COMPAT, compat
from smallsteps.answers.numbers import canonical, first_number
from smallsteps.problems import AnswerKind

KINDS = st.sampled_from(list(AnswerKind))
CHOICES = ("shelf", "board", "church", "table", "the dark")
GOLDEN = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]
# Text rich in what the rules look for, so that random strings reach the corners.
PIECES = st.sampled_from(
    [
        "the answer is ", "The answer is ", "Answer:", "####", "\\boxed{", "}", "\\frac{1}{2}", "(A)", "(",
        ")", "B", "18", "1,800", "0.5", "-", "−", "$", "%", "=", "<<2*9=18>>", "one", "hundred", " and ",
        " or ", "a half", "yes", "no", "not ", ".", ",", "\n", "\n\nQ:", " ", '"', "**", "/", "^", "e5", "½",
        "é", "\u200b", "\x00", "is ", "was ", "June 5, 2004", "in 1999", "18:30", "٣", "𝟙", "²", "５",
    ]
)  # fmt: skip
RESPONSES = st.lists(PIECES | st.text(max_size=4), max_size=25).map("".join)
NUMBERS = st.fractions(max_denominator=1000) | st.integers(-(10**12), 10**12).map(Fraction)
PLAIN_WORDS = st.from_regex(r"[b-z]{2,7}( [b-z]{2,7}){0,2}", fullmatch=True)


@given(RESPONSES, KINDS, st.integers(0, 200))
@settings(max_examples=300, deadline=None)
def test_no_prefix_of_a_response_raises(response: str, kind: AnswerKind, cut: int) -> None:
    choices = CHOICES if kind is AnswerKind.CHOICE else ()
    for text in (response, response[:cut]):
        result = score(text, "B", kind, choices)
        assert (result.extracted is None) == (result.flexible is Verdict.UNPARSED)
        assert (result.strict_extracted is None) == (result.strict is Verdict.UNPARSED)


@pytest.mark.parametrize("row", GOLDEN[::6], ids=[row["id"] for row in GOLDEN[::6]])
def test_no_prefix_of_a_golden_response_raises(row: dict[str, str]) -> None:
    response = row["response"]
    for cut in range(min(len(response), 150)):
        score(response[:cut], row["answer"], AnswerKind(row["kind"]), row.get("choices", ()))


@given(RESPONSES, RESPONSES, KINDS)
@settings(max_examples=300, deadline=None)
@example("20 June 1837", "June 20, 1837", AnswerKind.SPAN)
@example("50%", "0.5", AnswerKind.NUMBER)
@example("4,884 m", "4,884 meters", AnswerKind.SPAN)
def test_equality_is_symmetric(a: str, b: str, kind: AnswerKind) -> None:
    choices = CHOICES if kind is AnswerKind.CHOICE else ()
    assert equal(a, b, kind, choices) == equal(b, a, kind, choices)


@given(NUMBERS, NUMBERS)
def test_equality_of_numbers_is_symmetric(a: Fraction, b: Fraction) -> None:
    for left, right in ((a, b), (a, a + Fraction(1, 300)), (a, a / 100)):
        one, two = canonical(left), canonical(right, percent=True)
        assert equal(one, two, AnswerKind.NUMBER) == equal(two, one, AnswerKind.NUMBER)
        assert equal(one, one, AnswerKind.NUMBER)


@given(NUMBERS)
def test_canonical_text_keeps_the_value(value: Fraction) -> None:
    found = first_number(canonical(value))
    assert found is not None
    assert found.value == value
    assert canonical(found.value) == canonical(value)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_different_integers_are_never_equal(a: int, b: int) -> None:
    assert equal(str(a), str(b), AnswerKind.NUMBER) == (a == b)
    assert equal(f"{a:,}", str(a), AnswerKind.NUMBER)


UNITS = st.sampled_from(
    ["", " dollars", " km/h", " eggs per day", "%", " percent", "cm", " (in total)", " years old."]
)
SPACES = st.sampled_from(["", " ", "  ", "\n", "\t ", " \n\n"])


@given(st.integers(0, 10**7), st.sampled_from(["", "$", "€", "about ", "**"]), UNITS, SPACES, SPACES)
def test_units_currency_and_white_space_do_not_matter(
    value: int, before: str, unit: str, lead: str, trail: str
) -> None:
    closing = "**" if before == "**" else ""
    response = f"{lead}She has 3 of 7. The answer is {before}{value:,}{closing}{unit}{trail}"
    found = extract(response, AnswerKind.NUMBER)
    assert found.value is not None
    assert equal(found.value, str(value), AnswerKind.NUMBER), (response, found)


@given(PLAIN_WORDS, SPACES, SPACES)
def test_white_space_and_case_do_not_matter_in_text(answer: str, lead: str, trail: str) -> None:
    spaced = answer.replace(" ", "  ").upper()
    assert equal(f"{lead}{spaced}{trail}", answer, AnswerKind.TEXT)
    assert extract(f"The answer is {answer}.{trail}", AnswerKind.TEXT).value == answer


@given(NUMBERS)
def test_what_strict_accepts_flexible_reads_alike(value: Fraction) -> None:
    response = f"Some steps.\nThe answer is {canonical(value)}."
    strict, flexible = extract_strict(response, AnswerKind.NUMBER), extract(response, AnswerKind.NUMBER)
    assert strict.value == flexible.value == canonical(value)


@given(RESPONSES, st.sampled_from([AnswerKind.NUMBER, AnswerKind.BOOLEAN]))
@settings(max_examples=200, deadline=None)
def test_extraction_is_idempotent(response: str, kind: AnswerKind) -> None:
    value = extract(response, kind).value
    if value is not None and len(value) < 50:
        assert extract(value, kind).value == value


FILLERS = [
    "(", "the answer is ", "\n", "1,", "1 one ", "=", "\\boxed{", "- ", "1", '".', "#### ", "<<1=", "(A) ",
    "not ", "isn't the dark ", "5 a.m. ", "1, ", "-\\frac{1}{2}",
    "1/", "Answer: ", " ", "A, who b, ", "two and three quarters ", "<answer>", "The answer is 1. ",
    "A: ", "Answer:\n1. a 2 ", "#### 5\nQ:", "Given:\n\nQ: ", "so 4, so ", "to make a total of 5 ", "After 3 weeks, ",  # noqa: E501
    "nine point eight ", "5th ", "( ( 3 + ", "(A) candle, ", "No. x.\n", "<think>", "<|channel|>a<|message|>",
]  # fmt: skip


@pytest.mark.parametrize("filler", FILLERS)
def test_time_is_linear_in_the_length(filler: str) -> None:
    """100 kB of the worst filler may take at most about twice the time of 50 kB, for all kinds together."""

    def seconds(length: int) -> float:
        text = (filler * (length // len(filler) + 1))[:length]
        start = time.process_time()
        for kind in AnswerKind:
            score(text, "5", kind, CHOICES if kind is AnswerKind.CHOICE else ())
        for rule in COMPAT:
            compat(rule, text, "5")
        return time.process_time() - start

    seconds(1000)
    tries = []
    for _ in range(3):  # a machine with other work may be slow once
        long = seconds(100_000)
        tries.append(long < 8.0 and (long < 1.0 or long < 3.0 * max(seconds(50_000), 0.05)))
        if tries[-1]:
            break
    assert any(tries), filler


MEGABYTE = 2**20
HOSTILE = [
    "Answer:\n1. She has 3 of 4, so ", "(A) candle, (B) or ", "<|channel|>analysis<|message|>a", "#### 5\nQuestion: ",  # noqa: E501
    "the answer is (3 + 4) x ", "total of 5 is the 9th ",
]  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("filler", HOSTILE)
def test_a_megabyte_of_one_pattern_takes_linear_time(filler: str) -> None:
    """At 1, 2 and 4 times the length the time grows with the length, for the flexible rule of every kind."""

    def seconds(length: int) -> float:
        text = (filler * (length // len(filler) + 1))[:length]
        start = time.process_time()
        for kind in AnswerKind:
            extract(text, kind, CHOICES if kind is AnswerKind.CHOICE else ())
        return time.process_time() - start

    times = [seconds(MEGABYTE // 4), seconds(MEGABYTE // 2), seconds(MEGABYTE)]
    assert times[2] < 8 * max(times[0], 0.1), times  # 16 would be quadratic
