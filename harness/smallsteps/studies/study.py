"""A study: recipes, seeds, suites to evaluate and claims to test, in one YAML file."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from smallsteps.comparing.model import ClaimKind
from smallsteps.config import Document, Strict, compose, read_yaml, validate
from smallsteps.engines.prompts import FormatSpec
from smallsteps.errors import USAGE, ConfigError, UserError
from smallsteps.evaluation.draw import words
from smallsteps.problems import Role
from smallsteps.problems.finding import with_benchmark
from smallsteps.students.gguf import PATTERN, joined
from smallsteps.studies.graph import wrong_references
from smallsteps.studies.matrix import MatrixSpec, expanded
from smallsteps.studies.names import wrong_names
from smallsteps.studies.places import find
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.rounds import RoundsSpec, expanded_rounds
from smallsteps.studies.source import Change, Source, recipe_of

MOST_RECIPES = 1000
MOST_SEEDS = 1000
MOST_CHANGES = 200  # keys of `overrides`


class SuiteSpec(Strict):
    """Tasks evaluated together.

    Attributes:
        role: `target` (what students are distilled for), `transfer` (the same skill on other problems) or
            `generic` (what specialising may cost).
        tasks: names of lm-eval tasks, such as `smallsteps_svamp`; no task is in two suites.
        limit: so many items of each task, drawn evenly from its subtasks; all students get the same ones.
        samples: texts per item; several vote.
        temperature: of the sampling; 0 is greedy, absent leaves it to the task.
    """

    role: Role
    tasks: list[str] = Field(min_length=1)
    limit: int | None = Field(default=None, gt=0)
    samples: int = Field(default=1, gt=0)
    temperature: float | None = Field(default=None, ge=0)
    precision: Literal["auto", "exact"] | None = Field(
        default=None, description="of all students on this suite; left out, what each recipe says"
    )


class ReferenceSpec(Strict):
    """The model that students are compared with, usually their base before training.

    Attributes:
        name: its name in results and claims.
        title: what the report calls it.
        path: folder (relative to the study or to the data directory) or hub id.
        revision: hub revision (a commit makes the study repeatable).
        gguf_file: GGUF file in `path` with the weights, instead of safetensors; needs the extra `gguf`.
        scheme: of its prompts.
    """

    later: ClassVar[tuple[str, ...]] = ("revision", "gguf_file")
    name: str = "base"
    title: str = "Base, untrained"
    path: str
    revision: str | None = None
    gguf_file: str | None = Field(default=None, pattern=PATTERN)
    scheme: str = "cot"
    format: FormatSpec = Field(
        default=FormatSpec(), description="plain text, or its tokenizer's chat template"
    )
    stop: list[str] | None = Field(
        default=None,
        description="texts that end a reply in plain text; by default new lines that begin the next question "
        "(`Q:`, `Question:`, `B:`, ...) for a model that was not trained here; how often is in the manifest",
    )

    @property
    def place(self) -> str:
        """Where the weights are: folder, GGUF file or hub id."""
        return joined(self.path, self.gguf_file)


def _keys(names: set[str]) -> str:
    return " and ".join(f"'{name}'" for name in sorted(names))


KINDS: tuple[ClaimKind, ...] = ("better", "equivalent", "noninferior")


class ClaimSpec(Strict):
    """A comparison to test; declare it before you see results. All claims belong to one Holm family. A claim
    is `{better: A, than: B}`, `{equivalent: A, to: B, within: 2}` or `{noninferior: A, to: B, within: 2}`.

    Attributes:
        better: the student that is claimed to be better.
        than: the student it is compared with.
        equivalent: the student whose accuracy is claimed to be that of another one, to within some points
            (two one-sided tests).
        noninferior: the student that is claimed to be worse by less than some points (one-sided).
        to: the student that these two are compared with.
        within: the points.
        on: tasks or suites.
        text: the claim in words.
    """

    later: ClassVar[tuple[str, ...]] = ("equivalent", "noninferior", "to", "within")
    better: str | None = None
    than: str | None = None
    equivalent: str | None = None
    noninferior: str | None = None
    to: str | None = None
    within: float | None = Field(default=None, gt=0, lt=100)
    on: list[str] = Field(min_length=1)
    text: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> ClaimSpec:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError("give one of 'better', 'equivalent' and 'noninferior'")
        (kind,) = kinds
        needed = {"than"} if kind == "better" else {"to", "within"}
        given = {name for name in ("than", "to", "within") if getattr(self, name) is not None}
        if missing := needed - given:
            raise ValueError(f"'{kind}' needs {_keys(missing)}")
        if extra := given - needed:
            raise ValueError(f"'{kind}' takes no {_keys(extra)}")
        return self

    @property
    def kind(self) -> ClaimKind:
        """Which of the three."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def sides(self) -> tuple[str, str]:
        """The student that the claim is about, and the one it is compared with."""
        return str(getattr(self, self.kind)), str(self.than if self.kind == "better" else self.to)


