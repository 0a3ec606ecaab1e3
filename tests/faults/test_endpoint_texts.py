"""Long and hostile texts: read in linear time, shown as visible text; templates multiply nothing."""

from __future__ import annotations

import io
import json
import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import KEY, body, raw

from smallsteps.corpora import Tally
from smallsteps.corpora.closing import cut_closing, trim_lead
from smallsteps.corpora.live import Live
from smallsteps.corpora.schema import Cleaner
from smallsteps.corpora.taught import planned_steps, taught_steps, with_replies
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Step
from smallsteps.teachers.keys import hide_key, redact
from smallsteps.teachers.prices import estimated_tokens, most_tokens
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.replies import BadAnswerError, parse, read_choices, read_usage

pytestmark = pytest.mark.timeout(240)
PROBLEM = Problem("1", "How many?", "5", AnswerKind.NUMBER, choices=("a", "b"))
PATTERNS = {
    "letters": "a", "spaces": " ", "lines": "\n", "questions": "Q1: how?\n", "numbers": "1 2,",
    "marks": "#### ", "escapes": "\x1b[1m", "NUL": "\x00", "surrogates": "\ud800", "key": KEY[:15],
    "asked": "Q  ", "tabs": "Answer\t",
    "almost a step": "how many? ** ", "bullets": "- 1.\n", "closings": "The answer is ", "quotes": '"',
}  # fmt: skip


def read_whole(text: str) -> None:
    """A body with the text, as the endpoint teacher reads it."""
    data = parse(raw(body(text)).decode())
    read_usage(data, ["Q"], read_choices(data, False), 64)


READERS: dict[str, Callable[[str], object]] = {
    "body": read_whole,
    "body of garbage": lambda text: _refused(text),
    "cut_closing": cut_closing,
    "trim_lead": trim_lead,
    "taught_steps": lambda text: taught_steps(text, "5"),
    "planned_steps": lambda text: planned_steps(PROBLEM, text),
    "with_replies": lambda text: with_replies((Step("how?", "", ""),), text, "5"),
    "hide_key": lambda text: hide_key(text, KEY),
    "redact": lambda text: redact(text, KEY),
    "most_tokens": most_tokens,
    "estimated_tokens": estimated_tokens,
    "clean": lambda text: Cleaner().text(text),
    "render": lambda text: Template("t", "{{ question | trim }}").render(
        Problem("1", text[:900_000], "5", AnswerKind.NUMBER)
    ),
}


def _refused(text: str) -> None:
    with pytest.raises(BadAnswerError):
        read_choices(parse(text[:1] + "[" + text), False)


def seconds(reader: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    reader(text)
    return time.process_time() - started


@pytest.mark.parametrize("name", READERS)
def test_reading_takes_linear_time(name: str) -> None:
    """0.5 and 2 MB of each pattern: under 8 times as long (4 is linear, 16 quadratic), beside a fixed part.

    A busy machine may be slow once: the least of up to three readings counts.
    """
    for pattern in PATTERNS.values():
        one, four = math.inf, math.inf
        for _ in range(3):
            short, long = ((pattern * (size // len(pattern) + 1))[:size] for size in (1 << 19, 4 << 19))
            one, four = min(one, seconds(READERS[name], short)), min(four, seconds(READERS[name], long))
            if four < 8 * one + 0.5:
                break
        assert four < 8 * one + 0.5, (pattern, one, four)
        assert four < 20, (pattern, four)


MULTIPLIERS = [
    "{{ 'a' * 10**10 }}",
    "{{ question * 1000000000 }}",
    "{% set n = namespace(s='a') %}{% for i in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{% set a = question ~ question %}{% set b = a ~ a %}{{ b }}",
    "{% set a %}{{ question }}{{ question }}{% endset %}{{ a }}",
    "{{ '%10000000000d' % 1 }}",
    "{{ '{:>10000000000}'.format(1) }}",
    "{{ 'a'.center(10000000000) }}",
    "{{ 'a' | center(10000000000) }}",
    "{{ 'a' | indent(10000000000) }}",
    "{{ 'a' | format | e }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% for a in question %}{% for b in question %}{% if a %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in question %}{% for b in question %}{{ question }}{% endfor %}{% endfor %}",
    "{{ question | list | join(question) | list | join(question) }}",
    "{{ question | replace('q', question) | replace('q', question) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}",
    "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "x" * 200_000,
    "{% filter upper %}{{ question }}{% endfilter %}",
    "{{ lipsum(n=100000) }}",
    "{{ [question] * 1000000000 }}",
]


@pytest.mark.parametrize("source", MULTIPLIERS, ids=range(len(MULTIPLIERS)))
def test_templates_that_multiply_text_are_refused(source: str) -> None:
    """One of them filled memory before anything was asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), hard))
    started = time.process_time()
    try:
        with pytest.raises(UserError, match="template: "):
            Template("mine", source).render(Problem("1", "q" * 500, "a", AnswerKind.TEXT))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("source", "prompt"),
    [
        ("Q: {{ question | trim | upper }}", "Q: HOW MANY?"),
        ("{% for c in problem.choices %}({{ loop.index }}) {{ c }} {% endfor %}", "(1) a (2) b "),
        ("{% set name = 'Ann' %}{{ name }}: {{ question }}", "Ann: How many?"),
        ("{{ problem.choices | join(', ') }}", "a, b"),
        ("{{ question | replace('How', 'So') }}", "So many?"),
        ("{% if question.endswith('?') %}asked{% else %}told{% endif %}", "asked"),
        ("{{ question ~ '!' }} {{ question[:3] }}", "How many?! How"),
    ],
)
def test_what_prompts_need_is_allowed(source: str, prompt: str) -> None:
    assert Template("mine", source).render(PROBLEM) == prompt


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_of_an_endpoint_reaches_the_terminal_raw(terminal: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    with Live(stream=stream) as live:
        live(Tally(total=3, reused=0))
        live.say("batch job \x1b]0;PWN\x07: \u202egnp.exe")
        live.announce("waiting: \x1b[31mred\x1b[0m \ud800")
    said = stream.getvalue()
    assert "\x1b]0;" not in said
    assert "\x1b[31m" not in said
    assert "\u202e" not in said
    assert "\\u001b]0;PWN\\u0007: \\u202egnp.exe" in said
    said.encode()


def test_announcements_are_never_dropped() -> None:
    """The rewritten line shows the latest; a long wait must be seen even right after another line."""
    stream = io.StringIO()
    with Live(stream=stream) as live:
        for number in range(20):
            live.announce(f"waiting {number}")
    assert stream.getvalue().count("waiting") == 20


def test_a_row_read_back_is_json(tmp_path: Path) -> None:
    values: dict[str, Any] = {name: pattern * 100 for name, pattern in PATTERNS.items()}
    assert json.loads(json.dumps(Cleaner().value(values), allow_nan=False))
