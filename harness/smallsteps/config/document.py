"""YAML text to plain values, remembering the line of every key."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from smallsteps.errors import DATA, ConfigError, UserError
from smallsteps.files import read_text

KeyPath = tuple[str | int, ...]


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


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2. It keeps lm-eval's `!function` tag as text and never calls it.

    YAML 1.1 reads the key `on` as true and the number `1e-3` as text.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":bool", ":float"))]
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
    """
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path) -> Document:
    """Parse YAML text that came from `path`."""
    loader = _Loader(text)
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
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = error.problem or error.context or "syntax error"
        raise UserError(f"malformed YAML: {problem}", where=f"{path}{line}", code=DATA) from error
    except yaml.YAMLError as error:
        raise UserError(f"malformed YAML: {error}", where=str(path), code=DATA) from error
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
    places.setdefault(key, f"{path}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*key, index), places, errors, path, loader)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for name_node, child in node.value:
            name = loader.construct_object(name_node, deep=True)
            line = name_node.start_mark.line + 1
            if name in seen:
                errors.append(
                    UserError(
                        f"key '{name}' is given twice (first on line {seen[name]})", where=f"{path}:{line}"
                    )
                )
            seen[name] = line
            places[(*key, name)] = f"{path}:{line}"
            _walk(child, (*key, name), places, errors, path, loader)
