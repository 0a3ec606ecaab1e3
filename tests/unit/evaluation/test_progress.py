"""Progress is never silent for long, and says the rate and the time left."""

from __future__ import annotations

from smallsteps.evaluation.progress import LINE_EVERY, Bar, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_without_a_terminal() -> None:
    clock, lines = Clock(), list[str]()
    bar = Bar("svamp", terminal=False, write=lines.append, clock=clock)
    for second in range(1, 121):
        clock.now = 100.0 + second
        bar(2 * second, 300, 40 * second)
    assert LINE_EVERY <= 30
    assert len(lines) == 120 // LINE_EVERY
    assert lines[0] == "svamp: 30 of 300 items, 2 items/s, 2 min 15 s left"


def test_what_an_earlier_process_did_is_no_rate() -> None:
    clock, lines = Clock(), list[str]()
    bar = Bar(terminal=False, write=lines.append, clock=clock)
    bar(200, 300, 0)
    clock.now += 20
    bar(210, 300, 0)
    assert lines == ["210 of 300 items, 0.5 items/s, 3 min 00 s left"]


def test_tokens_are_a_sign_of_life_before_the_first_answer() -> None:
    clock, lines = Clock(), list[str]()
    bar = Bar(terminal=False, write=lines.append, clock=clock)
    clock.now += 20
    bar(0, 300, 5000)
    assert lines == ["0 of 300 items, 5000 tokens, 250 tokens/s"]


def test_durations() -> None:
    assert [duration(s) for s in (41.6, 185, 7800, float("nan"))] == ["42 s", "3 min 05 s", "2 h 10 min", "?"]
