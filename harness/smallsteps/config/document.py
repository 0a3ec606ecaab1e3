"""YAML text to plain values, remembering the line of every key."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from smallsteps.errors import DATA, ConfigError, UserError
from smallsteps.files import read_regular

KeyPath = tuple[str | int, ...]

# A recipe may come from anyone. No real one comes near these bounds; aliases count as often as they are used.
LARGEST = 1 << 20  # bytes
MOST_NODES = 20_000
DEEPEST = 50


class UnboundedError(UserError):
    """A YAML file beyond the bounds of what is read; other readers of YAML would take all time or memory."""


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed YAML: its values, and for every key path its `file:line` (lines from 1).

    Attributes:
        below: the document before `overrides` (`key=value` texts) were laid over it.
    """

    path: Path
    data: Any
    places: dict[KeyPath, str] = field(default_factory=dict)
    below: Document | None = None
    overrides: tuple[str, ...] = ()

    def where(self, key: KeyPath) -> str:
        """`file:line: key` of a key path, or of its nearest ancestor that stands in the file."""
        name = ".".join(str(part) for part in key)
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                return self.places[key[:length]] + (f": {name}" if name else "")
        return f"{self.path}" + (f": {name}" if name else "")


class _Unbounded(yaml.MarkedYAMLError):
    """Nested more than `DEEPEST` levels, or more than `MOST_NODES` keys and as many values."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2. It keeps lm-eval's `!function` tag as text and never calls it.

    YAML 1.1 reads the key `on` as true, the number `1e-3` as text and `2024-99-99` as a date that is none.
    """

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node with all below it, unless it lies too deep or there are too many."""
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST or self.nodes > 2 * MOST_NODES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            deep = f"nested more than {DEEPEST} levels deep"
            problem = deep if self.depth > DEEPEST else f"more than {MOST_NODES:,} values"
            raise _Unbounded(problem=problem, problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern) for tag, pattern in found if not tag.endswith((":bool", ":float", ":timestamp"))
        ]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    [*"-+0123456789."],
)
_Loader.add_constructor("!function", lambda loader, node: f"!function {node.value}")


def read_yaml(path: Path) -> Document:
    """Parse a YAML file.

    Raises:
        UserError: missing, malformed, or a key given twice.
        UnboundedError: no regular file, too large, too many values, or too deep.
    """
    return parse_yaml(read_regular(path, LARGEST, refused=UnboundedError), path)


def parse_yaml(text: str, path: Path) -> Document:
    """Parse YAML text that came from `path`."""
    try:
        return _parsed(_Loader(text), path)
    except _Unbounded as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnboundedError(f"malformed YAML: {error.problem}", where=f"{path}{line}", code=DATA) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = error.problem or error.context or "syntax error"
        raise UserError(f"malformed YAML: {problem}", where=f"{path}{line}", code=DATA) from error
    except yaml.reader.ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        problem = f"the character U+{error.character:04X} is not allowed"
        raise UserError(f"malformed YAML: {problem}", where=f"{path}:{number}", code=DATA) from error
    except yaml.YAMLError as error:
        raise UserError(f"malformed YAML: {error}", where=str(path), code=DATA) from error
    except RecursionError as error:
        raise UnboundedError("malformed YAML: nested too deeply", where=str(path), code=DATA) from error


def _parsed(loader: _Loader, path: Path) -> Document:
    places: dict[KeyPath, str] = {}
    errors: list[UserError] = []
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, {}, {})
        _walk(node, (), places, errors, path, loader)
        if errors:
            raise errors[0] if len(errors) == 1 else ConfigError(errors)
        return Document(path, loader.construct_document(node), places)
    finally:
        loader.dispose()


def _walk(
    node: yaml.Node,
    key: KeyPath,
    places: dict[KeyPath, str],
    errors: list[UserError],
    path: Path,
    loader: yaml.SafeLoader,
) -> None:
    """Record lines and find duplicate keys (plain YAML would silently keep the last one)."""
    line = node.start_mark.line + 1
    if len(places) >= MOST_NODES or len(key) > DEEPEST:
        bound = f"{MOST_NODES:,} values" if len(key) <= DEEPEST else f"{DEEPEST} levels"
        raise UnboundedError(
            f"more than {bound}, counting each use of an alias", where=f"{path}:{line}", code=DATA
        )
    places.setdefault(key, f"{path}:{line}")
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*key, index), places, errors, path, loader)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for name_node, child in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise UserError(
                    "a key must be a text, not a list or a mapping", where=f"{path}:{line}", code=DATA
                )
            name = _scalar(name_node, path, loader)
            if name in seen:
                errors.append(
                    UserError(
                        f"key '{str(name)[:100]}' is given twice (first on line {seen[name]})",
                        where=f"{path}:{line}",
                    )
                )
            seen[name] = line
            places[(*key, name)] = f"{path}:{line}"
            _walk(child, (*key, name), places, errors, path, loader)
    else:
        _scalar(node, path, loader)


def _scalar(node: yaml.Node, path: Path, loader: yaml.SafeLoader) -> Any:
    """The value of a scalar; PyYAML remembers it for the document."""
    try:
        value = loader.construct_object(node, deep=True)
        if isinstance(value, int) and value.bit_length() > 63:
            raise ValueError("digits")
        return value
    except (ValueError, OverflowError, KeyError) as error:  # what the value cannot be is no YAMLError there
        reason = "a number has too many digits" if "digits" in str(error) else f"no such value ({error})"
        where = f"{path}:{node.start_mark.line + 1}"
        raise UserError(f"malformed YAML: {reason}", where=where, code=DATA) from error
