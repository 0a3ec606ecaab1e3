"""The base of a recipe: found, or missed before anything is collected, paid or trained."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from smallsteps.config import compose
from smallsteps.errors import DATA, NO_INPUT, ConfigError, UserError, nearest
from smallsteps.resources import shipped_baseline
from smallsteps.students.card import CARD, check_weights, read_student
from smallsteps.students.places import is_hub_id
from smallsteps.studies.recipe import Recipe, find
from smallsteps.studies.study import Study

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
Kind = Literal["model", "tokenizer"]


def check_bases(
    recipes: dict[Path, Recipe],
    data: Path | None,
    *,
    overrides: Iterable[str] = (),
    study: tuple[Study, Path] | None = None,
    lenient: bool = False,
) -> list[str]:
    """Look for the weights and tokenizers that recipes start from, and for a study's reference.

    Args:
        recipes: by their files; overrides: `--set` laid over a single recipe.
        study: with its file.
        lenient: a folder that may be in the data directory is a note where no such directory was named.

    Returns:
        Notes: what could not be checked.

    Raises:
        ConfigError: all that is missing, with file and line.
    """
    errors: list[UserError] = []
    notes: list[str] = []
    for path, recipe in recipes.items():
        document = compose(find(path), () if study else overrides)
        named: list[tuple[str, str | None, Kind]] = [
            ("path", recipe.base.path, "model"),
            ("tokenizer", recipe.base.tokenizer, "tokenizer"),
        ]
        for key, value, kind in named:
            if value is not None:
                alone = kind == "model" and recipe.base.tokenizer is not None
                where = document.where(("base", key))
                _collect(value, kind, where, (find(path).parent, data), lenient, errors, notes, alone=alone)
    if study is not None and study[0].reference is not None:
        document = compose(study[1], overrides)
        where = document.where(("reference", "path"))
        roots = (study[1].parent, data)
        _collect(study[0].reference.path, "model", where, roots, lenient, errors, notes, student=True)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigError(list({str(error): error for error in errors}.values()))
    return list(dict.fromkeys(notes))


def _collect(
    value: str,
    kind: Kind,
    where: str,
    roots: tuple[Path, Path | None],
    lenient: bool,
    errors: list[UserError],
    notes: list[str],
    *,
    alone: bool = False,
    student: bool = False,
) -> None:
    data = roots[1]
    folder = next((root / value for root in roots if root is not None and (root / value).is_dir()), None)
    folder = folder or shipped_baseline(value)
    try:
        if folder is not None:
            _check_folder(folder, kind, alone=alone, student=student)
        elif lenient and data is None and _relative(value) and "/" in value:
            notes.append(f"'{value}' was not checked: it may be in the data directory (--data)")
        elif not _may_be_hub_id(value, roots):
            raise _missing(value, kind, roots)
        else:
            notes += _check_hub(value, lenient)
    except UserError as error:
        inside = f"{error.where}: " if error.where and error.where != where else ""
        errors.append(UserError(f"{inside}{error.message}", where=where, fix=error.fix, code=error.code))


def _relative(value: str) -> bool:
    return not value.startswith((".", "/", "~"))


def _may_be_hub_id(value: str, roots: tuple[Path, Path | None]) -> bool:
    if not is_hub_id(value) or any(root is not None and (root / value).is_file() for root in roots):
        return False
    first, slash, _ = value.partition("/")
    # `models/mistyped` beside a folder `models` is a folder that is not there
    return not slash or not any(root is not None and (root / first).is_dir() for root in roots)


def _missing(value: str, kind: Kind, roots: tuple[Path, Path | None]) -> UserError:
    places = [root / value for root in roots if root is not None]
    if Path(value).expanduser().is_absolute():
        places = places[:1]
    close = None
    for place in places:
        if place.is_file():
            return UserError(
                f"the {kind} '{value}' is a file, not a folder", fix="name the folder", code=NO_INPUT
            )
        if place.parent.is_dir() and close is None:
            near = nearest(place.name, [entry.name for entry in place.parent.iterdir() if entry.is_dir()])
            close = str(Path(value).parent / near) if near else None
    tried = " and ".join(str(place) for place in places)
    return UserError(
        f"no such {kind} '{value}': no folder (looked at {tried}) and not a hub id",
        fix=f"did you mean '{close}'?" if close else "give a folder, OWNER/NAME on the hub, or --data DIR",
        code=NO_INPUT,
    )


def _check_folder(folder: Path, kind: Kind, *, alone: bool, student: bool) -> None:
    """A model's folder holds weights, a configuration and (unless `alone`) a tokenizer."""
    if kind == "model":
        if student and (folder / CARD).exists():
            read_student(folder)
            return
        if (folder / CARD).exists() and not (folder / "config.json").exists():
            parts = ", ".join(read_student(folder).parts.values())
            raise UserError(
                "a student directory, not a model folder",
                where=str(folder),
                fix=f"name a part of it: {parts}",
            )
        check_weights(folder)
        if not (folder / "config.json").exists():
            raise UserError("no config.json", where=str(folder), code=NO_INPUT)
    if not alone and not any((folder / name).exists() for name in TOKENIZERS):
        raise UserError(
            f"no tokenizer ({', '.join(TOKENIZERS[:2])}, ...)",
            where=str(folder),
            fix="save it beside the weights, or name its folder as base.tokenizer",
            code=NO_INPUT,
        )


def _check_hub(name: str, lenient: bool) -> list[str]:
    """What can be known of a hub id: offline its form, and whether the hub's cache holds it."""
    if lenient:
        return [f"'{name}' is taken for a hub id; whether the hub has it was not checked"]
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    if isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str):
        return []
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise UserError(
            f"'{name}' is no folder, and as a hub id it is not in the cache, which is all there is offline",
            fix="unset HF_HUB_OFFLINE, or give the path of a folder",
            code=NO_INPUT,
        )
    try:
        huggingface_hub.model_info(name, timeout=10, token=os.environ.get("HF_TOKEN"))
    except RepositoryNotFoundError as error:
        raise UserError(
            f"'{name}' is neither a folder nor a model on the hub (or it is private)",
            fix="check the name; a private model needs HF_TOKEN",
            code=DATA,
        ) from error
    except Exception as error:  # noqa: BLE001  (no network, a proxy, a busy hub: loading will say so)
        return [f"'{name}' could not be looked up on the hub ({type(error).__name__})"]
    return []
