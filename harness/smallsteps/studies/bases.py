"""The base of a recipe: found, or missed before anything is collected, paid or trained."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smallsteps.config import compose
from smallsteps.engines.prompts import FormatSpec
from smallsteps.engines.sentences import PACKAGED
from smallsteps.errors import DATA, NO_INPUT, ConfigError, UserError, nearest
from smallsteps.resources import shipped_baseline
from smallsteps.students.card import CARD, check_weights, read_student
from smallsteps.students.offline import StoredModel, is_hub_id, model_folder, not_stored, stored_model
from smallsteps.studies.recipe import Recipe, find
from smallsteps.studies.source import Source
from smallsteps.studies.study import Study
from smallsteps.teachers.spec import HuggingFaceSpec

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
Kind = Literal["model", "tokenizer"]


def check_bases(
    recipes: Mapping[Source, Recipe],
    data: Path | None,
    *,
    overrides: Iterable[str] = (),
    study: tuple[Study, Path] | None = None,
    lenient: bool = False,
) -> list[str]:
    """Look for the weights and tokenizers that recipes start from, and for a study's reference.

    Args:
        recipes: by their sources; overrides: `--set` laid over a single recipe.
        study: with its file.
        lenient: a folder that may be in the data directory is a note where no such directory was named.

    Returns:
        Notes: what could not be checked.

    Raises:
        ConfigError: all that is missing, with file and line.
    """
    errors: list[UserError] = []
    notes: list[str] = []
    for source, recipe in recipes.items():
        document = source.document(() if study else overrides)
        roots: tuple[Path, Path | None] = (find(source.path).parent, data)
        for one in _named(recipe):
            where = document.where(one.key)
            _collect(one, where, roots, lenient, errors, notes)
        named = next((one for one in _named(recipe) if one.tokenizes), None)
        if named is not None and recipe.format.kind == "chat":
            _collect_chat(recipe.format, named, document.where(("format",)), roots, errors, notes)
    if study is not None and study[0].reference is not None:
        document = compose(study[1], overrides)
        reference = study[0].reference
        named = _Named(("reference", "path"), reference.path, "model", student=True)
        roots = (study[1].parent, data)
        _collect(named, document.where(named.key), roots, lenient, errors, notes)
        if reference.format.kind == "chat":
            where = document.where(("reference", "format"))
            _collect_chat(reference.format, named, where, roots, errors, notes)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigError(list({str(error): error for error in errors}.values()))
    return list(dict.fromkeys(notes))


@dataclass(frozen=True, slots=True)
class _Named:
    """A model that a file names: at which key, and what must be in its folder.

    Attributes:
        alone: weights without a tokenizer will do; student: a student directory will do.
    """

    key: tuple[str | int, ...]
    value: str
    kind: Kind
    revision: str | None = None
    alone: bool = False
    student: bool = False

    @property
    def tokenizes(self) -> bool:
        """Whether it gives the student's tokenizer."""
        return self.key == ("base", "tokenizer") or (self.key == ("base", "path") and not self.alone)


def _named(recipe: Recipe) -> list[_Named]:
    """The base, its tokenizer, the local teacher and the sentence encoder of a recipe."""
    base, corpus = recipe.base, recipe.corpus
    found = []
    if base.path is not None:
        alone = base.tokenizer is not None
        found.append(_Named(("base", "path"), base.path, "model", base.revision, alone=alone))
    if base.tokenizer is not None:
        found.append(_Named(("base", "tokenizer"), base.tokenizer, "tokenizer"))
    if corpus is not None and isinstance(corpus.teacher, HuggingFaceSpec):
        teacher = corpus.teacher
        found.append(_Named(("corpus", "teacher", "model"), teacher.model, "model", teacher.revision))
    if corpus is not None and corpus.encoder not in (None, PACKAGED):
        hub_id, _, revision = str(corpus.encoder).partition("@")
        found.append(_Named(("corpus", "encoder"), hub_id, "model", revision or None))
    return found


