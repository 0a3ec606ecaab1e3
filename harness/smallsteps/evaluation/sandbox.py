"""Templates of lm-eval task files in Jinja's sandbox, with limits on time and memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, Template
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smallsteps.engines.guard import OutOfTimeError, bounded
from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.task_code import TRUST

_FIX = "read the task file; --trust-task-code renders its templates without a sandbox"


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        with bounded():
            yield
    except (OutOfTimeError, MemoryError, OverflowError) as error:
        what = str(error) or "more than 1 GiB of memory"
        raise UserError(f"a template of a task takes too much: {what}", fix=_FIX, code=DATA) from error
    except SecurityError as error:
        raise UserError(
            f"a template of a task reaches for Python's own objects: {error}", fix=_FIX, code=DATA
        ) from error


class _Bounded(Template):
    """A template that renders within limits on time and memory."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        """The text.

        Raises:
            UserError: the template takes too much, or reaches for Python's own objects.
        """
        with _explained():
            return super().render(*args, **kwargs)


class _Sandbox(ImmutableSandboxedEnvironment):
    template_class = _Bounded

    def from_string(self, *args: Any, **kwargs: Any) -> Template:
        """A template; Jinja computes what is constant in it already here."""
        with _explained():
            return super().from_string(*args, **kwargs)


def templates_of(environment: Environment) -> Environment:
    """A sandbox with the settings and filters of lm-eval's environment; itself where tasks are trusted."""
    if os.environ.get(TRUST):
        return environment
    found = _Sandbox(
        loader=environment.loader,
        undefined=environment.undefined,
        keep_trailing_newline=environment.keep_trailing_newline,
    )
    found.filters = environment.filters
    return found
