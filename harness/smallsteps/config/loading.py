"""YAML document to pydantic model, with `extends`, command-line overrides and readable errors."""

from __future__ import annotations

import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from smallsteps.config.document import Document, KeyPath, parse_yaml, read_yaml
from smallsteps.errors import ConfigError, UserError, nearest
from smallsteps.resources import shipped

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    """Base of every configuration model: unknown keys are errors, values do not change.

    `later` names keys that came after files with the others were in use: at their defaults they are left out
    of dumps, so that the keys of stored work stay as they were.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        for name in self.later:
            field = type(self).model_fields[name]
            if getattr(self, name) == field.get_default(call_default_factory=True):
                found.pop(name, None)
        return found


def load(model: type[M], path: Path, overrides: Iterable[str] = ()) -> M:
    """Read, extend, override and validate one YAML file; see `compose`.

    Raises:
        ConfigError: everything that is wrong, at once.
    """
    return validate(model, compose(path, overrides))


def compose(path: Path, overrides: Iterable[str] = ()) -> Document:
    """Read, extend and override one YAML file.

    A top-level `extends: other.yaml` (relative to the file, in its own tree) is merged below the file's own
    keys.
    Overrides are `key.sub=value` with a YAML value.

    Raises:
        UserError: not a mapping, not YAML, or an override that is not `key=value`.
    """
    return _overridden(_extended(path, ()), overrides)


def validate(model: type[M], document: Document) -> M:
    """Validate a parsed document.

    Raises:
        ConfigError: everything that is wrong, each with file, line, key and the nearest valid name.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(_blamed(list(_explained(error, model, document)), model, document)) from error


def _blamed(errors: list[UserError], model: type[BaseModel], document: Document) -> list[UserError]:
    """The errors, with `--set` as the place of those that are gone without it.

    A validator of a whole section speaks of the section's line, also when an override made it wrong.
    """
    if document.below is None:
        return errors
    for override in document.overrides:
        others = [other for other in document.overrides if other != override]
        without = {error.message for error in _errors(model, _overridden(document.below, others))}
        for error in errors:
            if error.message not in without and not str(error.where).startswith("--set"):
                error.where = f"--set {override}"
    return errors


def _errors(model: type[BaseModel], document: Document) -> list[UserError]:
    try:
        model.model_validate(document.data)
    except ValidationError as error:
        return list(_explained(error, model, document))
    return []


def _extended(path: Path, seen: tuple[Path, ...]) -> Document:
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise UserError("expected keys and values at the top level", where=str(path))
    if "extends" not in document.data:
        return document
    where = document.where(("extends",))
    base_path = _base(str(document.data["extends"]), path, seen[0] if seen else path.resolve(), where)
    if base_path in seen or base_path == path.resolve():
        raise UserError("'extends' leads back to the same file", where=where)
    base = _extended(base_path, (*seen, path.resolve()))
    own = {key: value for key, value in document.data.items() if key != "extends"}
    return Document(path, merged(base.data, own), {**base.places, **document.places})


def _base(name: str, path: Path, top: Path, where: str) -> Path:
    """The file that `extends` names: a YAML file of the recipe's own tree, or one that ships.

    Errors show lines and keys of what is read, so a recipe of someone else must not reach other files.

    Args:
        name: the value of `extends`; path: the file it is in; top: the file that was asked for.
    """
    if "\0" in name or len(name) > 1000:
        raise UserError("'extends' is not the name of a file", where=where)
    found = (path.parent / name).resolve()
    ours = shipped("baselines").resolve()
    if not found.exists() and name.startswith("baselines/"):
        found = (ours / name.removeprefix("baselines/")).resolve()
    own = top.parent in found.parents or found.parent == top.parent.parent
    if not (own or ours in found.parents) or found.suffix not in (".yaml", ".yml") or found.name[0] == ".":
        raise UserError(
            f"'extends' may not name '{name}'",
            where=where,
            fix="name a .yaml file beside, below or in the folder above the recipe, or one in baselines/",
        )
    if not found.exists():
        raise UserError(f"no such file: {found}", where=where)
    return found


