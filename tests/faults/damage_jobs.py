"""Jobs of the pool in `test_damage_crashes.py` (importable in a spawned process)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def busy(payload: Mapping[str, Any], report: Callable[[float, float, str], None]) -> None:
    """Say which process this is, then work without a pause."""
    with Path(payload["pids"]).open("a") as file:
        file.write(f"{os.getpid()}\n")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        report(time.monotonic(), end, "")
