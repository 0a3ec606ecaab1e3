"""Schemes: how reasoning is laid out, in training examples and at inference. One file per scheme."""

from smallsteps.errors import unknown_name
from smallsteps.schemes.base import Example, Scheme, Solution, Turn, answer_sentence, prompt_of
from smallsteps.schemes.direct import ANSWER_ONLY, COT
from smallsteps.schemes.socratic import SOCRATIC

SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (ANSWER_ONLY, COT, SOCRATIC)}


def get_scheme(name: str) -> Scheme:
    """The scheme of that name.

    Raises:
        UserError: no such scheme.
    """
    if name not in SCHEMES:
        raise unknown_name("scheme", name, SCHEMES)
    return SCHEMES[name]


__all__ = [
    "ANSWER_ONLY",
    "COT",
    "SCHEMES",
    "SOCRATIC",
    "Example",
    "Scheme",
    "Solution",
    "Turn",
    "answer_sentence",
    "get_scheme",
    "prompt_of",
]
