"""Folders that ship with the product (tasks, baselines, templates), installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

from smallsteps.errors import SOFTWARE, UserError

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Path of a shipped folder, for example `shipped("tasks")`.

    Raises:
        UserError: the installation is incomplete.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parents[1]):
        if (root / name).is_dir():
            return root / name
    raise UserError(
        f"the folder '{name}' did not come with this installation",
        fix="install smallsteps from its wheel or from a whole checkout",
        code=SOFTWARE,
    )


def shipped_baseline(name: str) -> Path | None:
    """A shipped file or folder by its name in the repository (`baselines/...`); None when there is none.

    A file or folder of that name in the current folder comes first.
    """
    path = Path(name)
    if path.exists():
        return path
    if path.parts[:1] != ("baselines",) or ".." in path.parts:
        return None
    candidate = shipped("baselines").joinpath(*path.parts[1:])
    return candidate if candidate.exists() else None
