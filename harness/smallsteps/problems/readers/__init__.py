"""Readers: how a row of each source becomes problems. One file per family of sources."""

from smallsteps.extensions import Registry
from smallsteps.problems.readers.arithmetic import aqua, asdiv, gsm8k, gsm_hard, multiarith, svamp
from smallsteps.problems.readers.base import Context, Reader, Row
from smallsteps.problems.readers.bigbench import bbh, bigbench, tracking
from smallsteps.problems.readers.choices import (
    commonsenseqa,
    gap,
    multiple_choice,
    openbookqa,
    quarel,
    social_iqa,
)
from smallsteps.problems.readers.contrast import boolq_contrast, imdb_contrast
from smallsteps.problems.readers.mapped import mapped
from smallsteps.problems.readers.passages import drop
from smallsteps.problems.readers.short import bamboogle, coin_flip, last_letters, strategyqa

READERS: dict[str, Reader] = {
    "aqua": aqua,
    "asdiv": asdiv,
    "bamboogle": bamboogle,
    "bbh": bbh,
    "bigbench": bigbench,
    "boolq_contrast": boolq_contrast,
    "coin_flip": coin_flip,
    "commonsenseqa": commonsenseqa,
    "drop": drop,
    "gap": gap,
    "gsm8k": gsm8k,
    "gsm_hard": gsm_hard,
    "imdb_contrast": imdb_contrast,
    "jsonl": mapped,
    "last_letters": last_letters,
    "multiarith": multiarith,
    "multiple_choice": multiple_choice,
    "openbookqa": openbookqa,
    "quarel": quarel,
    "social_iqa": social_iqa,
    "strategyqa": strategyqa,
    "svamp": svamp,
    "tracking": tracking,
}

_REGISTRY: Registry[Reader] = Registry("reader", "smallsteps.readers", READERS)


def find_reader(name: str, *, where: str | None = None) -> Reader:
    """The reader of that name: shipped, of a plugin, or of an installed package.

    Raises:
        UserError: no such reader.
    """
    return _REGISTRY.find(name, where=where)


def register_reader(name: str, reader: Reader) -> None:
    """Make a reader known under a name that a `benchmark.yaml` can give.

    Raises:
        UserError: the name is taken.
    """
    _REGISTRY.register(name, reader)


__all__ = ["READERS", "Context", "Reader", "Row", "find_reader", "register_reader"]
