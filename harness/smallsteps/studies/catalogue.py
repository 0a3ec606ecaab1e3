"""The recipes and studies that ship with the product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from smallsteps.config import read_yaml
from smallsteps.resources import shipped
from smallsteps.studies.bases import check_bases
from smallsteps.studies.places import find
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.source import Source
from smallsteps.studies.study import is_study, load_study
from smallsteps.studies.tasks import thin_parts


@dataclass(frozen=True, slots=True)
class Entry:
    """One shipped file: its path as a user types it, `study` or `recipe`, and its title."""

    path: str
    kind: str
    title: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def entries() -> list[Entry]:
    """All shipped recipes and studies, in path order; files that start with `_` are only extended."""
    root = shipped("baselines")
    found = []
    for path in sorted(root.rglob("*.yaml")):
        if path.name.startswith("_"):
            continue
        data = read_yaml(path).data
        if isinstance(data, dict) and ("study" in data or "recipe" in data):
            kind = "study" if "study" in data else "recipe"
            name = Path("baselines") / path.relative_to(root)
            found.append(Entry(str(name), kind, str(data.get("title", data[kind]))))
    return found


def check(path: Path, data: Path | None = None, overrides: Iterable[str] = ()) -> list[str]:
    """Validate a study with its recipes, or a recipe, and look for the bases.

    Returns:
        Notes: what could not be checked, and parts of suites with too few items for a test.

    Raises:
        ConfigError, UserError: what is wrong.
    """
    overrides = tuple(overrides)
    if is_study(path):
        study, recipes = load_study(path, overrides)
        place = find(path).resolve()
        notes = check_bases(recipes, data, overrides=overrides, study=(study, place), lenient=True)
        return [*notes, *thin_parts(study, data)]
    return check_bases({Source(path): load_recipe(path, overrides)}, data, overrides=overrides, lenient=True)


def filled_in(path: Path, overrides: Iterable[str] = ()) -> str:
    """A study or recipe as YAML with everything filled in."""
    model = load_study(path, overrides)[0] if is_study(path) else load_recipe(path, overrides)
    return yaml.safe_dump(
        model.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True
    )
