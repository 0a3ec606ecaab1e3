"""Checks that the bases of recipes exist, before anything is collected, paid for or trained."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smallsteps.config import compose
from smallsteps.engines.adapters import check_adapter, is_adapter
from smallsteps.engines.prompts import FormatSpec
from smallsteps.engines.sentences import PACKAGED
from smallsteps.errors import DATA, NO_INPUT, ConfigError, UserError, nearest
from smallsteps.resources import shipped_baseline
from smallsteps.students.card import CARD, check_weights, read_student
from smallsteps.students.gguf import joined
from smallsteps.students.offline import (
    HubModel,
    StoredModel,
    is_hub_id,
    model_folder,
    not_stored,
    stored_model,
)
from smallsteps.studies.fitting import misfits
from smallsteps.studies.places import find, resolve_base
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.studies.study import ReferenceSpec, Study
from smallsteps.teachers.spec import HuggingFaceSpec
from smallsteps.training.trackers import check_trackers

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
        try:
            check_trackers(recipe.report_to)
        except UserError as error:
            error.where = document.where(("report_to",))
            errors.append(error)
        for one in _named(recipe):
            where = document.where(one.key)
            _collect(one, where, roots, lenient, errors, notes)
        named = next((one for one in _named(recipe) if one.tokenizes), None)
        before = len(errors)
        if named is not None and recipe.format.kind == "chat":
            _collect_chat(recipe.format, named, document.where(("format",)), roots, errors, notes)
        if len(errors) == before == 0:
            base = resolve_base(recipe.base, find(source.path), data)
            for misfit in misfits(recipe, base, data, prompts=not lenient):
                where = document.where(misfit.key)
                errors.append(_placed(misfit.error, where))
    if study is not None and study[0].reference is not None:
        document = compose(study[1], overrides)
        reference = study[0].reference
        named = _reference(reference)
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
    """A model named in a file: its key, and what its folder must contain.

    Attributes:
        file: GGUF file in it that holds the weights.
        alone: weights without a tokenizer will do; student: a student directory will do.
    """

    key: tuple[str | int, ...]
    value: str
    kind: Kind
    revision: str | None = None
    file: str | None = None
    alone: bool = False
    student: bool = False

    @property
    def tokenizes(self) -> bool:
        """Whether it gives the student's tokenizer."""
        return self.key == ("base", "tokenizer") or (self.key == ("base", "path") and not self.alone)


def _named(recipe: Recipe) -> list[_Named]:
    """The base, its tokenizer, the local teacher and the sentence encoder of a recipe."""
    base = recipe.base
    found = []
    if base.path is not None:
        alone = base.tokenizer is not None
        found.append(_Named(("base", "path"), base.path, "model", base.revision, base.gguf_file, alone))
    if base.tokenizer is not None:
        found.append(_Named(("base", "tokenizer"), base.tokenizer, "tokenizer"))
    if recipe.objective.teacher is not None:
        online = recipe.objective.teacher
        found.append(_Named(("objective", "teacher", "path"), online.path, "model", online.revision))
    for number, corpus in enumerate(recipe.sections):
        place: tuple[str | int, ...] = ("corpora", number - 1) if number else ("corpus",)
        if isinstance(corpus.teacher, HuggingFaceSpec):
            teacher = corpus.teacher
            key = (*place, "teacher", "model")
            found.append(_Named(key, teacher.model, "model", teacher.revision, teacher.gguf_file))
        if corpus.encoder not in (None, PACKAGED):
            hub_id, _, revision = str(corpus.encoder).partition("@")
            found.append(_Named((*place, "encoder"), hub_id, "model", revision or None))
    return found


def _reference(spec: ReferenceSpec) -> _Named:
    return _Named(("reference", "path"), spec.path, "model", spec.revision, spec.gguf_file, student=True)


def models_of(
    recipes: Iterable[Recipe], study: Study | None = None, roots: Iterable[Path] = ()
) -> list[StoredModel | HubModel]:
    """The models of recipes and of a study's reference in the models directory or on the hub, each once.

    Args:
        roots: folders in which a name may be a model of its own.
    """
    named = [one for recipe in recipes for one in _named(recipe)]
    if study is not None and study.reference is not None:
        named.append(_reference(study.reference))
    places = (Path(), *roots)
    found: list[StoredModel | HubModel] = []
    for one in named:
        if not is_hub_id(one.value) or shipped_baseline(one.value):
            continue
        if any((root / one.value).is_dir() for root in places):
            continue
        found.append(stored_model(one.value, one.revision) or HubModel(one.value, one.revision))
    return list({(one.id, one.revision): one for one in found}.values())


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
            _check_folder(folder, named)
        elif (stored := stored_model(value, named.revision)) is not None:
            _check_folder(stored.folder, named)
            notes.append(stored.words())
        elif lenient and data is None and _relative(value) and "/" in value:
            notes.append(f"'{value}' was not checked: it may be in the data directory (--data)")
        elif not _may_be_hub_id(value, roots):
            raise _missing(value, kind, roots)
        else:
            notes += _check_hub(value, named.revision, lenient)
    except UserError as error:
        errors.append(_placed(error, where))


def _placed(error: UserError, where: str) -> UserError:
    """An error at the line of a file, with the folder that it was found in."""
    inside = f"{error.where}: " if error.where and error.where != where else ""
    return UserError(f"{inside}{error.message}", where=where, fix=error.fix, code=error.code)


def _collect_chat(
    spec: FormatSpec,
    named: _Named,
    where: str,
    roots: tuple[Path, Path | None],
    errors: list[UserError],
    notes: list[str],
) -> None:
    """Check that the chat template of a tokenizer on disk renders; notices on its side effects."""
    places = (root / named.value for root in roots if root is not None)
    try:
        folder = next((p for p in places if p.is_dir()), None) or model_folder(named.value, named.revision)
        if folder is None or (folder / CARD).exists():
            return
        from smallsteps.engines.chat import load_chat

        notes += load_chat(joined(str(folder), named.file), spec).notices
    except UserError as error:
        errors.append(_placed(error, where))


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


def _check_folder(folder: Path, named: _Named) -> None:
    """Check that a model's folder holds weights, a configuration and (unless `alone`) a tokenizer."""
    if named.file is not None:  # which has all three in it
        check_weights(folder / named.file)
        return
    if named.kind == "model":
        if named.student and (folder / CARD).exists():
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
        if is_adapter(folder):
            if named.student:
                check_adapter(folder)
                return
            raise UserError(
                "an adapter, not a whole model: it cannot be trained on",
                where=str(folder),
                fix="merge it into its base, and name the merged model",
                code=DATA,
            )
        if not (folder / "config.json").exists():
            raise UserError("no config.json", where=str(folder), code=NO_INPUT)
    if not named.alone and not any((folder / name).exists() for name in TOKENIZERS):
        raise UserError(
            f"no tokenizer ({', '.join(TOKENIZERS[:2])}, ...)",
            where=str(folder),
            fix="save it next to the weights, or name its folder as base.tokenizer",
            code=NO_INPUT,
        )


def _check_hub(name: str, revision: str | None, lenient: bool) -> list[str]:
    """Check a hub id; offline, its form and whether the hub's cache holds it."""
    missing, fix = not_stored(name)
    if lenient:
        return [f"'{name}' is {missing}taken for a hub id; whether the hub has it was not checked"]
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    if isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision), str):
        return []
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise UserError(
            f"'{name}' is not a folder, {missing or 'and '}not in the hub's cache,"
            " which is all there is offline",
            fix=f"{fix}; or give the path of a folder, or unset HF_HUB_OFFLINE",
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
