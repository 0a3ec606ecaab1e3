"""Schemes: how reasoning is laid out, in training examples and at inference. One file per scheme."""

from smallsteps.errors import unknown_name
from smallsteps.schemes.base import (
    Example,
    Grouped,
    Scheme,
    Solution,
    Turn,
    answer_sentence,
    examples_of,
    prompt_of,
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
    "Grouped",
    "Scheme",
    "Solution",
    "Turn",
    "answer_sentence",
    "examples_of",
    "get_scheme",
    "prompt_of",
]