def merged(below: Any, above: Any) -> Any:
    """`above` laid over `below`, mapping by mapping; lists and scalars are replaced whole."""
    if isinstance(below, dict) and isinstance(above, dict):
        result = dict(below)
        for key, value in above.items():
            result[key] = merged(below[key], value) if key in below else value
        return result
    return above


def _overridden(document: Document, overrides: Iterable[str]) -> Document:
    overrides = tuple(overrides)
    found = document
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key:
            raise UserError(
                f"'{override}' is not KEY=VALUE", where="--set", fix="for example --set seeds=[1,2]"
            )
        try:
            value = parse_yaml(text, Path("--set")).data if text else None
        except UserError as error:
            raise UserError(f"'{text}' is not a YAML value", where=f"--set {key}") from error
        found = laid_over(found, key, value, "--set")
    return Document(found.path, found.data, found.places, document if overrides else None, overrides)


def laid_over(document: Document, key: str, value: Any, place: str) -> Document:
    """A document with the value of one key (with dots) laid over it, which stands at `place`."""
    above = tuple(key.split("."))
    for part in reversed(above):
        value = {part: value}
    places = {below: where for below, where in document.places.items() if below[: len(above)] != above}
    for length in range(1, len(above)):
        places.setdefault(above[:length], place)
    places[above] = place
    return Document(document.path, merged(document.data, value), places)


def _explained(error: ValidationError, model: type[BaseModel], document: Document) -> Iterable[UserError]:
    seen: set[str] = set()
    for item in error.errors(include_url=False):
        location = tuple(part for part in item["loc"])
        key = _in_file(location, document.data)
        kind = item["type"]
        where = document.where(key)
        if kind == "extra_forbidden":
            known = _fields_at(model, key[:-1])
            name = str(key[-1])[:100]
            close = nearest(name, known)
            fix = f"did you mean '{close}'?" if close else f"known here: {', '.join(sorted(known))}"
            explained = UserError(f"unknown key '{name}'", where=where, fix=fix)
        elif kind == "missing":
            explained = UserError(f"key '{location[-1]}' is missing", where=document.where(key))
        elif kind in ("literal_error", "enum"):
            expected = str(item.get("ctx", {}).get("expected", ""))
            given = str(item["input"])[:100]
            close = nearest(given, [e.strip(" '") for e in expected.replace(" or ", ",").split(",")])
            fix = f"did you mean '{close}'? expected {expected}" if close else f"expected {expected}"
            explained = UserError(f"'{given}' is not allowed", where=where, fix=fix)
        elif kind == "union_tag_invalid":
            context = item.get("ctx", {})
            given, expected = str(context.get("tag", ""))[:100], str(context.get("expected_tags", ""))
            tag = str(context.get("discriminator", "")).strip("'")
            close = nearest(given, [name.strip(" '") for name in expected.split(",")])
            fix = f"did you mean '{close}'? expected {expected}" if close else f"expected {expected}"
            explained = UserError(f"unknown {tag} '{given}'", where=document.where((*key, tag)), fix=fix)
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            explained = UserError(message[:1].lower() + message[1:], where=where)
        if str(explained) not in seen:
            seen.add(str(explained))
            yield explained


def _in_file(location: KeyPath, data: Any) -> KeyPath:
    """The part of a pydantic location that names keys of the file (union tags are pydantic's own)."""
    key: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(data, dict):
            if part in data:
                data = data[part]
                key.append(part)
            elif last:
                key.append(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            key.append(part)
    return tuple(key)


def _fields_at(model: Any, key: KeyPath) -> set[str]:
    """Field names allowed at a key path of a model."""
    models = _models_in(model)
    for part in key:
        deeper: list[type[BaseModel]] = []
        for candidate in models:
            found = candidate.model_fields.get(str(part))
            if found is not None:
                deeper += _models_in(found.annotation)
        # an index or a mapping's own key goes through the same annotation
        models = deeper or models
    return {name for candidate in models for name in candidate.model_fields}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType) or get_args(annotation):
        return [found for part in get_args(annotation) for found in _models_in(part)]
    return []
