"""Paths in recipes and studies: configuration files, and folders of models."""

from __future__ import annotations

from pathlib import Path

from smallsteps.errors import NO_INPUT, UserError
from smallsteps.resources import shipped_baseline
from smallsteps.training import BaseSpec, ObjectiveSpec


def find(path: Path) -> Path:
    """A configuration file, also one of the shipped ones by its name in the repository (`baselines/...`)."""
    found = shipped_baseline(str(path))
    if found is not None:
        return found
    raise UserError(
        "no such file",
        where=str(path),
        fix="'smallsteps recipes ls' lists the studies and recipes that ship with the product",
        code=NO_INPUT,
    )


def resolve_base(spec: BaseSpec, recipe_path: Path, data: Path | None) -> BaseSpec:
    """Turn a base's relative folder into an absolute one: next to the recipe, else in the data directory.

    `baselines/...` is also found among the shipped baselines. Any other path is left
    unchanged, as a hub id; `check_base` says whether it can be one.
    """
    changes = {
        name: resolved(value, recipe_path, data)
        for name in ("path", "tokenizer")
        if (value := getattr(spec, name)) is not None
    }
    return spec.model_copy(update=changes)


def resolve_objective(spec: ObjectiveSpec, recipe_path: Path, data: Path | None) -> ObjectiveSpec:
    """The same for the on-line teacher of an objective."""
    if spec.teacher is None:
        return spec
    path = resolved(spec.teacher.path, recipe_path, data)
    return spec.model_copy(update={"teacher": spec.teacher.model_copy(update={"path": path})})


def resolved(value: str, path: Path, data: Path | None) -> str:
    """A folder that the file at `path` names, absolute: next to it, in the data directory, or shipped."""
    for root in (path.parent, data):
        if root is not None and (root / value).is_dir():
            return str((root / value).resolve())
    place = shipped_baseline(value)
    return str(place.resolve()) if place is not None and place.is_dir() else value
