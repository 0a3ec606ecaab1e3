"""Schemes: how reasoning is laid out, in training examples and at inference. One file per scheme.

Every file of this folder is imported here and registers what it defines.
"""

import importlib
import pkgutil

from smallsteps.schemes.base import (
    Abilities,
    AnswersPlans,
    Example,
    FollowsStrategies,
    Scheme,
    Solution,
    Turn,
    abilities_of,
    answer_sentence,
    examples_of,
    prompt_of,
    strategy_of,
)
from smallsteps.schemes.direct import ANSWER_ONLY, COT
from smallsteps.schemes.registry import SCHEMES, code_of_scheme, get_scheme, register_scheme, scheme_names
from smallsteps.schemes.socratic import SOCRATIC

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")

__all__ = [
    "ANSWER_ONLY",
    "COT",
    "SCHEMES",
    "SOCRATIC",
    "Abilities",
    "AnswersPlans",
    "Example",
    "FollowsStrategies",
    "Scheme",
    "Solution",
    "Turn",
    "abilities_of",
    "answer_sentence",
    "code_of_scheme",
    "examples_of",
    "get_scheme",
    "prompt_of",
    "register_scheme",
    "scheme_names",
    "strategy_of",
]
