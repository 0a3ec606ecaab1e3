"""Which split an item belongs to: a function of the item alone, so that splits cannot overlap.

An item's signature (for word problems its family and arithmetic, without names, objects and wording; for
generic tasks its question) is hashed to one of 100 residues, and each split owns some residues. Two splits
can therefore share no problem text, nor even the same arithmetic under other names, whatever the seeds.
"""

from __future__ import annotations

import hashlib

RESIDUES = 100
# `base` is what the committed base models saw; students never see it again except as replay of generic tasks.
OWNED: dict[str, range] = {
    "base": range(0, 30),
    "train": range(30, 76),
    "dev": range(76, 84),
    "test": range(84, 100),
}


def residue(signature: str) -> int:
    """The residue of a signature, the same in every process and on every machine."""
    return int.from_bytes(hashlib.blake2b(signature.encode(), digest_size=8).digest(), "big") % RESIDUES


def split_of(signature: str) -> str:
    """The one split that owns this signature."""
    place = residue(signature)
    return next(name for name, owned in OWNED.items() if place in owned)
