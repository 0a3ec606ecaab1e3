"""From a study to its stages: corpora, students, runs, each named by the hash of what shapes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smallsteps.corpora.build import STORE, taught_folder
from smallsteps.corpora.sources import files_read
from smallsteps.engines.numerics import resolve
from smallsteps.engines.prompts import FormatSpec
from smallsteps.files import sha256_of
from smallsteps.problems.finding import own_content
from smallsteps.resources import shipped_baseline
from smallsteps.schemes import code_of_scheme, get_scheme
from smallsteps.students import CARD, check_weights, hash_weights, part_path, read_student
from smallsteps.students.gguf import joined
from smallsteps.students.offline import model_folder
from smallsteps.students.places import stops_of
from smallsteps.studies.makers import code_of_maker
from smallsteps.studies.names import GOLD_PLANS
from smallsteps.studies.recipe import DecodingSpec, Recipe, resolve_base, resolve_objective
from smallsteps.studies.stage import Stage
from smallsteps.studies.study import ReferenceSpec, Study, SuiteSpec
from smallsteps.teachers.spec import HuggingFaceSpec
from smallsteps.training import ObjectiveSpec


@dataclass(frozen=True, slots=True)
class Run:
    """A run stage with what the report needs to know about it. `student` is None for the reference."""

    stage: Stage
    label: str
    seed: int | None
    suite: str
    student: Stage | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All stages of a study in an order that respects their needs."""

    corpora: dict[str, Stage]
    overlaps: dict[str, Stage]
    students: dict[tuple[str, int], Stage]
    runs: list[Run]

    def stages(self) -> list[Stage]:
        """Every stage once."""
        before = [*self.corpora.values(), *self.overlaps.values()]
        # dialogues take longest: started first, so that none runs alone at the end
        runs = sorted(self.runs, key=lambda run: run.student is None or not _asks(run.student))
        every = [*before, *self.students.values(), *(run.stage for run in runs)]
        return list({stage.key: stage for stage in every}.values())


def _asks(student: Stage) -> bool:
    return len(get_scheme(student.content["recipe"]["scheme"]).parts) > 1


