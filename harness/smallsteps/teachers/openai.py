"""Any OpenAI-compatible endpoint as a teacher: fast, within its limits, losing nothing."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.teachers.budget import Purse
from smallsteps.teachers.model import Emit, Request
from smallsteps.teachers.spec import OpenAISpec, endpoint_name


class OpenAITeacher:
    """Asks an endpoint through `openai`'s async client.

    Attributes:
        name, paid: see `Teacher`.
        spec: the section of the recipe.
        purse: what may be spent, and what was.
        notices: what was found out about the endpoint, for the user.
    """

    paid = True

    def __init__(self, spec: OpenAISpec) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.purse = Purse()
        self.notices: list[str] = []

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Ask for everything, in parallel.

        Raises:
            UserError: the endpoint cannot serve this, the retries or the budget are used up.
            KeyboardInterrupt: after the requests in flight were stored.
        """
        import asyncio

        from smallsteps.teachers.dispatch import Dispatch

        run = Dispatch(self.spec, self.name, requests, emit, purse=self.purse, notices=self.notices)
        asyncio.run(run.run())
