"""Checks of an adapter's configuration before peft reads it.

It can name Python modules to import, patterns to try on every layer, and sizes that no weights have.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from smallsteps.engines.headers import read_header
from smallsteps.engines.patterns import takes_forever
from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object

CONFIG = "adapter_config.json"  # peft's own
WEIGHTS = "adapter_model.safetensors"
_UNREAD = ("megatron_config", "layer_replication")  # imports a module; builds any number of layers
_PATTERNS = ("target_modules", "exclude_modules", "layers_pattern", "modules_to_save")
_FIX = "the adapter is damaged or hostile; get it from where it was trained, or merge it there"


def check_adapter_config(folder: Path) -> None:
    """Compare `adapter_config.json` with what a LoRA adapter can be, and with its weights.

    Raises:
        UserError: not LoRA, a key that is not read, a rank that the weights do not have, a pattern that can
            take forever, or damaged weights.
    """
    config = read_object(folder / CONFIG)
    place = str(folder / CONFIG)

    def refuse(what: str) -> UserError:
        return UserError(what, where=place, fix=_FIX, code=DATA)

    if config.get("peft_type") != "LORA":
        raise refuse(f"'peft_type' is {str(config.get('peft_type'))[:40]!r}; only LORA is read")
    used = next((key for key in _UNREAD if config.get(key)), None)
    if used is not None:
        raise refuse(f"'{used}' is not read from adapters")
    if config.get("megatron_core") not in (None, "megatron.core"):
        raise refuse("'megatron_core' names a module to import")
    largest = read_header(folder / WEIGHTS).largest if (folder / WEIGHTS).exists() else 0
    for name, rank in (("r", config.get("r")), *_named(config.get("rank_pattern"))):
        if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= largest:
            raise refuse(f"the rank '{name}' is {str(rank)[:40]}, which the weights do not have")
    patterns = [text for key in _PATTERNS for text in _texts(config.get(key))]
    patterns += [name for key in ("rank_pattern", "alpha_pattern") for name, _ in _named(config.get(key))]
    for pattern in patterns:
        if takes_forever(pattern) or not _compiles(pattern):
            raise refuse(f"a pattern of layers that can take forever, or is none: {pattern[:80]!r}")


def _named(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
