"""The `rounds:` of a study: students that teach their successors (self-guided distillation, 2410.18574)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from smallsteps.config import Document, Strict
from smallsteps.corpora import CorpusSpec
from smallsteps.corpora.mixing import Mixing
from smallsteps.errors import UserError, nearest
from smallsteps.schemes import FollowsStrategies, get_scheme
from smallsteps.studies.source import Change, Source

MOST = 20


class StopSpec(Strict):
    """When further rounds no longer pay. All rounds are made; the report says where the rule would stop.

    Attributes:
        on: the suite that decides; a dev split, if the rule is to choose.
        gain: points that a round must gain over the one before, on average over seeds.
    """

    on: str
    gain: float = Field(gt=0)


class RoundsSpec(Strict):
    """A recipe in several rounds: from the second one on, the student of the round before teaches too.

    Attributes:
        recipe: recipe file, relative to the study. Its own sections are those of every round.
        rounds: how many, the first one included.
        mixing: of the student's rationales with the others: see `mixing` of a recipe.
        section: keys of the student's sections that differ from the recipe's `corpus`, such as `samples` and
            `sampling`.
        strategies: which the student is told to follow, one section each; by default all of its scheme. Of a
            scheme with one way only, there is one section.
        stop: the stopping rule.
        name: name of each, with `{recipe}` and `{round}`.
    """

    recipe: str
    rounds: int = Field(ge=2, le=MOST)
    mixing: Mixing = "adaptive"
    section: dict[str, Any] = {}
    strategies: list[str] = []
    stop: StopSpec | None = None
    name: str = "{recipe}-r{round}"

    @model_validator(mode="after")
    def _named(self) -> RoundsSpec:
        if "{round}" not in self.name:
            raise ValueError("'name' needs '{round}': each round is a student of its own")
        if "teacher" in self.section:
            raise ValueError("'section' names no teacher: it is the student of the round before")
        if own := {"benchmark", "split"} & set(self.section):
            raise ValueError(f"'section.{min(own)}' is that of the recipe")
        for key in self.section:
            if key not in CorpusSpec.model_fields:
                near = nearest(key, CorpusSpec.model_fields)
                raise ValueError(
                    f"unknown key 'section.{key}'" + (f"; did you mean '{near}'?" if near else "")
                )
        return self

    def names(self, recipe: str) -> list[str]:
        """The students' names, round by round."""
        return [
            self.name.replace("{recipe}", recipe).replace("{round}", str(number))
            for number in range(1, self.rounds + 1)
        ]


def expanded_rounds(document: Document) -> tuple[list[Source], list[UserError]]:
    """The recipes that a study's rounds make; what has not the form of rounds is left to validation."""
    found: list[Source] = []
    errors: list[UserError] = []
    entries = document.data.get("rounds") if isinstance(document.data, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            spec = RoundsSpec.model_validate(entry)
        except ValueError:
            continue  # validation says so, with the key
        try:
            found += _rounds(document, index, spec)
        except UserError as error:
            where = document.where(("rounds", index, "recipe"))
            if not str(error.where).startswith(str(document.path)):
                error.where = f"{where}: {error.where}"
            errors.append(error)
    return found, errors


def _rounds(document: Document, index: int, spec: RoundsSpec) -> Iterator[Source]:
    where = document.where(("rounds", index))
    path = (document.path.parent / spec.recipe).resolve()
    base: Mapping[str, Any] = Source(path).document().data
    recipe = str(base.get("recipe", path.stem))
    title = str(base.get("title") or recipe)
    strategies = _strategies(document, index, spec, str(base.get("scheme", "")))
    own = base.get("corpora")
    names = spec.names(recipe)
    for number, name in enumerate(names, start=1):
        changes = [
            Change("recipe", json.dumps(name), where),
            Change("title", json.dumps(f"{title}, round {number}"), where),
        ]
        if number > 1:
            before = {"kind": "student", "recipe": names[number - 2], "seed": "own"}
            taught = [
                {**spec.section, "teacher": {**before, **({"strategy": one} if one else {})}}
                for one in strategies
            ]
            sections = [*(own if isinstance(own, list) else []), *taught]
            changes.append(Change("corpora", json.dumps(sections), where))
            changes.append(Change("mixing", json.dumps(spec.mixing), where))
        yield Source(path, tuple(changes))


def _strategies(document: Document, index: int, spec: RoundsSpec, scheme: str) -> list[str]:
    try:
        found = get_scheme(scheme)
    except UserError:
        return [""]  # validation of the recipe says so
    known = found.strategies if isinstance(found, FollowsStrategies) else ()
    wrong = next((one for one in spec.strategies if one not in known), None)
    if wrong is not None:
        raise UserError(
            f"the scheme '{scheme}' has no strategy '{wrong}'",
            where=document.where(("rounds", index, "strategies")),
            fix=f"known: {', '.join(known) or 'none, leave the key out'}",
        )
    return spec.strategies or list(known) or [""]


def last_round(scores: list[float], gain: float) -> int:
    """Number (from 1) of the round at which a rule stops: the last one before a gain below `gain`.

    Args:
        scores: of the rounds in order, 0 to 1.
        gain: points.
    """
    for number in range(1, len(scores)):
        if 100 * (scores[number] - scores[number - 1]) < gain:
            return number
    return len(scores)
