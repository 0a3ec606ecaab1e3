"""From a study to its stages: corpora, students, runs, each named by the hash of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smallsteps.corpora import CorpusSpec
from smallsteps.schemes import abilities_of, get_scheme
from smallsteps.studies.names import GOLD_PLANS
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.studies.stages import (
    CorpusStage,
    MixStage,
    OverlapStage,
    RunStage,
    Stage,
    StudentStage,
    corpus_stage,
    one_corpus,
    overlap_stage,
    reference_run,
    section_name,
    student_run,
    student_stage,
)
from smallsteps.studies.study import Study, SuiteSpec
from smallsteps.teachers.spec import StudentSpec


@dataclass(frozen=True, slots=True)
class Run:
    """A run stage with what the report needs to know about it. `student` is None for the reference."""

    stage: RunStage
    suite: str
    student: StudentStage | None

    @property
    def label(self) -> str:
        """Its name in the outcomes."""
        return self.stage.called

    @property
    def seed(self) -> int | None:
        """Its training seed."""
        return self.stage.seed


@dataclass(frozen=True, slots=True)
class Plan:
    """All stages of a study in an order that respects their needs."""

    corpora: dict[str, CorpusStage]
    overlaps: dict[str, OverlapStage]
    students: dict[tuple[str, int], StudentStage]
    runs: list[Run]

    def stages(self) -> list[Stage]:
        """Every stage once."""
        before: list[Stage] = [*self.corpora.values(), *self.overlaps.values()]
        # dialogues take longest: started first, so that none runs alone at the end
        runs = sorted(self.runs, key=lambda run: run.student is None or not _asks(run.student))
        every = [*before, *self.students.values(), *(run.stage for run in runs)]
        placed: dict[str, Stage] = {}
        for stage in every:
            _place(stage, placed)
        return list(placed.values())


def _place(stage: Stage, placed: dict[str, Stage]) -> None:
    """A stage behind those that it needs."""
    if stage.key in placed:
        return
    for before in (*stage.inputs(), *stage.after):
        _place(before, placed)
    placed[stage.key] = stage


def _asks(student: StudentStage) -> bool:
    return abilities_of(get_scheme(student.recipe.scheme)).dialogue


def plan_study(
    study: Study,
    recipes: dict[Source, Recipe],
    study_path: Path,
    out: Path,
    data: Path | None,
    benchmarks: Sequence[str] = (),
) -> Plan:
    """The stages of a study.

    Args:
        benchmarks: those whose test sets must not be among the training examples.

    Raises:
        UserError: a base is unusable.
    """
    made = _Stages(study, {recipe.recipe: (source, recipe) for source, recipe in recipes.items()}, out, data)
    made.benchmarks = benchmarks
    for recipe in recipes.values():
        for seed in study.seeds:
            made.student(recipe.recipe, seed)
    runs = [
        run
        for suite, spec in study.suites.items()
        for run in _runs_of(study, suite, spec, recipes, made.students, study_path, data)
    ]
    return Plan(made.corpora, made.overlaps, made.students, runs)


@dataclass(slots=True)
class _Stages:
    """Builds the stages. Recipes that need others come after them; there are no circles."""

    study: Study
    recipes: Mapping[str, tuple[Source, Recipe]]
    out: Path
    data: Path | None
    benchmarks: Sequence[str] = ()
    corpora: dict[str, CorpusStage] = field(default_factory=dict)
    overlaps: dict[str, OverlapStage] = field(default_factory=dict)
    students: dict[tuple[str, int], StudentStage] = field(default_factory=dict)
    shared: dict[str, OverlapStage] = field(default_factory=dict)  # of recipes with the same examples
    taught: dict[str, CorpusStage | MixStage | None] = field(default_factory=dict)  # by name of the corpus

    def student(self, name: str, seed: int) -> StudentStage:
        """The stage that trains a recipe with a seed, and all before it."""
        if (name, seed) not in self.students:
            source, recipe = self.recipes[name]
            borrowed = {part: recipe.borrowed(part) for part in get_scheme(recipe.scheme).parts}
            lenders = {part: self.student(one.recipe, seed) for part, one in borrowed.items() if one}
            corpus = self.corpus(name, seed)
            compared = (self.overlap(name, seed, corpus),) if recipe.trained else ()
            self.students[name, seed] = student_stage(
                recipe, source.path, seed, self.data, corpus, compared, lenders, tuple(self.benchmarks)
            )
        return self.students[name, seed]

    def corpus(self, name: str, seed: int) -> CorpusStage | MixStage | None:
        """The stage that collects a recipe's rationales, or that mixes those of its sections."""
        called = self.called(name, seed)
        if called not in self.taught:
            source, recipe = self.recipes[name]
            sections = recipe.sections if recipe.trained else ()
            mixed = len(sections) > 1
            found = [self.section(name, n, one, source, seed, mixed) for n, one in enumerate(sections)]
            self.taught[called] = one_corpus(called, found, recipe)
        return self.taught[called]

    def section(
        self, name: str, number: int, spec: CorpusSpec, source: Source, seed: int, mixed: bool
    ) -> CorpusStage:
        """The stage that collects one section."""
        teacher, student = spec.teacher, None
        called = section_name(name, number)
        if isinstance(teacher, StudentSpec):
            first = self.study.seeds[0] if teacher.seed is None else teacher.seed
            student = self.student(teacher.recipe, seed if first == "own" else first)
            called += f"-s{seed}" if first == "own" else ""
        others = self.corpora.values()
        found = corpus_stage(called, spec, source.path, self.out, self.data, others, student, mixed)
        return self.corpora.setdefault(found.key, found)

    def called(self, name: str, seed: int) -> str:
        """Name of a recipe's corpus; with the seed, where every seed has a teacher of its own."""
        teachers = [section.teacher for section in self.recipes[name][1].sections]
        own = any(isinstance(teacher, StudentSpec) and teacher.seed == "own" for teacher in teachers)
        return f"{name}-s{seed}" if own else name

    def overlap(self, name: str, seed: int, corpus: CorpusStage | MixStage | None) -> OverlapStage:
        """The stage that compares a recipe's examples with the tests; the same examples only once."""
        called = self.called(name, seed)
        if called not in self.overlaps:
            recipe = self.recipes[name][1]
            found = overlap_stage(self.study, recipe, self.benchmarks, self.data, corpus, called)
            self.overlaps[called] = self.shared.setdefault(found.key, found)
        return self.overlaps[called]


def _runs_of(
    study: Study,
    suite: str,
    spec: SuiteSpec,
    recipes: dict[Source, Recipe],
    students: dict[tuple[str, int], StudentStage],
    study_path: Path,
    data: Path | None,
) -> list[Run]:
    runs = []
    if study.reference is not None:
        runs.append(Run(reference_run(study.reference, study_path, suite, spec, data), suite, None))
    for recipe in recipes.values():
        plans = ["own", "gold"] if recipe.recipe in study.gold_plans and spec.role != "generic" else ["own"]
        for seed in study.seeds:
            student = students[recipe.recipe, seed]
            for plan in plans:
                label = recipe.recipe + (GOLD_PLANS if plan == "gold" else "")
                runs.append(Run(student_run(student, label, suite, spec, plan, data), suite, student))
    return runs
