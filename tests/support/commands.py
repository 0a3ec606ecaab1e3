"""The command line as a user meets it, called within the process of a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from smallsteps.cli import main


def call(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `smallsteps ARGUMENTS`."""
    with _environment(), pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    found = capsys.readouterr()
    assert isinstance(done.value.code, int)
    return done.value.code, found.out, found.err


@contextmanager
def _environment() -> Iterator[None]:
    """Forget what options such as --models put into the environment for later code."""
    before = {name: value for name, value in os.environ.items() if name.startswith("SMALLSTEPS_")}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("SMALLSTEPS_")]:
            del os.environ[name]
        os.environ.update(before)
