"""The command line as a user meets it, called within the process of a test."""

from __future__ import annotations

from typing import Any

import pytest

from smallsteps.cli import main


def call(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `smallsteps ARGUMENTS`."""
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    found = capsys.readouterr()
    assert isinstance(done.value.code, int)
    return done.value.code, found.out, found.err
