"""Code from outside the package: modules that the user names, and what installed packages declare.

A recipe, study or benchmark file can only choose among registered names; it never makes the product import
anything. Code is registered in two ways:

* `--plugin MODULE` or `SMALLSTEPS_PLUGINS=MODULE[,MODULE]` imports a module (or a `.py` file) of the user,
  which registers what it defines;
* an installed package declares entry points, for example in the group `smallsteps.schemes`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from smallsteps.errors import NO_INPUT, UserError, unknown_name

ENVIRONMENT = "SMALLSTEPS_PLUGINS"  # modules or files, separated by commas; worker processes read it too
T = TypeVar("T")

_loaded: dict[str, ModuleType] = {}


class Registry(Generic[T]):
    """Named things of one kind: those of the package, of plugins and of installed packages.

    Args:
        kind: what messages call one of them, for example `scheme`.
        group: the entry point group that other packages declare theirs in.
        shipped: those of the package itself; no other may take their names.
    """

    def __init__(self, kind: str, group: str, shipped: Mapping[str, T]) -> None:
        self.kind = kind
        self.group = group
        self._shipped = shipped
        self._registered: dict[str, T] = {}

    def register(self, name: str, value: T) -> None:
        """Add one under a name of its own.

        Raises:
            UserError: the name is taken.
        """
        if name in self._shipped or (name in self._registered and self._registered[name] is not value):
            owner = "smallsteps" if name in self._shipped else "another plugin"
            raise UserError(f"{owner} has a {self.kind} called '{name}' already", fix="choose another name")
        self._registered[name] = value

    def find(self, name: str, *, where: str | None = None) -> T:
        """The one of that name.

        Raises:
            UserError: no such name, or its package cannot be imported.
        """
        if name in self._shipped:
            return self._shipped[name]
        load_plugins()
        if name not in self._registered:
            declared = self._declared()
            if name not in declared:
                hint = "one of your own is found with --plugin MODULE"
                raise unknown_name(self.kind, name, self.names(), where=where, hint=hint)
            self._registered[name] = self._load(declared[name])
        return self._registered[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        load_plugins()
        return sorted({*self._shipped, *self._registered, *self._declared()})

    def code_of(self, name: str) -> str | None:
        """Hex sha256 of the source file that defines one, so that a change of it is noticed.

        None for those of the package, whose version is recorded anyway.
        """
        if name in self._shipped:
            return None
        value = self.find(name)
        try:
            source = inspect.getsourcefile(value if inspect.isroutine(value) else type(value))
        except TypeError:
            source = None
        return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None

    def _declared(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _load(self, point: EntryPoint) -> T:
        try:
            value: T = point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too, which would end the command without a word
            raise _cannot_import(point.value, error, f"entry point {self.group}: {point.name}") from error
        return value


def add_plugin(name: str) -> None:
    """Import a module or `.py` file that the user named, here and in the worker processes started later.

    Raises:
        UserError: it cannot be imported.
    """
    if name.endswith(".py"):
        name = str(Path(name).resolve())
    _import(name)
    named = _named()
    if name not in named:
        os.environ[ENVIRONMENT] = ",".join([*named, name])


def load_plugins() -> None:
    """Import what SMALLSTEPS_PLUGINS names, each module once.

    Raises:
        UserError: one cannot be imported.
    """
    for name in _named():
        _import(name)


def plugin_modules() -> frozenset[str]:
    """Names of the modules that the user asked for; only their functions may be named in a benchmark."""
    load_plugins()
    return frozenset(module.__name__ for module in _loaded.values())


def _named() -> list[str]:
    return [name for name in os.environ.get(ENVIRONMENT, "").split(",") if name]


def _import(name: str) -> None:
    if name in _loaded:
        return
    where = f"--plugin {name}"
    try:
        if name.endswith(".py"):
            _loaded[name] = _from_file(Path(name))
        else:
            if os.getcwd() not in sys.path:
                sys.path.append(os.getcwd())  # the user's own project; installed packages come first
            _loaded[name] = importlib.import_module(name)
    except UserError as error:
        error.where = error.where or where
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too, which would end the command without a word
        raise _cannot_import(name, error, where) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError("no such file", where=f"--plugin {path}", code=NO_INPUT)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _cannot_import(name: str, error: BaseException, where: str) -> UserError:
    return UserError(
        f"cannot import '{name}' ({type(error).__name__}: {error})",
        where=where,
        fix="give a module that Python finds from here, or the path of a .py file",
    )