def plan_study(
    study: Study,
    recipes: dict[Path, Recipe],
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
    corpora: dict[str, Stage] = {}
    overlaps: dict[str, Stage] = {}
    students: dict[tuple[str, int], Stage] = {}
    shared: dict[str, Stage] = {}  # recipes with the same examples are compared once, under one name
    for path, recipe in recipes.items():
        corpus = corpus_stage(recipe, path, out, data, corpora.values())
        if corpus is not None:
            corpus = corpora.setdefault(corpus.key, corpus)
        overlap = overlap_stage(study, recipe, benchmarks, out, data, corpus)
        overlap = overlaps[recipe.recipe] = shared.setdefault(overlap.key, overlap)
        for seed in study.seeds:
            student = student_stage(recipe, path, seed, out, data, corpus)
            students[recipe.recipe, seed] = replace(student, needs=(*student.needs, overlap.key))
    runs = [
        run
        for suite, spec in study.suites.items()
        for run in _runs_of(study, suite, spec, recipes, students, study_path, out, data)
    ]
    return Plan(corpora, overlaps, students, runs)


def corpus_stage(
    recipe: Recipe, path: Path, out: Path, data: Path | None, others: Iterable[Stage] = ()
) -> Stage | None:
    """The stage that collects a recipe's rationales; recipes that ask for the same share it (and its name).

    Corpora of one teacher share a store, so that no sample is requested twice, and are collected in turn.
    """
    if recipe.corpus is None:
        return None
    spec = recipe.corpus.model_dump(mode="json")
    name = f"{recipe.corpus.benchmark}-{recipe.corpus.teacher.kind}"
    asked = sha256_of([spec[key] for key in ("benchmark", "split", "teacher", "prompt", "sampling")])[:12]
    payload: dict[str, Any] = {
        "data": _text(data),
        "folders": [str(path.parent), *([str(data)] if data else [])],
        "store": str(out / "corpora" / f"{name}-{asked}.sqlite"),
        "taught": str((taught_folder(path) / STORE).resolve()),
    }
    read = files_read(recipe.corpus, [path.parent, *([data] if data else [])])
    if isinstance(recipe.corpus.teacher, HuggingFaceSpec):
        teacher = recipe.corpus.teacher
        payload["models"] = folders_of([(teacher.model, teacher.model, teacher.revision)])
    stage = Stage("corpus", recipe.recipe, {"corpus": spec, "read": read}, payload)
    before = [o.key for o in others if o.payload["store"] == payload["store"] and o.key != stage.key]
    return replace(stage, needs=tuple(before[-1:]))


def student_stage(
    recipe: Recipe, path: Path, seed: int, out: Path, data: Path | None, corpus: Stage | None
) -> Stage:
    """The stage that trains one recipe with one seed."""
    base = resolve_base(recipe.base, path, data)
    silent: dict[str, Any] = {"title": True, "description": True}
    silent["optimisation"] = recipe.optimisation.unsaid()
    if recipe.objective == ObjectiveSpec():
        silent["objective"] = True
    if recipe.decoding == DecodingSpec():  # as in recipes from before there was such a section
        silent["decoding"] = True
    if recipe.lora is None:
        silent["lora"] = True
    if recipe.format == FormatSpec():
        silent["format"] = True
    for key, usual in (("devices", 1), ("strategy", "ddp")):
        if getattr(recipe, key) == usual:
            silent[key] = True
    content: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json", exclude=silent),
        "base": identity_of(base.place, base.revision)
        if base.place
        else sha256_of(base.model_dump(mode="json")),
        "corpus": corpus.key if corpus else None,
        "seed": seed,
        **_makers(recipe),
        **_own("scheme", code_of_scheme(recipe.scheme)),
        **_teacher(recipe, path, data),
    }
    objective = resolve_objective(recipe.objective, path, data)
    teachers = [(t.path, t.path, t.revision) for t in (objective.teacher,) if t is not None]
    payload = {
        "objective": objective.model_dump(mode="json"),
        "base": base.model_dump(mode="json"),
        "recipe_hash": sha256_of(content["recipe"]),
        "corpus_folder": str(corpus.folder(out)) if corpus else None,
        "title": recipe.title or recipe.recipe,
        "data": _text(data),
        "models": {
            **folders_of([(recipe.base.path, base.path, base.revision)]),
            **folders_of([(recipe.base.tokenizer, base.tokenizer, None)]),
            **folders_of(teachers),
        },
    }
    needs = (corpus.key,) if corpus else ()
    return Stage("student", f"{recipe.recipe}-s{seed}", content, payload, needs)


def overlap_stage(
    study: Study,
    recipe: Recipe,
    benchmarks: Sequence[str],
    out: Path,
    data: Path | None,
    corpus: Stage | None,
) -> Stage:
    """The stage that looks for test items among a recipe's training examples, before anything is trained."""
    shaping = {"scheme", "corpus", "examples", "replay"}
    content = {
        "recipe": recipe.model_dump(mode="json", include=shaping),
        "corpus": corpus.key if corpus else None,
        "benchmarks": list(benchmarks),
        "limit": study.overlap_limit,
        "allowed": study.allow_overlap,
        **_makers(recipe),
        **_own("benchmarks", own_content(benchmarks)),
        **_own("scheme", code_of_scheme(recipe.scheme)),
    }
    payload = {
        "recipe": recipe.model_dump(mode="json"),
        "corpus_folder": str(corpus.folder(out)) if corpus else None,
        "data": _text(data),
    }
    return Stage("overlap", recipe.recipe, content, payload, (corpus.key,) if corpus else ())


def _makers(recipe: Recipe) -> dict[str, Any]:
    """Hashes of the user's own example makers; nothing where all are shipped, so keys stay as they were."""
    sources = [spec.source for spec in (recipe.examples, recipe.replay) if spec is not None]
    own = {source: code for source in sources if (code := code_of_maker(source)) is not None}
    return {"own_makers": own} if own else {}


def folders_of(named: Iterable[tuple[str | None, str | None, str | None]]) -> dict[str, str]:
    """Folders of models by the name that a file gives them; those that only the hub has are left out.

    Args:
        named: name, the place it was resolved to, and revision of each.
    """
    found = {}
    for name, place, revision in named:
        folder = model_folder(place, revision) if place is not None else None
        if name is not None and folder is not None:
            found[f"{name}@{revision}" if revision else name] = str(folder)
    return found


