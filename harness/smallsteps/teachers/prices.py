"""What tokens cost, and what a collection is going to cost before anything is spent."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from smallsteps.config import Strict, load
from smallsteps.teachers.model import Request

_SECONDS_AN_ANSWER = 5.0  # assumed where nothing was measured and no limit is set
_SHIPPED = Path(__file__).parent / "prices.yaml"


class Price(Strict):
    """Dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Dollars."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


class ListedPrice(Price):
    """A line of a list. `batch`: what this model costs in batch jobs, as a share; None: as the list says."""

    batch: float | None = Field(default=None, gt=0, le=1)


class Prices(Strict):
    """A dated list of prices. `batch`: what batch jobs cost, as a share."""

    schema_: Literal["smallsteps.prices/1"] = Field(alias="schema")
    date: datetime.date
    batch: float = Field(default=0.5, gt=0, le=1)
    models: dict[str, ListedPrice]

    def of(self, model: str, *, batch: bool = False) -> Price | None:
        """The price of the model of exactly that name; None when it is not listed.

        Variants of one name differ in price (gpt-4o-2024-05-13 costs more than gpt-4o), so that a
        likeness of names is worth nothing where a budget is to be kept.
        """
        listed = self.models.get(model)
        if listed is None:
            return None
        share = (listed.batch or self.batch) if batch else 1.0
        return Price(input=listed.input * share, output=listed.output * share)


def load_prices(path: Path | None = None) -> Prices:
    """A price file, or the shipped one."""
    return load(Prices, path or _SHIPPED)


def shown(dollars: float) -> str:
    """Dollars with the digits that count: cents for large sums, two digits for tiny ones."""
    if dollars >= 10:
        return f"{dollars:.2f}"
    return f"{dollars:.{max(4, 1 - math.floor(math.log10(dollars))) if dollars > 0 else 4}f}"


def estimated_tokens(text: str) -> int:
    """Tokens of a text as expected, by its bytes: prose has about four bytes a token, formulas fewer."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 3.5) + 4


def most_tokens(text: str) -> int:
    """Tokens of a text at most: a token a word and for every four letters, and one for each other byte but
    the first of some spaces.

    GPT-2, GPT-NeoX and T5 take no more for any of 9,433 questions of the benchmarks, and on average just over
    half of it (tests/unit/teachers/test_prices.py).
    """
    letters = sum(map(len, words := re.findall("[A-Za-z]+", text)))
    spaces = len(re.findall(" +", text))
    others = len(text.encode("utf-8", "surrogatepass")) - letters - spaces
    return len(words) + math.ceil(letters / 4) + others + 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a collection will take.

    Attributes:
        requests: samples to be asked for; reused: those already stored.
        prompt_tokens, completion_tokens: expected; most_completion_tokens: if every sample spends its budget.
        basis: what the expected completion length rests on.
        dollars, most_dollars: None when the model has no price.
        minutes: None when nothing is known of it; time_basis: what they rest on.
        price_date: date of the price list; empty where no price was looked up.
        free: why nothing is paid; empty for a paid endpoint.
        asked: whether a teacher is asked at all; stored rationales are only read.
        absent: samples that a file of rationales lacks.
    """

    requests: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    most_completion_tokens: int
    basis: str
    dollars: float | None
    most_dollars: float | None
    minutes: float | None
    price_date: str
    time_basis: str = ""
    free: str = ""
    asked: bool = True
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Speed:
    """What is known of the speed of a teacher.

    Attributes:
        requests_per_minute, tokens_per_minute: limits; None when not set.
        concurrency: requests at once; None for a teacher on this machine.
        measured: samples a second in the last run on this store; None before it.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrency: int | None = None
    measured: float | None = None

    def minutes(self, requests: int, tokens: int) -> tuple[float | None, str]:
        """Expected minutes, and what they rest on; None when nothing is known."""
        limits = [
            units / limit
            for units, limit in ((requests, self.requests_per_minute), (tokens, self.tokens_per_minute))
            if limit
        ]
        least = max(limits, default=0.0)
        if self.measured:
            minutes = requests / self.measured / 60
            if minutes >= least:
                return minutes, f"at {self.measured:.3g} samples a second, as in the last run"
        if limits:
            return least, "or more, at the limits set"
        if self.concurrency:
            minutes = math.ceil(requests / self.concurrency) * _SECONDS_AN_ANSWER / 60
            return minutes, (
                f"if an answer takes {_SECONDS_AN_ANSWER:g} s, {self.concurrency} at once; no limit is set"
            )
        return None, "not known before the first samples"


def estimate(
    missing: Sequence[Request],
    reused: int,
    *,
    price: Price | None,
    price_date: str,
    mean_completion: float | None,
    speed: Speed,
    system: str = "",
    free: str = "",
) -> Estimate:
    """Tokens, cost and time of the samples that are not stored yet.

    Args:
        missing: what would be asked for.
        reused: samples the store holds already.
        price: None when unknown.
        price_date: of the price list.
        mean_completion: mean length of the completions stored so far; None before the first.
        speed: what is known of it.
        system: system message sent with every prompt.
        free: why nothing is paid; empty for a paid endpoint.
    """
    each, each_most = (estimated_tokens(system), most_tokens(system)) if system else (0, 0)
    prompt = sum(estimated_tokens(request.prompt) + each for request in missing)
    most_prompt = sum(most_tokens(request.prompt) + each_most for request in missing)
    most = sum(request.sampling.max_tokens for request in missing)
    if mean_completion is not None:
        expected, basis = round(mean_completion * len(missing)), "mean of the samples stored so far"
    else:
        expected, basis = most // 2, "half of max_tokens (no sample stored yet)"
    minutes, time_basis = speed.minutes(len(missing), prompt + expected)
    return Estimate(
        len(missing),
        reused,
        prompt,
        expected,
        most,
        basis,
        price.cost(prompt, expected) if price else None,
        price.cost(most_prompt, most) if price else None,
        minutes,
        price_date,
        time_basis,
        free,
    )
