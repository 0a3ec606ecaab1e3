"""Statements that hold more than the answer: labels, sentences, conclusions, lists, thoughts."""

from __future__ import annotations

import pytest

from smallsteps.answers import Verdict, extract, score
from smallsteps.answers.thoughts import without_thoughts
from smallsteps.problems import AnswerKind

NUMBER, CHOICE = AnswerKind.NUMBER, AnswerKind.CHOICE
BOOLEAN, TEXT = AnswerKind.BOOLEAN, AnswerKind.TEXT
TOOLS = ("hammer", "saw", "rope", "glue", "nail")

NUMBERS = [
    # labels of a list are no answers
    ("Answer:\n1. Big tins: 4 x 5 = 20\n2. Small tins: 9\n3. In all 20 + 9 = 29 tins", "29"),
    ("Solution:\n\n1. Rode out = 6 km\n\n2. Rode in total = 6 + 8 = 14 km\n\nTherefore Ida rode 14 km.", "14"),  # noqa: E501
    ("Sum: 70 - 12 = 58\n\nAnswer:\nStep 3: Ben has 58 cards left.", "58"),
    ("Answer: 1", "1"),
    ("Answer: 2. That is all.", "2"),
    ("Solution:\n1. Ann saw 12 ducks on the lake.", "12"),
    # a sentence says what its verb states
    ("Answer: After 12 weeks the chair costs $48.", "48"),
    ("Answer:\nEach of the three sisters paid $20.50.", "20.5"),
    ("Answer: The total height of the two towers over the 4 years is 88 metres.", "88"),
    ("Answer:\nHalf of all the coins counted is 640.", "640"),
    ("Answer: 9 pens will cost $13.50.", "13.5"),
    ("Answer: The number of people who are over 60 is 31.", "31"),
    ("Answer: On day 3 she has 14 left.", "14"),
    ("Answer: It took 5 days to paint 20 doors.", "5"),
    ("Answer: Mia spent a total of $25.31 in 2 shops.", "25.31"),
    ("Answer: It takes Lee 7 more weeks to have saved a total of $60.", "7"),
    ("Therefore, the cook needs to buy 600 eggs to last for 5 weeks.", "600"),
    ("```output\n4.0\n```\nFour buses will be needed to carry 200 pupils in one go.", "4"),
    ("Answer: 350 guests can ride 20 wheels at the same time.", "350"),
    ("Answer: She had 16 coins left after buying 3 cakes.", "16"),
    ("The answer is 10 packs that Tom can make with the 2 crates.", "10"),
    ("The answer is 38 bottles and 41 cups, for a total of 79 items.", "38"),
    # a later sentence concludes
    ("Answer:\nMax has 30 pins and Tia has 18 pins. Therefore, Max has 12 more pins than Tia.", "12"),
    ("Answer:\nWest barn holds 90 cows, east barn 35.\n\nTotal number of cows: 90 + 35 = 125 cows.", "125"),
    ("Answer: Jo has 9 red and 5 blue balls. In total, she has 14 balls.", "14"),
    ("Answer: Jo has 9 red and 5 blue balls. So she has 14 balls.", "14"),
    ("Answer: 18\n\nShe has 2 pens and 7 books.", "18"),
    # expressions
    ("The answer is ( 7.0 * 12.0 ).", "84"),
    ("The answer is ( ( 20.0 + 11.0 ) - 6.0 ).", "25"),
    ("The answer is ( 90.0 / 4.0 ).", "22.5"),
    ("#### ( 6 * 13 )", "78"),
    ("The answer is (6 * 15) chairs.", "90"),
    ("The answer is 9. (4 + 5 = 9, and 2 + 1 = 3)", "9"),
    # the same again, in another form
    ("The answer is 9.8. The answer is nine point eight.", "9.8"),
    ("The answer is $9.80. The answer is nine dollars and eighty cents.", "9.8"),
    ("The answer is 9.8. The answer is nine and a bit.", "9.8"),
    ("The answer is 2,2,2.", "2"),
    # positions count where nothing else does
    ("Kit is now on the 18th floor.", "18"),
    ("She came in at 1 - 5 + 9 = 5th place.", "5"),
    # what follows is invented
    ("4 boxes are left, so 4*6 = 24.\n#### 24\nQuestion: 5 bags of 9?\nAnswer: 5*9 = 45\n#### 45", "24"),
    ("3 + 4 = 7. The answer is 7.\n\nA: Sam had 3 pens and then he got", "7"),
    ("Given: 5 and 7 pens.\n\nQuestion: How many?\n\nPlan: add.\n\nAnswer: There are 12 pens.", "12"),
    ('{"answer": "Tom\'s cat can eat 6 fish."}', "6"),
    ('{"answer": "14,000"}\n\nThe final answer is provided in the "answer" field.', "14000"),
]  # fmt: skip


@pytest.mark.parametrize(("response", "gold"), NUMBERS, ids=range(len(NUMBERS)))
def test_the_number_that_is_asserted(response: str, gold: str) -> None:
    found = score(response, gold, NUMBER)
    assert found.flexible is Verdict.RIGHT, extract(response, NUMBER)


@pytest.mark.parametrize(
    "response",
    [
        "The answer is 1,2,3.",
        "The answer is 10,20,30.",
        "Ann and Bo have $45 and $40 left, respectively. The answer is $45 and $40, respectively.",
        "Answer:\nThe number of the house could be either 4 or 7.",
        "The answer is 84.0 / 0.0",
    ],
)
def test_several_numbers_are_no_answer(response: str) -> None:
    assert extract(response, NUMBER).value is None


