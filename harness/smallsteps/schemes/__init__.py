"""Schemes: how reasoning is laid out, in training examples and at inference. One file per scheme."""

from smallsteps.extensions import Registry
from smallsteps.schemes.base import (
    Example,
    Grouped,
    Scheme,
    Solution,
    Turn,
    answer_sentence,
    examples_of,
    prompt_of,
    thinks,
)
from smallsteps.schemes.direct import ANSWER_ONLY, COT
from smallsteps.schemes.divergent import DIVERGENT
from smallsteps.schemes.multi_strategy import MULTI_STRATEGY
from smallsteps.schemes.multitask import MULTITASK
from smallsteps.schemes.published import FINE_TUNE, FINE_TUNE_COT, SCOTD, SPECIALISE
from smallsteps.schemes.quest import QUEST
from smallsteps.schemes.socratic import SOCRATIC

_ALL: tuple[Scheme, ...] = (
    ANSWER_ONLY,
    COT,
    SOCRATIC,
    *DIVERGENT,
    QUEST,
    MULTI_STRATEGY,
    MULTITASK,
    FINE_TUNE,
    FINE_TUNE_COT,
    SCOTD,
    SPECIALISE,
)
SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in _ALL}


_REGISTRY: Registry[Scheme] = Registry("scheme", "smallsteps.schemes", SCHEMES)


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


__all__ = [
    "ANSWER_ONLY",
    "COT",
    "SCHEMES",
    "SOCRATIC",
    "Example",
    "Grouped",
    "Scheme",
    "Solution",
    "Turn",
    "answer_sentence",
    "code_of_scheme",
    "examples_of",
    "get_scheme",
    "prompt_of",
    "register_scheme",
    "scheme_names",
    "thinks",
]