def _teacher(recipe: Recipe, path: Path, data: Path | None) -> dict[str, Any]:
    """What an on-line teacher is; nothing where there is none, so that keys stay as they were."""
    teacher = resolve_objective(recipe.objective, path, data).teacher
    return {} if teacher is None else {"teacher": identity_of(teacher.path, teacher.revision)}


def identity_of(place: str, revision: str | None = None) -> str:
    """Identity of a base, independent of its place: the hash of its weights, or the hub id."""
    folder = model_folder(place, revision)
    if folder is None:
        return place
    if (folder / CARD).exists():
        student = read_student(folder)
        return "+".join(hash_weights(Path(part_path(folder, student, part))) for part in student.parts)
    check_weights(folder)
    return hash_weights(folder)


def _runs_of(
    study: Study,
    suite: str,
    spec: SuiteSpec,
    recipes: dict[Path, Recipe],
    students: dict[tuple[str, int], Stage],
    study_path: Path,
    out: Path,
    data: Path | None,
) -> list[Run]:
    runs = []
    if study.reference is not None:
        reference = study.reference
        place = joined(_reference_place(reference.path, study_path, data), reference.gguf_file)
        content = {
            **_run_content(spec, "auto"),
            "student": identity_of(place, reference.revision),
            **({"revision": reference.revision} if reference.revision is not None else {}),
            "scheme": reference.scheme,
            "plans": "own",
            **_format_of(reference.format),
            **_stop_of(reference, place),
        }
        payload: dict[str, Any] = {
            "student": place,
            "label": reference.name,
            "seed": None,
            "data": _text(data),
            "models": folders_of([(reference.path, place, None)]),
        }
        stage = Stage("run", f"{reference.name}-{suite}", content, payload)
        runs.append(Run(stage, reference.name, None, suite, None))
    for recipe in recipes.values():
        plans = ["own", "gold"] if recipe.recipe in study.gold_plans and spec.role != "generic" else ["own"]
        for seed in study.seeds:
            student = students[recipe.recipe, seed]
            for plan in plans:
                label = recipe.recipe + (GOLD_PLANS if plan == "gold" else "")
                content = {
                    **_run_content(spec, recipe.decoding.precision),
                    "student": student.key,
                    "scheme": None,
                    "plans": plan,
                }
                payload = {
                    "student": str(student.folder(out)),
                    "label": label,
                    "seed": seed,
                    "data": _text(data),
                }
                stage = Stage("run", f"{label}-s{seed}-{suite}", content, payload, (student.key,))
                runs.append(Run(stage, label, seed, suite, student))
    return runs


def _run_content(spec: SuiteSpec, precision: str) -> dict[str, Any]:
    """What shapes every run of a suite; numerics are resolved, so that other arithmetic is another run."""
    numerics = resolve(precision=spec.precision or precision)
    return {
        "precision": numerics.precision,
        "numerics": numerics.identity(),
        "tasks": spec.tasks,
        "limit": spec.limit,
        "samples": spec.samples,
        "temperature": spec.temperature,
        **_own("benchmarks", own_content(tasks=spec.tasks)),
    }


def _own(name: str, content: Any) -> dict[str, Any]:
    """What of the user's own shapes a stage; nothing where all is shipped, so that keys stay as they were."""
    return {f"own_{name}": content} if content else {}


def _reference_place(path: str, study_path: Path, data: Path | None) -> str:
    for root in (study_path.parent, data):
        if root is not None and (root / path).is_dir():
            return str((root / path).resolve())
    place = shipped_baseline(path)
    return str(place.resolve()) if place is not None and place.is_dir() else path


def _format_of(spec: FormatSpec) -> dict[str, Any]:
    """The format of a reference; nothing where it is plain, so that keys stay as they were."""
    return {} if spec == FormatSpec() else {"format": spec.model_dump(mode="json")}


def _stop_of(reference: ReferenceSpec, place: str) -> dict[str, Any]:
    """Stop rules of a reference; nothing where it has none."""
    if reference.stop is not None:
        return {"stop": reference.stop}
    found = stops_of(place, reference.revision) if reference.format.kind == "plain" else ()
    return {"stop": list(found)} if found else {}


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None
