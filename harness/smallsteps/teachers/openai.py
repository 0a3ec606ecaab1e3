"""Any OpenAI-compatible endpoint as a teacher: fast, within its limits, losing nothing."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.teachers.budget import Purse
from smallsteps.teachers.model import Emit, Request, Say
from smallsteps.teachers.spec import OpenAISpec, endpoint_name


class OpenAITeacher:
    """Asks an endpoint through `openai`'s async client.

    Attributes:
        name, paid: see `Teacher`.
        spec: the section of the recipe.
        purse: what may be spent, and what was.
        notices: what was found out about the endpoint, for the user.
        announce: called at once with what must not be missed, such as a long wait.
        strict_model: stop when an answer names another model than the one asked for.
    """

    paid = True

    def __init__(self, spec: OpenAISpec) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.purse = Purse()
        self.notices: list[str] = []
        self.announce: Say = lambda text: None
        self.strict_model = False

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Ask for everything, in parallel.

        Raises:
            UserError: the endpoint cannot serve this, the retries or the budget are used up.
            KeyboardInterrupt: after the requests in flight were stored.
        """
        import asyncio

        from smallsteps.teachers.dispatch import Dispatch

        run = Dispatch(
            self.spec,
            self.name,
            requests,
            emit,
            purse=self.purse,
            notices=self.notices,
            announce=self.announce,
            strict_model=self.strict_model,
        )
        asyncio.run(run.run())
