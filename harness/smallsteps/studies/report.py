"""From finished stages to the study's report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import NO_INPUT, UserError
from smallsteps.files import read_json, to_json
from smallsteps.integrity import digest_of, write_sealed
from smallsteps.manifest import provenance
from smallsteps.outcomes import OutcomeTable, read_outcomes
from smallsteps.outcomes.run_folder import read_manifest
from smallsteps.reports.numbers import count
from smallsteps.reports.page.texts import logged_samples
from smallsteps.reports.study import (
    Claim,
    PartCost,
    ReportInput,
    SampleSource,
    StudentInfo,
    StudyReport,
    build,
    in_words,
    write,
)
from smallsteps.reports.study.costs import summed
from smallsteps.students import Student, read_student
from smallsteps.students.offline import model_folder
from smallsteps.studies.bases import models_of
from smallsteps.studies.declaring import declared_in, read_declared
from smallsteps.studies.folder import MANIFEST_SCHEMA, REPORTS
from smallsteps.studies.learning import budgets, choice_sentence, dev_path, loss_curves
from smallsteps.studies.names import GOLD_PLANS
from smallsteps.studies.plan import Run
from smallsteps.studies.prepare import Prepared
from smallsteps.studies.runner import Carried
from smallsteps.studies.stages.mix import MixStage
from smallsteps.studies.stages.overlap import OVERLAP
from smallsteps.studies.stages.run import Model
from smallsteps.studies.stopping import stopping_notes
from smallsteps.studies.tasks import task_column, task_infos


@dataclass(frozen=True, slots=True)
class Finished:
    """A study with its report: as an object, as JSON text, and in words for a terminal."""

    out: Path
    report: StudyReport
    words: str
    json_text: str


def write_report(prepared: Prepared, carried: Carried) -> Finished:
    """Build the report from the runs and write it to their study's folder."""
    study, out = prepared.study, prepared.out
    tasks = prepared.tasks
    outcomes = OutcomeTable.concatenate(
        [read_outcomes(run.stage.folder(out) / "outcomes.parquet") for run in prepared.plan.runs]
    )
    trained = {
        key: (read_student(stage.folder(out)), stage.folder(out))
        for key, stage in prepared.plan.students.items()
    }
    students = _students(prepared)
    sizes = {info.name: info.parameters for info in students if info.parameters}
    recipes = {recipe.recipe: recipe for recipe in prepared.recipes.values()}
    report = build(
        ReportInput(
            title=study.title,
            description=study.description,
            students=students,
            reference=study.reference.name if study.reference else None,
            tasks=task_infos(study, tasks),
            claims=[
                Claim(
                    *c.sides,
                    tuple(task_column(tasks[name]) for name in study.tasks_of(c.on)),
                    c.text,
                    c.kind,
                    None if c.within is None else c.within / 100,
                )
                for c in study.claims
            ],
            outcomes=outcomes,
            samples=_sample_source(prepared.plan.runs, out),
            provenance=_provenance(prepared),
            corpus_notes=[*_corpus_notes(prepared), *stopping_notes(study, prepared.path, outcomes)],
            costs=_costs(prepared),
            losses=[
                curve
                for (name, seed), (card, folder) in trained.items()
                for curve in loss_curves(card, folder, name, seed)
            ],
            paths=[
                path
                for (name, seed), (card, _) in trained.items()
                if (path := dev_path(card, name, seed)) is not None
            ],
            budgets=budgets(recipes, {name: sizes[name] for name in recipes if name in sizes}),
            suite_notes=list(prepared.study.limits()),
            declared=declared_in(out, study),
        )
    )
    write(report, out)
    models = models_of(prepared.recipes.values(), study, prepared.roots)
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "study": study.model_dump(mode="json"),
        "recipes": {r.recipe: r.model_dump(mode="json") for r in prepared.recipes.values()},
        "stages": {f"{s.kind} {s.name}": s.key for s in prepared.plan.stages()},
        "overlap": {
            name: read_json(stage.folder(out) / OVERLAP) for name, stage in prepared.plan.overlaps.items()
        },
        **({"declared": noted} if (noted := read_declared(out)) else {}),
        "files": {name: digest_of(out / name) for name in REPORTS if (out / name).exists()},
        **({"models": [model.provenance() for model in models]} if models else {}),
        **provenance(),
    }
    write_sealed(out / "manifest.json", manifest)
    words = [in_words(report), "", f"report: {_short(out / 'report.html')}", _work_done(carried)]
    return Finished(out, report, "\n".join(words), to_json(report.to_json()))


