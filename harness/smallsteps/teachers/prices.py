"""What tokens cost, and what a collection is going to cost before anything is spent."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from smallsteps.config import Strict, load
from smallsteps.teachers.model import Request

_SHIPPED = Path(__file__).parent / "prices.yaml"


class Price(Strict):
    """Dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Dollars."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


class Prices(Strict):
    """A dated list of prices. `batch`: what batch jobs cost, as a share."""

    schema_: Literal["smallsteps.prices/1"] = Field(alias="schema")
    date: datetime.date
    batch: float = Field(default=0.5, gt=0, le=1)
    models: dict[str, Price]

    def of(self, model: str, *, batch: bool = False) -> Price | None:
        """The price of a model: that of the longest listed name it begins with; None when none fits."""
        fitting = [
            name for name in self.models if model == name or model.startswith((f"{name}-", f"{name}:"))
        ]
        if not fitting:
            return None
        price = self.models[max(fitting, key=len)]
        return Price(input=price.input * self.batch, output=price.output * self.batch) if batch else price


def load_prices(path: Path | None = None) -> Prices:
    """A price file, or the shipped one."""
    return load(Prices, path or _SHIPPED)


def estimated_tokens(text: str) -> int:
    """Tokens of a text, by its bytes: English runs at about four bytes a token; this errs upwards."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 3.5) + 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a collection will take.

    Attributes:
        requests: samples to be asked for; reused: those already stored.
        prompt_tokens, completion_tokens: expected; most_completion_tokens: if every sample spends its budget.
        basis: what the expected completion length rests on.
        dollars, most_dollars: None when the model has no price.
        minutes: time at the stated limits; None when no limit is stated.
        price_date: date of the price list.
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


def estimate(
    missing: Sequence[Request],
    reused: int,
    *,
    price: Price | None,
    price_date: str,
    mean_completion: float | None,
    requests_per_minute: float | None,
    tokens_per_minute: float | None,
) -> Estimate:
    """Tokens, cost and time of the samples that are not stored yet.

    Args:
        missing: what would be asked for.
        reused: samples the store holds already.
        price: None when unknown.
        price_date: of the price list.
        mean_completion: mean length of the completions stored so far; None before the first.
        requests_per_minute, tokens_per_minute: limits, None when not stated.
    """
    prompt = sum(estimated_tokens(request.prompt) for request in missing)
    most = sum(request.sampling.max_tokens for request in missing)
    if mean_completion is not None:
        expected, basis = round(mean_completion * len(missing)), "mean of the samples stored so far"
    else:
        expected, basis = most // 2, "half of max_tokens (no sample stored yet)"
    minutes = [
        units / limit
        for units, limit in ((len(missing), requests_per_minute), (prompt + expected, tokens_per_minute))
        if limit
    ]
    return Estimate(
        len(missing),
        reused,
        prompt,
        expected,
        most,
        basis,
        price.cost(prompt, expected) if price else None,
        price.cost(prompt, most) if price else None,
        max(minutes) if minutes else None,
        price_date,
    )
