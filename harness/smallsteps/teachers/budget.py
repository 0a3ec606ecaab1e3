"""What a collection may cost, what it has cost, and the stop before it costs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from smallsteps.errors import UserError
from smallsteps.teachers.model import Request
from smallsteps.teachers.prices import Price, most_tokens, shown


class BudgetReachedError(UserError):
    """The next request might exceed the budget. Exit code 2: the collection is sound and not complete."""

    def __init__(self, spent: float, budget: float, next_one: float) -> None:
        super().__init__(
            f"budget reached: {shown(spent)} of {shown(budget)} dollars spent, and the next request may cost "
            f"{shown(next_one)}",
            fix="what was received is stored; run the same command with a larger --budget-usd to go on",
            code=2,
        )


@dataclass(slots=True)
class Purse:
    """The money of one collection.

    Attributes:
        price: dollars per token; None when unknown: then nothing is counted, and there can be no budget.
        budget: dollars that may be spent in all; None for no bound.
        spent: dollars spent so far, by former runs too.
    """

    price: Price | None = None
    budget: float | None = None
    spent: float = 0.0

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Dollars; 0 where the price is unknown."""
        return self.price.cost(prompt_tokens, completion_tokens) if self.price else 0.0

    def pay(self, prompt_tokens: float, completion_tokens: float) -> None:
        """Count what was billed."""
        self.spent += self.cost(prompt_tokens, completion_tokens)

    def bears(self, dollars: float) -> bool:
        """Whether so much more may be spent."""
        return self.budget is None or self.spent + dollars <= self.budget

    def most(self, request: Request, system: str = "") -> float:
        """Dollars that one request costs at most: its prompt, and all the tokens it may write."""
        prompt = most_tokens(request.prompt) + (most_tokens(system) if system else 0)
        return self.cost(prompt, request.sampling.max_tokens)

    def reached(self, next_one: float) -> BudgetReachedError:
        """The stop."""
        return BudgetReachedError(self.spent, self.budget or 0.0, next_one)


@runtime_checkable
class Spends(Protocol):
    """A teacher whose samples cost money."""

    purse: Purse
