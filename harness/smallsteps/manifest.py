"""Provenance: which code, libraries and inputs made a result."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps import __version__

PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "lm_eval",
    "numpy",
    "scipy",
    "tokenizers",
    "openai",
)


def versions() -> dict[str, str]:
    """Versions of smallsteps, Python and the libraries that shape results; absent ones are left out."""
    found = {"smallsteps": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def code_state() -> dict[str, Any]:
    """Git commit of the checkout the package runs from, and whether it was changed; empty when installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {}
    commit = _git(root, "rev-parse", "HEAD")
    return (
        {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--", "harness", "tasks"))}
        if commit
        else {}
    )


def _git(root: Path, *args: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def provenance() -> dict[str, Any]:
    """What every manifest starts with."""
    return {"versions": versions(), "code": code_state(), "platform": platform.platform()}
