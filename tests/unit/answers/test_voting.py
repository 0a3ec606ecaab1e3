"""Self-consistency votes on extracted answers, never on verdicts."""

from __future__ import annotations

from smallsteps.answers import majority
from smallsteps.problems import AnswerKind


def test_invalid_answers_never_vote() -> None:
    vote = majority([None, None, None, "18"], AnswerKind.NUMBER)
    assert (vote.value, vote.count, vote.votes, vote.invalid, vote.tied) == ("18", 1, 1, 3, ())


def test_equal_spellings_vote_together() -> None:
    # lm-eval's majority_vote makes this a three-way tie
    vote = majority(["20", "18", "18.0", "20%"], AnswerKind.NUMBER)
    assert vote.tied == ("20", "18")
    assert majority(["18", "18.0", "20"], AnswerKind.NUMBER).value == "18"
    assert majority(["1/2", "0.5", "3"], AnswerKind.NUMBER).count == 2


def test_ties_are_reported_and_broken_by_order() -> None:
    vote = majority(["B", "A", "A", "B", "C"], AnswerKind.CHOICE)
    assert (vote.value, vote.count, vote.tied) == ("B", 2, ("B", "A"))


def test_nobody_votes() -> None:
    vote = majority([None, None], AnswerKind.TEXT)
    assert (vote.value, vote.votes, vote.invalid) == (None, 0, 2)
    assert majority([], AnswerKind.TEXT).value is None


def test_booleans_and_text_are_normalised() -> None:
    assert majority(["yes", "True", "no"], AnswerKind.BOOLEAN).count == 2
    assert majority(["The Mona Lisa", "mona lisa.", "Guernica"], AnswerKind.SPAN).count == 2


def test_the_winner_does_not_depend_on_where_invalid_samples_stand() -> None:
    values: list[str | None] = ["7", "9", "9"]
    for place in range(4):
        assert majority([*values[:place], None, *values[place:]], AnswerKind.NUMBER).value == "9"
