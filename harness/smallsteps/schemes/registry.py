"""The schemes by their names. Each registers itself in its own file."""

from __future__ import annotations

from smallsteps.extensions import Registry
from smallsteps.schemes.base import Scheme

SCHEMES: dict[str, Scheme] = {}  # those of the package
_REGISTRY: Registry[Scheme] = Registry("scheme", "smallsteps.schemes", SCHEMES)


def ship(scheme: Scheme) -> None:
    """Make a scheme of the package known; its file in this folder calls this."""
    assert scheme.name not in SCHEMES, f"two schemes are called '{scheme.name}'"
    SCHEMES[scheme.name] = scheme


def get_scheme(name: str) -> Scheme:
    """The scheme of that name: shipped, of a plugin, or of an installed package.

    Raises:
        UserError: no such scheme.
    """
    return _REGISTRY.find(name)


def register_scheme(scheme: Scheme) -> None:
    """Make a scheme known by its name, in recipes and on the command line; a plugin calls this.

    Raises:
        UserError: the name is taken.
    """
    _REGISTRY.register(scheme.name, scheme)


def scheme_names() -> list[str]:
    """Names of all schemes, sorted."""
    return _REGISTRY.names()


def code_of_scheme(name: str) -> str | None:
    """Hex sha256 of the file that defines a scheme from outside the package; None for shipped ones."""
    return _REGISTRY.code_of(name)