def _students(prepared: Prepared) -> list[StudentInfo]:
    """The reference first, then the recipes in the study's order, each with its diagnostic behind it."""
    study, out = prepared.study, prepared.out
    infos: list[StudentInfo] = []
    if study.reference is not None:
        run = next(run for run in prepared.plan.runs if run.student is None)
        assert isinstance(run.stage.subject, Model)
        place = model_folder(run.stage.subject.place, run.stage.subject.revision)
        card = read_student(place) if place is not None else None
        size = sum(f.get("parameters", 0) for f in card.training.values()) if card else 0
        infos.append(
            StudentInfo(study.reference.name, study.reference.title, study.reference.scheme, size or None)
        )
    for recipe in prepared.recipes.values():
        folder = prepared.plan.students[recipe.recipe, study.seeds[0]].folder(out)
        card = read_student(folder)
        title = recipe.title or recipe.recipe
        infos.append(_info(recipe.recipe, title, card, recipe.description))
        if recipe.recipe in study.gold_plans:
            note = "diagnostic: the solver is given the gold sub-questions"
            infos.append(_info(recipe.recipe + GOLD_PLANS, f"{title}, gold plans", card, note))
    return infos


def _info(name: str, title: str, card: Student, note: str) -> StudentInfo:
    figures = card.training.values()
    return StudentInfo(
        name=name,
        title=title,
        scheme=card.scheme,
        parameters=sum(f["parameters"] for f in figures),
        training_tokens=sum(f["real_tokens"] for f in figures),
        supervised_tokens=sum(f["supervised_tokens"] for f in figures),
        steps=sum(f["steps"] for f in figures),
        parts=card.training,
        note=note,
    )


def _sample_source(runs: list[Run], out: Path) -> SampleSource:
    places: dict[tuple[str, int | None], list[Path]] = {}
    for run in runs:
        places.setdefault((run.label, run.seed), []).append(run.stage.folder(out))
    return logged_samples(places)


def _corpus_notes(prepared: Prepared) -> list[str]:
    """One sentence per corpus: teacher, samples, kept rationales."""
    notes = []
    for stage in prepared.plan.corpora.values():
        path = stage.folder(prepared.out) / "corpus.json"
        if not path.exists():
            raise UserError("no such corpus", where=str(path), fix="run the study again", code=NO_INPUT)
        card = read_json(path)
        spec, quality = card["spec"], card["quality"]
        kept = quality.get("kept")
        total = quality.get("samples")
        notes.append(
            f"{spec['benchmark']} ({spec['split']}), teacher {spec['teacher']['kind']}: "
            f"{total} samples collected, {kept} rationales kept ({spec['keep']}), hash {card['hash'][:12]}"
        )
    notes += [stage.note(prepared.out) for stage in prepared.plan.stages() if isinstance(stage, MixStage)]
    for name, compared in prepared.plan.overlaps.items():
        found = read_json(compared.folder(prepared.out) / OVERLAP)
        hits = [
            f"{b['exact']} exact and {b['near']} near in {b['benchmark']}"
            for b in found["benchmarks"]
            if b["hits"]
        ]
        note = f"test items among the training examples of {name}: {'; '.join(hits) or 'none'}"
        if "left_out" in found:
            note += f" ({count(found['left_out'])} replay examples that held one were left out)"
        notes.append(note)
    return notes + _choices(prepared)


def _choices(prepared: Prepared) -> list[str]:
    """One sentence per student that was chosen among checkpoints."""
    notes = []
    for (name, seed), stage in prepared.plan.students.items():
        found = read_student(stage.folder(prepared.out)).selection
        if not found:
            continue
        notes.append(choice_sentence(name, seed, found))
    return notes


def _costs(prepared: Prepared) -> list[PartCost]:
    """Requests to endpoints among the parts, summed over the runs of a student."""
    totals: dict[tuple[str, str], PartCost] = {}
    for run in prepared.plan.runs:
        for part, one in read_manifest(run.stage.folder(prepared.out)).get("endpoints", {}).items():
            new = PartCost(
                student=run.label,
                part=part,
                model=one["model"],
                requests=one["requests"],
                prompt_tokens=one["prompt_tokens"],
                completion_tokens=one["completion_tokens"],
                dollars=one["dollars"],
                prices=one["prices"],
            )
            before = totals.get((run.label, part))
            totals[run.label, part] = new if before is None else summed([before, new])
    return list(totals.values())


def _provenance(prepared: Prepared) -> dict[str, Any]:
    """The provenance in the footer, without times and machine: reports have the same bytes everywhere."""
    return {
        "study": prepared.study.study,
        "seeds": prepared.study.seeds,
        "stages": {f"{s.kind} {s.name}": s.key for s in prepared.plan.stages()},
        "versions": provenance()["versions"],
    }


def _work_done(carried: Carried) -> str:
    if not carried.now:
        return f"nothing to do: all {carried.before} stages were done before"
    return f"{len(carried.now)} stages carried out, {carried.before} were done before"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
