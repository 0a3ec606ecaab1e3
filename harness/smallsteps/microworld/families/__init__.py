"""Families of word problems: who does what. Each module plans problems and holds its wordings."""

from __future__ import annotations

from typing import cast

from smallsteps.microworld.families import comparison, inventory, sharing, shopping, work
from smallsteps.microworld.families.plan import Family, Limits, Plan

FAMILIES: tuple[Family, ...] = cast("tuple[Family, ...]", (inventory, shopping, comparison, sharing, work))

__all__ = ["FAMILIES", "Family", "Limits", "Plan"]
