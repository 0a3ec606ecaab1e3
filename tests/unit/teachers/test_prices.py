"""Prices by exact name, and how many tokens a prompt can have before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, list_benchmarks, load_problems
from smallsteps.teachers import Sampling
from smallsteps.teachers.model import Request
from smallsteps.teachers.prices import Price, Speed, estimate, load_prices, most_tokens, shown


def test_a_variant_has_its_own_price_or_none() -> None:
    """`gpt-4o-audio-preview` was counted as gpt-4o, `gpt-4o-2024-05-13` at half its price."""
    prices = load_prices()
    assert prices.of("gpt-4o-2024-05-13") == Price(input=5.0, output=15.0)
    assert prices.of("gpt-4o-audio-preview") is None
    assert prices.of("gpt-3.5-turbo-instruct") != prices.of("gpt-3.5-turbo")
    assert prices.of("no-such-model") is None


def test_batch_jobs_cost_half_but_for_those_that_do_not() -> None:
    prices = load_prices()
    assert prices.of("gpt-4o-mini", batch=True) == Price(input=0.075, output=0.3)
    assert prices.of("gpt-3.5-turbo-1106", batch=True) == prices.of("gpt-3.5-turbo-1106")


def test_the_shipped_list_is_dated_and_every_line_has_a_source(repository: Path) -> None:
    path = repository / "harness" / "smallsteps" / "teachers" / "prices.yaml"
    lines = [line for line in path.read_text().split("\n") if line.startswith("  ")]
    assert len(lines) == len(load_prices().models)
    assert all("# " in line for line in lines)
    assert load_prices().date >= date(2026, 10, 14)


@pytest.mark.parametrize(
    ("dollars", "text"),
    [(0.0, "0.0000"), (0.0000931, "0.000093"), (0.0012, "0.0012"), (0.0352, "0.0352"), (12.346, "12.35")],
)
def test_tiny_sums_keep_their_digits(dollars: float, text: str) -> None:
    assert shown(dollars) == text


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    text = (
        "schema: smallsteps.prices/1\ndate: 2030-01-02\nbatch: 0.4\nmodels:\n  mine: {input: 1, output: 2}\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    assert load_prices(tmp_path / "p.yaml").of("mine", batch=True) == Price(input=0.4, output=0.8)
    (tmp_path / "p.yaml").write_text(text.replace("output: 2", "output: -2"))
    with pytest.raises(UserError, match="output"):
        load_prices(tmp_path / "p.yaml")


def test_the_system_message_is_counted_with_every_prompt() -> None:
    problem = Problem("p", "q", "1", AnswerKind.NUMBER)
    requests = [Request(str(i), problem, "How many?", Sampling(max_tokens=10), i) for i in range(3)]
    costs: list[Any] = [
        estimate(
            requests,
            0,
            price=Price(input=1e6, output=0.0),
            price_date="",
            mean_completion=None,
            speed=Speed(),
            system=system,
        )
        for system in ("", "Be brief.")
    ]
    assert costs[1].prompt_tokens > costs[0].prompt_tokens
    assert costs[1].most_dollars - costs[0].most_dollars == 3 * most_tokens("Be brief.")
    assert all(cost.dollars <= cost.most_dollars for cost in costs)


@pytest.fixture(scope="module")
def questions(data_dir: Path) -> list[str]:
    found: list[str] = []
    for name in list_benchmarks():
        try:
            found += [problem.question for problem in load_problems(name, "test", data_dir)[:400]]
        except UserError:
            continue  # its data are not in this folder
    assert len(found) > 7000
    return found


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox-20b", "t5"])
def test_no_question_has_more_tokens_than_the_most(
    questions: Sequence[str], data_dir: Path, name: str
) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(data_dir / "tokenizers" / name / "tokenizer.json"))
    counts = [len(e.ids) for e in tokenizer.encode_batch(list(questions), add_special_tokens=False)]
    most = [most_tokens(question) for question in questions]
    assert not [q for q, count, bound in zip(questions, counts, most, strict=True) if count > bound]
    assert sum(counts) > 0.5 * sum(most), "a bound that lets no budget be used would be none"
