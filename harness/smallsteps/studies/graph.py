"""Dependencies between the recipes of a study: teachers and parts; unknown names and circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smallsteps.config.document import Document, KeyPath
from smallsteps.errors import UserError, unknown_name
from smallsteps.schemes import FollowsStrategies, abilities_of, get_scheme
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.teachers.spec import StudentSpec


@dataclass(frozen=True, slots=True)
class Reference:
    """A recipe that another one names, and the key that names it."""

    key: KeyPath
    recipe: str


def references_of(recipe: Recipe) -> list[Reference]:
    """The recipes that one needs students of: its teacher, and those that lend it parts."""
    found = []
    for number, section in enumerate(recipe.sections):
        if isinstance(section.teacher, StudentSpec):
            place: KeyPath = ("corpora", number - 1) if number else ("corpus",)
            found.append(Reference((*place, "teacher", "recipe"), section.teacher.recipe))
    borrowed = {part: recipe.borrowed(part) for part in get_scheme(recipe.scheme).parts}
    found += [Reference(("parts", part, "from"), one.recipe) for part, one in borrowed.items() if one]
    return found


def wrong_references(recipes: Mapping[Source, Recipe]) -> list[UserError]:
    """One error for each unknown name and each circle, with file and line."""
    named = {recipe.recipe: recipe for recipe in recipes.values()}
    errors = []
    places: dict[tuple[str, str], str] = {}
    graph: dict[str, list[str]] = {}
    for source, recipe in recipes.items():
        found = references_of(recipe)
        if not found:
            continue
        document = source.document()
        for reference in found:
            where = document.where(reference.key)
            if reference.recipe not in named:
                errors.append(unknown_name("recipe of this study", reference.recipe, named, where=where))
                continue
            graph.setdefault(recipe.recipe, []).append(reference.recipe)
            errors += _wrong_teacher(recipe, named[reference.recipe], reference, document)
            places[recipe.recipe, reference.recipe] = where
        for part in get_scheme(recipe.scheme).parts:
            borrowed = recipe.borrowed(part)
            if borrowed is None or borrowed.recipe not in named:
                continue
            lender = named[borrowed.recipe]
            if lender.format != recipe.format:
                where = document.where(("parts", part, "from"))
                fix = "give both recipes the same 'format'"
                errors.append(
                    UserError(f"'{lender.recipe}' is asked in another format", where=where, fix=fix)
                )
            lends = get_scheme(lender.scheme).parts
            where = document.where(("parts", part, "part"))
            if borrowed.part is not None and borrowed.part not in lends:
                errors.append(unknown_name(f"part of '{lender.recipe}'", borrowed.part, lends, where=where))
    errors += [_circle(circle, places) for circle in circles(graph)]
    return errors


def _wrong_teacher(
    recipe: Recipe, teacher: Recipe, reference: Reference, document: Document
) -> list[UserError]:
    """What the teaching student cannot do: follow a strategy, give distributions."""
    if reference.key[-2:] != ("teacher", "recipe"):
        return []
    number = 0 if reference.key[0] == "corpus" else int(reference.key[1]) + 1
    section = recipe.sections[number]
    strategy = section.teacher.strategy if isinstance(section.teacher, StudentSpec) else None
    scheme = get_scheme(teacher.scheme)
    known = scheme.strategies if isinstance(scheme, FollowsStrategies) else ()
    errors = []
    if strategy is not None and strategy not in known:
        where = document.where((*reference.key[:-1], "strategy"))
        errors.append(unknown_name(f"strategy of '{teacher.scheme}'", strategy, known, where=where))
    one_text = teacher.format.kind == "plain" and not strategy and abilities_of(scheme).thoughts
    if section.sampling.logprobs and not one_text:
        where = document.where((*reference.key[:-2], "sampling", "logprobs"))
        what = f"'{teacher.recipe}' gives no distributions: it does not answer one plain prompt with one text"
        errors.append(UserError(what, where=where, fix="set 'logprobs: 0', or let a student of 'cot' teach"))
    return errors


def circles(graph: Mapping[str, list[str]]) -> list[list[str]]:
    """Every circle that following the first names of a graph leads into, once."""
    found: dict[frozenset[str], list[str]] = {}
    done: set[str] = set()
    for start in graph:
        stack = [(start, iter(graph[start]))]
        path = [start]
        while stack:
            after = next((name for name in stack[-1][1] if name not in done), None)
            if after is None:
                done.add(stack.pop()[0])
                path.pop()
            elif after in path:
                circle = path[path.index(after) :]
                found.setdefault(frozenset(circle), circle)
            else:
                stack.append((after, iter(graph.get(after, ()))))
                path.append(after)
    return list(found.values())


def _circle(circle: list[str], places: Mapping[tuple[str, str], str]) -> UserError:
    way = " needs ".join(f"'{name}'" for name in [*circle, circle[0]])
    where = places[circle[0], circle[1 % len(circle)]]
    return UserError(f"recipes need each other in a circle: {way}", where=where, fix="take one of them out")
