"""Any OpenAI-compatible endpoint as a teacher: fast, within its limits, losing nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from smallsteps.errors import UserError
from smallsteps.teachers.model import Emit, Request
from smallsteps.teachers.prices import Price
from smallsteps.teachers.spec import OpenAISpec


class BudgetReachedError(UserError):
    """The next request might exceed the budget. Exit code 2: the collection is sound and not complete."""

    def __init__(self, spent: float, budget: float) -> None:
        super().__init__(
            f"budget reached: {spent:.4f} of {budget:.4f} dollars spent",
            fix="what was received is stored; run the same command with a larger --budget-usd to go on",
            code=2,
        )


def endpoint_name(spec: OpenAISpec) -> str:
    """Identity in the key: model, interface and system message. Not the address: a proxy may move."""
    system = f":system={hashlib.sha256(spec.system.encode()).hexdigest()[:12]}" if spec.system else ""
    return f"openai:{spec.api}:{spec.model}{system}"


class OpenAITeacher:
    """Asks an endpoint through `openai`'s async client.

    Attributes:
        name, paid: see `Teacher`.
        spec: the section of the recipe.
        price: dollars per token, None when unknown.
        budget: dollars that may be spent, None for no bound; needs a price.
        spent: dollars spent so far by this object.
        notices: what was found out about the endpoint, for the user.
    """

    paid = True

    def __init__(self, spec: OpenAISpec) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.price: Price | None = None
        self.budget: float | None = None
        self.spent = 0.0
        self.notices: list[str] = []

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Ask for everything, in parallel.

        Raises:
            UserError: the endpoint cannot serve this, the retries or the budget are used up.
            KeyboardInterrupt: after the requests in flight were stored.
        """
        import asyncio

        from smallsteps.teachers.dispatch import Dispatch

        asyncio.run(Dispatch(self, requests, emit).run())