def models_of(recipes: Iterable[Recipe], study: Study | None = None) -> list[StoredModel]:
    """What recipes and a study's reference take from the models directory, each once."""
    named = [one for recipe in recipes for one in _named(recipe)]
    if study is not None and study.reference is not None:
        named.append(_Named(("reference", "path"), study.reference.path, "model"))
    found = [stored_model(one.value, one.revision) for one in named if not Path(one.value).is_dir()]
    return list({one.id: one for one in found if one is not None}.values())


def _collect(
    named: _Named,
    where: str,
    roots: tuple[Path, Path | None],
    lenient: bool,
    errors: list[UserError],
    notes: list[str],
) -> None:
    data, value, kind = roots[1], named.value, named.kind
    folder = next((root / value for root in roots if root is not None and (root / value).is_dir()), None)
    folder = folder or shipped_baseline(value)
    try:
        if folder is not None:
            _check_folder(folder, kind, alone=named.alone, student=named.student)
        elif (stored := stored_model(value, named.revision)) is not None:
            _check_folder(stored.folder, kind, alone=named.alone, student=named.student)
            notes.append(stored.words())
        elif lenient and data is None and _relative(value) and "/" in value:
            notes.append(f"'{value}' was not checked: it may be in the data directory (--data)")
        elif not _may_be_hub_id(value, roots):
            raise _missing(value, kind, roots)
        else:
            notes += _check_hub(value, named.revision, lenient)
    except UserError as error:
        inside = f"{error.where}: " if error.where and error.where != where else ""
        errors.append(UserError(f"{inside}{error.message}", where=where, fix=error.fix, code=error.code))


def _collect_chat(
    spec: FormatSpec,
    named: _Named,
    where: str,
    roots: tuple[Path, Path | None],
    errors: list[UserError],
    notes: list[str],
) -> None:
    """Look whether the template of a tokenizer on the disk renders, and what it does on its own."""
    places = (root / named.value for root in roots if root is not None)
    try:
        folder = next((p for p in places if p.is_dir()), None) or model_folder(named.value, named.revision)
        if folder is None or (folder / CARD).exists():
            return
        from smallsteps.engines.chat import load_chat

        notes += load_chat(str(folder), spec).notices
    except UserError as error:
        inside = f"{error.where}: " if error.where else ""
        errors.append(UserError(f"{inside}{error.message}", where=where, fix=error.fix, code=error.code))


def _relative(value: str) -> bool:
    return not value.startswith((".", "/", "~"))


def _may_be_hub_id(value: str, roots: tuple[Path, Path | None]) -> bool:
    if not is_hub_id(value) or any(root is not None and (root / value).is_file() for root in roots):
        return False
    first, slash, _ = value.partition("/")
    # `models/mistyped` where a folder `models` exists is a missing folder, not a hub id
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
            fix="save it next to the weights, or name its folder as base.tokenizer",
            code=NO_INPUT,
        )


def _check_hub(name: str, revision: str | None, lenient: bool) -> list[str]:
    """What can be known of a hub id: offline its form, and whether the hub's cache holds it."""
    missing, fix = not_stored(name)
    if lenient:
        return [f"'{name}' is {missing}taken for a hub id; whether the hub has it was not checked"]
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    if isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision), str):
        return []
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise UserError(
            f"'{name}' is not a folder, {missing or 'and '}as a hub id it is not in the cache, "
            "which is all there is offline",
            fix=f"unset HF_HUB_OFFLINE, or give the path of a folder, or {fix}",
            code=NO_INPUT,
        )
    try:
        huggingface_hub.model_info(name, revision=revision, timeout=10, token=os.environ.get("HF_TOKEN"))
    except RepositoryNotFoundError as error:
        raise UserError(
            f"'{name}' is neither a folder nor a model on the hub (or it is private)",
            fix="check the name; a private model needs HF_TOKEN",
            code=DATA,
        ) from error
    except Exception as error:  # noqa: BLE001  (no network, a proxy, a busy hub: loading will say so)
        return [f"'{name}' could not be looked up on the hub ({type(error).__name__})"]
    return []
