"""From a study to its stages: corpora, students, runs, each named by the hash of what shapes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.schemes import abilities_of, get_scheme
from smallsteps.studies.names import GOLD_PLANS
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.studies.stages import (
    CorpusStage,
    OverlapStage,
    RunStage,
    Stage,
    StudentStage,
    corpus_stage,
    overlap_stage,
    reference_run,
    student_run,
    student_stage,
)
from smallsteps.studies.study import Study, SuiteSpec


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
        return list({stage.key: stage for stage in every}.values())


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
    corpora: dict[str, CorpusStage] = {}
    overlaps: dict[str, OverlapStage] = {}
    students: dict[tuple[str, int], StudentStage] = {}
    shared: dict[str, OverlapStage] = {}  # recipes with the same examples are compared once, under one name
    for source, recipe in recipes.items():
        corpus = corpus_stage(recipe, source.path, out, data, corpora.values())
        if corpus is not None:
            corpus = corpora.setdefault(corpus.key, corpus)
        overlap = overlap_stage(study, recipe, benchmarks, data, corpus)
        overlap = overlaps[recipe.recipe] = shared.setdefault(overlap.key, overlap)
        for seed in study.seeds:
            students[recipe.recipe, seed] = student_stage(recipe, source.path, seed, data, corpus, (overlap,))
    runs = [
        run
        for suite, spec in study.suites.items()
        for run in _runs_of(study, suite, spec, recipes, students, study_path, data)
    ]
    return Plan(corpora, overlaps, students, runs)


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
