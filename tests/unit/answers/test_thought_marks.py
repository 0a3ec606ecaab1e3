"""Thoughts and answers told apart by the marks of several model families, and by marks of one's own."""

from __future__ import annotations

import pytest

from smallsteps.answers.thoughts import MARKS, Marks, parted, unfinished, without_thoughts

THOUGHT, SAID = "Two and two are four.", "The answer is 4."
OWN = Marks("<reasoning>", "</reasoning>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<think>\n{THOUGHT}\n</think>\n\n{SAID}", (THOUGHT, SAID, True)),
        (f"{THOUGHT}</think>{SAID}", (THOUGHT, SAID, True)),
        (
            f"<|begin_of_thought|>\n\n{THOUGHT}\n\n<|end_of_thought|>\n\n"
            f"<|begin_of_solution|>\n\n{SAID}\n\n<|end_of_solution|>",
            (THOUGHT, SAID, True),
        ),
        (f"<think>{THOUGHT}", (THOUGHT, "", False)),
        (f"<|begin_of_thought|>{THOUGHT}", (THOUGHT, "", False)),
        (SAID, ("", SAID, True)),
        ("a < b > c", ("", "a < b > c", True)),
        (f"[THINK]{THOUGHT}[/THINK]{SAID}", (THOUGHT, SAID, True)),
        (
            f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{SAID}",
            (THOUGHT, SAID, True),
        ),
        (f"<|channel|>analysis<|message|>{THOUGHT}", (THOUGHT, "", False)),
        (f"analysis{THOUGHT}assistantfinal{SAID}", (THOUGHT, SAID, True)),  # without special tokens
        (f"analysis{THOUGHT}", (THOUGHT, "", False)),
        ("analysis of 4 cases", ("", "analysis of 4 cases", True)),
        ("<think></think>yes", ("", "yes", True)),
    ],
)
def test_marked_thoughts_are_kept_apart(text: str, expected: tuple[str, str, bool]) -> None:
    assert parted(text) == expected
    assert unfinished(text) == (not expected[2])
    assert without_thoughts(text).strip() == expected[1]


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        (f"<reasoning>\n{THOUGHT}\n</reasoning>\n\n{SAID}", OWN, (THOUGHT, SAID, True)),
        (f"<reasoning>\n{THOUGHT}", OWN, (THOUGHT, "", False)),
        ("<reasoning>x</reasoning>y<reasoning>z", OWN, ("x</reasoning>y<reasoning>z", "", False)),
        (SAID, OWN, ("", SAID, True)),  # a student need not think
        (f"<think>{THOUGHT}</think>{SAID}", OWN, (THOUGHT, SAID, True)),  # known marks are found too
        (THOUGHT, Marks("", "</think>"), (THOUGHT, "", False)),  # opened in the prompt
        (f"{THOUGHT}\n</think>\n{SAID}", Marks("", "</think>"), (THOUGHT, SAID, True)),
    ],
)  # fmt: skip
def test_own_marks(text: str, marks: Marks, expected: tuple[str, str, bool]) -> None:
    assert parted(text, marks) == expected


@pytest.mark.parametrize("name", MARKS)
def test_what_is_written_within_marks_is_read_again(name: str) -> None:
    from smallsteps.engines.prompts import within

    text = within(MARKS[name], THOUGHT, SAID)
    assert parted(text) == parted(text, MARKS[name]) == (THOUGHT, SAID, True)
