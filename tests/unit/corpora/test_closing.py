"""The closing answer sentence is cut; reasoning is not."""

from __future__ import annotations

import pytest

from smallsteps.corpora.closing import cut_closing, trim_lead


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1 + 1 = 2. The answer is 2.", "1 + 1 = 2."),
        ("1 + 1 = 2.\nSo the answer is 2", "1 + 1 = 2."),
        ("1 + 1 = 2. So the answer is: (b)", "1 + 1 = 2."),
        ("Half of 7 is 3.5. The answer is 3.5.", "Half of 7 is 3.5."),
        ("He has 2.\n#### 2", "He has 2."),
        ("[Final solution] Thus he has 2. #### 2", "[Final solution] Thus he has 2."),
        ("He has 2. --> 2", "He has 2."),
        ("He has 2.\n\nFinal answer: 2", "He has 2."),
        ("He has 2.\n\nAnswer: 19 pounds.", "He has 2."),
        ("He has 2. Therefore, the answer (arabic numerals) is 2.", "He has 2."),
        ("He has 2. Therefore, the final answer is\n2", "He has 2."),
        ("So the answer is 5.\nThe answer is 5.", ""),
        ("The answer is 5.", ""),
        ("So the answer is A) Yes.", ""),
        ("Therefore, Melissa played 3 games.", "Therefore, Melissa played 3 games."),
        ("The answer is easy. We add 2 and 3 to get 5.", "The answer is easy. We add 2 and 3 to get 5."),
        (
            "The answer is 5 because 2 + 3 = 5. Then he left.",
            "The answer is 5 because 2 + 3 = 5. Then he left.",
        ),
        ("She answered 3 questions.", "She answered 3 questions."),
    ],
)
def test_cut(text: str, kept: str) -> None:
    assert cut_closing(text) == kept


def test_lead_labels_go() -> None:
    assert trim_lead("\nA: She has 2.") == "She has 2."
    assert trim_lead("Solution:\nLet $x$") == "Let $x$"
    assert trim_lead("Answers vary.") == "Answers vary."


def test_long_hostile_text_is_fast() -> None:
    text = "the answer is " * 50_000
    assert len(cut_closing(text)) > 0
    cut_closing("." * 300_000)
    cut_closing("\n" * 300_000 + "x")