class Study(Strict):
    """Several recipes times seeds, evaluated on the same items.

    Attributes:
        study: name of the study, and of its folder below `runs/`.
        title: title of the report.
        description: first paragraph of the report.
        recipes: recipe files, relative to the study.
        matrix: further recipes: some of a file in all combinations of the values of some keys.
        overrides: keys that are laid over every recipe, such as `{optimisation: {accumulate: 1}}` on a GPU.
        rounds: further recipes: a file in several rounds, each taught by the student of the one before too.
        benchmarks: your own benchmarks, by the path of their YAML file relative to the study; their tasks can
            then be named in `suites`. One that a recipe names is known already.
        reference: a model that is evaluated without training.
        seeds: training seeds; every recipe is trained once with each.
        suites: what is evaluated, by a name of your choice.
        gold_plans: Socratic students that are evaluated a second time with gold sub-questions.
        claims: comparisons to test.
        allow_overlap: benchmarks whose test items may be among the training examples.
        overlap_limit: share of a test set that may be among the training examples before it is an error.
    """

    study: str = Field(pattern=r"^[a-z0-9][a-z0-9_.+-]*$")
    title: str
    description: str = ""
    recipes: list[str] = []
    matrix: list[MatrixSpec] = []
    overrides: dict[str, Any] = {}
    rounds: list[RoundsSpec] = []
    benchmarks: list[str] = []
    reference: ReferenceSpec | None = None
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(
        default=[1], min_length=1, max_length=MOST_SEEDS
    )
    suites: dict[str, SuiteSpec]
    gold_plans: list[str] = []
    claims: list[ClaimSpec] = []
    allow_overlap: list[str] = []
    overlap_limit: float = Field(default=0.01, ge=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if not (self.recipes or self.matrix or self.rounds):
            raise ValueError("it names no student: give 'recipes', 'matrix' or 'rounds'")
        for entry in self.rounds:
            if entry.stop is not None and entry.stop.on not in self.suites:
                raise ValueError(f"the stopping rule speaks of '{entry.stop.on}', which is no suite")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("a seed is given twice")
        tasks = [task for suite in self.suites.values() for task in suite.tasks]
        twice = {task for task, count in Counter(tasks).items() if count > 1}
        if twice:
            raise ValueError(f"task '{min(twice)}' is in two suites")
        return self

    def limits(self) -> list[str]:
        """One line for every suite that is limited."""
        limited = {name: suite.limit for name, suite in self.suites.items() if suite.limit is not None}
        return [f"{name}: {words(limit)}" for name, limit in limited.items()]

    def tasks_of(self, names: Iterable[str]) -> list[str]:
        """Task names, suites opened."""
        found: list[str] = []
        for name in names:
            found += self.suites[name].tasks if name in self.suites else [name]
        return found


def load_study(path: Path, overrides: Iterable[str] = ()) -> tuple[Study, dict[Source, Recipe]]:
    """Read a study and its recipes (by source, in order: those of `recipes`, `matrix`, `rounds`).

    Raises:
        ConfigError: all that is wrong with the study, its names and its recipes, with file, line and key.
        UserError: the one file that is not there.
    """
    place = find(path).resolve()
    document = compose(place, overrides)
    errors: list[UserError] = []
    named = document.data.get("benchmarks")
    for index in range(len(named) if isinstance(named, list) else 0):
        document, wrong = with_benchmark(document, ("benchmarks", index))
        errors += wrong
    recipes, wrong = _recipes(document)
    errors += wrong
    try:
        study = validate(Study, document)
    except ConfigError as error:
        errors += error.errors
    names: set[str] = set()
    for source, recipe in recipes.items():
        if recipe.recipe in names:
            where = source.document().where(("recipe",))
            errors.append(UserError(f"two recipes are called '{recipe.recipe}'", where=where))
        names.add(recipe.recipe)
    errors += wrong_references(recipes) if not wrong else []
    known = None if wrong else {recipe.recipe: recipe for recipe in recipes.values()}
    errors += wrong_names(document, known)
    if len(errors) == 1 and errors[0].code != USAGE:
        raise errors[0]
    if errors:
        raise ConfigError(errors)
    return study, recipes


def _recipes(document: Document) -> tuple[dict[Source, Recipe], list[UserError]]:
    """The recipes that a study names, and the errors of invalid ones."""
    named = document.data.get("recipes")
    found: dict[Source, Recipe] = {}
    made, errors = expanded(document)
    in_rounds, wrong = expanded_rounds(document)
    made, errors = [*made, *in_rounds], [*errors, *wrong]
    listed = [
        (Source((document.path.parent / str(name)).resolve()), document.where(("recipes", index)))
        for index, name in enumerate(named if isinstance(named, list) else [])
    ]
    changes = tuple(itertools.islice(_changes(document), MOST_CHANGES + 1))
    if len(changes) > MOST_CHANGES:
        where = document.where(("overrides",))
        return {}, [*errors, UserError(f"more than {MOST_CHANGES} keys", where=where)]
    chosen = [*listed, *((one, one.changes[-1].place) for one in made)]
    if len(chosen) > MOST_RECIPES:
        text = f"{len(chosen):,} recipes, more than {MOST_RECIPES:,}"
        return {}, [*errors, UserError(text, where=str(document.path), fix="make several studies of it")]
    for unchanged, where in chosen:
        source = replace(unchanged, changes=(*unchanged.changes, *changes))
        try:
            found[source] = recipe_of(source)
        except ConfigError as error:
            errors += error.errors
        except UserError as error:
            if not source.path.exists():
                error.where = f"{where}: {error.where}"
            errors.append(error)
    return found, errors


def _changes(document: Document) -> Iterator[Change]:
    """What a study's `overrides` set in every recipe, key by key."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), document.data.get("overrides"))]
    while waiting:
        key, value = waiting.pop(0)
        if isinstance(value, dict) and (value or not key):
            waiting += [((*key, str(name)), below) for name, below in value.items()]
        elif key:
            yield Change(".".join(key), json.dumps(value), document.where(("overrides", *key)))


def is_study(path: Path) -> bool:
    """Whether a configuration file is a study (else it is a recipe)."""
    data = read_yaml(find(path)).data
    return isinstance(data, dict) and bool({"study", "suites", "recipes", "matrix", "rounds"} & set(data))
