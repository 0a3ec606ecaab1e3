"""The command line as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def smallsteps(tmp_path: Path, repository: Path) -> Smallsteps:
    """Run `smallsteps ARGUMENTS` in a fresh folder; `check=True` demands exit code 0."""

    def run(*arguments: object, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(tmp_path / "settings")}
        environment.pop("SMALLSTEPS_DATA", None)
        done = subprocess.run(
            [sys.executable, "-m", "smallsteps", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=options.get("cwd", tmp_path),  # type: ignore[call-overload]
            env={**environment, **options.get("env", {})},  # type: ignore[dict-item]
            input=options.get("input"),
            timeout=900,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run