def test_a_position_is_no_fraction() -> None:
    assert extract("Answer: the third house", NUMBER).value == "3"
    assert extract("The answer is a third.", NUMBER).value == "1/3"


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("Two fit. So the answer is (b) saw or (d) glue.", None),
        ("Answer: (A) hammer (E) nail", None),
        ("Therefore, the answer is (A) hammer, (C) rope, or (E) nail.", None),
        ("The answer is (A) hammer, because (B) is blunt.", "A"),
        ("The answer is (A) rather than (B).", "A"),
        ("The answer is B. BECAUSE: A saw cuts. The answer will be a clean edge.\nSo it is better.", "B"),
        ("The answer is B. BECAUSE: The gene for fur (A) is dominant.", "B"),
        ("The answer is A. BECAUSE: x+2=5 has one solution. The answer is x=3.", "A"),
        ("The answer is B. On reflection the answer is not known.", None),
    ],
)
def test_one_option_or_none(response: str, letter: str | None) -> None:
    assert extract(response, CHOICE, TOOLS).value == letter


def test_options_with_the_same_text_are_one_answer() -> None:
    twins = ("hill", "lake", "bridge", "bridge")
    for letter in "cd":
        response = f"So the answer is ({letter}) bridge."
        assert score(response, "bridge", CHOICE, twins).flexible is Verdict.RIGHT
        assert score(response, "D", CHOICE, twins).flexible is Verdict.RIGHT
    assert score("The answer is bridge.", "D", CHOICE, twins).flexible is Verdict.RIGHT
    assert score("So the answer is (a) hill.", "hill", CHOICE, twins).flexible is Verdict.RIGHT
    assert score("So the answer is (a) hill.", "bridge", CHOICE, twins).flexible is Verdict.WRONG


def test_a_verbatim_option_comes_before_one_that_differs_in_an_article() -> None:
    options = ("the ground", "ground", "air")
    assert score("The answer is (B).", "ground", CHOICE, options).flexible is Verdict.RIGHT
    assert score("The answer is (A).", "ground", CHOICE, options).flexible is Verdict.WRONG


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("Step 1: Count.\nThere are six.\n\nNo, none of them went on tour. The only guests were from Oslo.", "no"),  # noqa: E501
        ("It seats 150.\n\nFinally, we answer. Yes, they would fit. There would be seats to spare.", "yes"),
        ("Answer:\n1. The book came out in 1951.\n2. He died in 1890.\n3. Therefore he did not read it.", "no"),  # noqa: E501
        ("Answer:\n1. The book came out in 1951.\n2. He lived until 1990.\n3. Therefore he could read it.", "yes"),  # noqa: E501
        ("Answer:\n1. It is old.\n2. Therefore it cannot be determined.", None),
        ("Answer: 1", "yes"),
        ("Answer:\n1. It is old.\n2. It is rare.", None),
        ("It was never so. Thus, the question is invalid.", None),
    ],
)  # fmt: skip
def test_yes_or_no_of_a_passage(response: str, answer: str | None) -> None:
    assert extract(response, BOOLEAN).value == answer


def test_the_joined_letters_count_and_not_their_list() -> None:
    assert extract("Answer: s, e, y, y = seyy", TEXT).value == "seyy"
    assert extract("The letters are: s, e, y, y -> seyy.", TEXT).value == "seyy"
    assert (
        extract(
            "Step 1: List all of the last letters below.\n\nt,o,n,e\n\nStep 2: Join them.\n\ntone", TEXT
        ).value
        == "tone"
    )
    assert (
        extract('Step 1: Take the last letter of each word.\n\nThe letters joined are "aase."', TEXT).value
        == "aase"
    )


THOUGHTS = [
    ("<think>The answer is 3.</think>The answer is 4.", "4"),
    ("The answer is 3.</think>The answer is 4.", "4"),
    ("<thought>3?</thought>4", "4"),
    ("[THINK]3?[/THINK]4", "4"),
    ("<|START_THINKING|>3<|END_THINKING|>4", "4"),
    ("<|channel|>analysis<|message|>The answer is 3? No.<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>", "4"),  # noqa: E501
    ("analysisThe answer is 3? No.assistantfinalThe answer is 4.", "4"),
    ("<|begin_of_thought|>3?<|end_of_thought|>\n\n<|begin_of_solution|>The answer is 4.<|end_of_solution|>", "4"),  # noqa: E501
    ("<|channel|>analysis<|message|>Perhaps the answer is 4. Let me", None),
    ("<|begin_of_thought|>Maybe the answer is 4. Wait, the", None),
    ("<think>The answer is 4.", None),
    ("<think>3</think>Wait.<think>The answer is 4.", None),
    ("analysisThe answer is 4. Let me", None),
]  # fmt: skip


@pytest.mark.parametrize(("response", "value"), THOUGHTS, ids=range(len(THOUGHTS)))
def test_thoughts_are_not_scored(response: str, value: str | None) -> None:
    assert extract(response, NUMBER).value == value


def test_text_without_marks_is_kept() -> None:
    for text in ("", "analysis of 4 cases: 4", "I think the answer is 4.", "a <b> c"):
        assert without_thoughts(text) == text
