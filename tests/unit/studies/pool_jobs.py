"""Functions that the pool's workers call in tests (importable in a spawned process)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smallsteps.errors import ConfigError, UserError

Report = Callable[[float, float, str], None]
kept: list[bytearray] = []


def write(payload: Mapping[str, Any], report: Report) -> None:
    """Write the threads this process may use."""
    report(1, 2, "half")
    Path(payload["path"]).write_text(os.environ["OMP_NUM_THREADS"])
    report(2, 2, "")


def mistake(payload: Mapping[str, Any], report: Report) -> None:
    """A user's mistake, with all its parts."""
    raise UserError("no such file", where="a.yaml:3", fix="make it", code=66)


def mistakes(payload: Mapping[str, Any], report: Report) -> None:
    """Several at once."""
    raise ConfigError([UserError("one"), UserError("two")])


def defect(payload: Mapping[str, Any], report: Report) -> None:
    """A defect of ours."""
    raise ZeroDivisionError("oops")


def die(payload: Mapping[str, Any], report: Report) -> None:
    """Killed, as by a system out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(payload: Mapping[str, Any], report: Report) -> None:
    """Take a while."""
    time.sleep(payload["seconds"])


def grow(payload: Mapping[str, Any], report: Report) -> None:
    """Keep more than a gigabyte, and say which process this is."""
    kept.append(bytearray(os.urandom(1 << 20)) * payload["megabytes"])
    with Path(payload["path"]).open("a") as file:
        file.write(f"{os.getpid()}\n")
