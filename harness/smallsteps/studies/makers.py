"""Functions that make training examples, by the names that recipes may use.

A recipe may come from anyone, so `source` chooses among registered names and never names code to import. Your
own makers come from a plugin (`register_maker`) or an installed package (`smallsteps.example_makers`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.extensions import Registry
from smallsteps.microworld.corpus import base_corpus, replay
from smallsteps.schemes import Example
from smallsteps.studies.rehearsal import stored

# Takes the keyword arguments of the recipe; for replay also `examples`, the number to return.
Maker = Callable[..., Iterable[Example]]

MAKERS: dict[str, Maker] = {
    "smallsteps.microworld.corpus:base_corpus": base_corpus,
    "smallsteps.microworld.corpus:replay": replay,
    "smallsteps.studies.rehearsal:stored": stored,
}
_REGISTRY: Registry[Maker] = Registry("example maker", "smallsteps.example_makers", MAKERS)


def get_maker(name: str) -> Maker:
    """The maker of that name: shipped, of a plugin, or of an installed package.

    Raises:
        UserError: no such maker.
    """
    return _REGISTRY.find(name)


def register_maker(name: str, maker: Maker) -> None:
    """Make a function known to recipes by a name; a plugin calls this.

    Raises:
        UserError: the name is taken.
    """
    _REGISTRY.register(name, maker)


def code_of_maker(name: str) -> str | None:
    """Hex sha256 of the file that defines a maker from outside the package; None for shipped ones."""
    return _REGISTRY.code_of(name)


def make_examples(source: str, arguments: dict[str, object], data: Path | None = None) -> Iterable[Example]:
    """Examples of a maker; one that takes `data` gets the offline data directory.

    Raises:
        UserError: no such maker, or it does not take these arguments.
    """
    maker = get_maker(source)
    if "data" in inspect.signature(maker).parameters:
        arguments = {**arguments, "data": data}
    try:
        return maker(**arguments)
    except TypeError as error:
        raise UserError(f"wrong arguments for '{source}': {error}", where="arguments") from error
