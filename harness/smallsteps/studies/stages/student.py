"""Students: one recipe trained with one seed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.corpora import Corpus, read_corpus
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.evaluation.endpoints import endpoint_data
from smallsteps.files import sha256_of, write_json
from smallsteps.manifest import versions
from smallsteps.problems.finding import own_content
from smallsteps.schemes import get_scheme
from smallsteps.students import Student, hash_weights, part_path, read_student, write_student
from smallsteps.students.card import ENDPOINT, check_weights
from smallsteps.students.offline import model_folder
from smallsteps.students.recorded import model_files
from smallsteps.studies.fitting import student_marks
from smallsteps.studies.lessons import Lesson, lesson_of, own_code
from smallsteps.studies.models import folders_of, identity_of
from smallsteps.studies.places import resolve_base, resolve_objective
from smallsteps.studies.recipe import LocalPart, Recipe
from smallsteps.studies.selection import allowed_items
from smallsteps.studies.stages.base import Report, Size, Stage, left_out_when_empty
from smallsteps.studies.stages.corpus import CorpusStage
from smallsteps.studies.stages.mix import MixStage
from smallsteps.studies.together import start
from smallsteps.studies.watching import Selector, read_selection
from smallsteps.teachers.spec import EndpointSpec
from smallsteps.training import (
    BaseSpec,
    ObjectiveSpec,
    Optimisation,
    Progress,
    train,
    train_tokenizer,
)
from smallsteps.training.cost import NOTABLE
from smallsteps.training.team import declared, join

# Keys of a recipe that are part of every student's key. A key that recipes got later is part of it only where
# it is set, so that the students of earlier recipes keep theirs.
_ALWAYS = frozenset(
    ("recipe", "scheme", "base", "tokenizer", "corpus", "examples", "replay", "optimisation", "parts")
)
_WORDS = frozenset(("title", "description", "report_to"))  # shape nothing
WATCHED = "watch"  # folder of a student's checkpoints


@dataclass(frozen=True, kw_only=True)
class StudentStage(Stage):
    """Trains all parts of one student.

    Attributes:
        base: what it is made from, its folders resolved; identity: of that base, wherever it lies.
        objective: its folders resolved; teacher: identity of an on-line teacher, empty without one.
        own: hashes of the user's own code, as they go into the key.
        data: offline data directory.
        lenders: students of other recipes that lend parts, by part.
        local: folders of models that are parts as they are, by part.
        tested: benchmarks of the study, whose test items must not help to choose a checkpoint.
    """

    kind: ClassVar[str] = "student"
    plural: ClassVar[str] = "students"
    verb: ClassVar[str] = "train"

    recipe: Recipe
    seed: int
    base: BaseSpec
    identity: str
    objective: ObjectiveSpec
    teacher: str
    corpus: CorpusStage | MixStage | None
    own: Mapping[str, Any]
    data: Path | None
    lenders: Mapping[str, StudentStage] = field(default_factory=dict)
    local: Mapping[str, str] = field(default_factory=dict)
    tested: tuple[str, ...] = ()

    def version(self) -> int:
        """Raised when training gives other weights."""
        return 2

    def content(self) -> dict[str, Any]:
        """The recipe without its words, base, corpus and seed."""
        return {
            "recipe": shaping(self.recipe),
            "base": self.identity,
            "corpus": self.corpus.key if self.corpus else None,
            "seed": self.seed,
            **self.own,
            **left_out_when_empty("own_selection", _own_selection(self.recipe)),
            **left_out_when_empty("teacher", self.teacher),
            **left_out_when_empty("local", {part: identity_of(at) for part, at in self.local.items()}),
            **left_out_when_empty("lenders", {part: one.key for part, one in self.lenders.items()}),
        }

    def inputs(self) -> tuple[Stage, ...]:
        """The corpus, and the students that lend parts."""
        return (*((self.corpus,) if self.corpus else ()), *self.lenders.values())

    def size(self) -> Size:
        """Optimiser steps, or passes over the examples; those of all parts together."""
        each = [self.recipe.optimisation_of(part) for part in self.recipe.trained]
        if not each:
            return Size("nothing to train")
        counted = [one for one in each if one.steps is not None]
        tokens = sum((one.steps or 0) * one.batch_tokens for one in counted)
        passes = [f"{one.epochs:g} epochs" for one in each if one.epochs is not None]
        words = [f"{one.steps:,} steps" for one in counted] + passes
        told = [f"{tokens:,} tokens"] if counted else []
        return Size(", ".join([" + ".join(words), *told]), tokens if counted else None, bool(passes))

    def work(self, out: Path, report: Report) -> None:
        """Train part by part, choosing among checkpoints where the recipe says so; write the card."""
        recipe, folder, base = self.recipe, self.folder(out), self.base
        if declared().is_alone and recipe.trained and (recipe.devices > 1 or recipe.strategy != "ddp"):
            start(self, out, report, devices=recipe.devices, strategy=recipe.strategy)
            return
        team = join()
        corpus = read_corpus(self.corpus.folder(out)) if self.corpus else None
        parts = get_scheme(recipe.scheme).parts
        figures: dict[str, Any] = {}
        weights: dict[str, str] = {}
        lessons = {part: lesson_of(recipe, part, corpus, self.data) for part in recipe.trained}
        if recipe.tokenizer is not None and lessons:
            everything = [example for lesson in lessons.values() for example in lesson.examples]
            team.lead(partial(train_tokenizer, recipe.tokenizer, everything, folder / "tokenizer"))
            base = base.model_copy(update={"tokenizer": str(folder / "tokenizer")})
        _check(list(lessons.values())[1:], base, recipe)  # before another part was trained
        card = self._card(base, corpus)
        selector = _selector(recipe, card, folder / WATCHED, self.data, self.tested) if lessons else None
        for index, (part, lesson) in enumerate(lessons.items()):

            def report_step(
                progress: Progress,
                index: int = index,
                part: str = part,
                optimisation: Optimisation = lesson.optimisation,
            ) -> None:
                share = progress.step / progress.steps
                name = "" if parts == (part,) else f"{part} "
                note = f"{name}loss {progress.loss:.3f}, {progress.tokens_per_second / 1000:.1f}k tokens/s"
                if progress.optimizer_share >= NOTABLE:
                    note += f", {100 * progress.optimizer_share:.0f} % for {optimisation.optimizer}"
                report(index + share, len(lessons), note)

            place = folder / part
            result = train(
                lesson.examples,
                base,
                lesson.optimisation,
                seed=self.seed,
                out=place,
                progress=report_step,
                format=recipe.format,
                lora=recipe.lora,
                objective=self.objective,
                distributions=corpus.distributions if corpus else None,
                watch=selector,
                report_to=tuple(recipe.report_to),
            )
            figures[part] = asdict(result.figures)
            weights[part] = hash_weights(place)
        for part, lender in self.lenders.items():
            borrow = partial(_borrow, recipe, part, lender.folder(out), folder / part)
            figures[part], weights[part] = team.lead(borrow)
        for part, model in self.local.items():
            weights[part] = team.lead(partial(_take, Path(model), folder / part))
        for part in parts:
            if (endpoint := recipe.endpoint(part)) is not None:
                team.lead(partial(_note_endpoint, folder / part, endpoint))
        card = replace(
            card,
            weights={part: weights[part] for part in parts if part in weights},
            training={part: figures[part] for part in parts if part in figures},
            selection={} if selector is None else read_selection(selector.folder),
        )
        team.lead(lambda: write_student(folder, card))

    def _card(self, base: BaseSpec, corpus: Corpus | None) -> Student:
        """The student's card before training."""
        recipe = self.recipe
        return Student(
            name=recipe.recipe,
            scheme=recipe.scheme,
            parts={part: part for part in get_scheme(recipe.scheme).parts},
            base=recipe.base.place or str((recipe.base.architecture or {}).get("model_type", "")),
            revision=recipe.base.revision,
            seed=self.seed,
            recipe=sha256_of(shaping(recipe)),
            corpus=corpus.hash if corpus else "",
            versions=versions(),
            precision=recipe.decoding.precision,
            base_weights=_base_weights(base),
            lora={} if recipe.lora is None else recipe.lora.model_dump(mode="json"),
            thoughts=student_marks(recipe, base),
            format={} if recipe.format.kind == "plain" else recipe.format.model_dump(mode="json"),
        )


def shaping(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that affects its students, as plain values."""
    later = set(Recipe.model_fields) - _ALWAYS
    unset = {
        name
        for name in later
        if getattr(recipe, name) == Recipe.model_fields[name].get_default(call_default_factory=True)
    }
    left_out: dict[str, Any] = dict.fromkeys({*unset, *_WORDS}, True)
    left_out["optimisation"] = recipe.optimisation.unsaid()
    return recipe.model_dump(mode="json", exclude=left_out)


def student_stage(
    recipe: Recipe,
    path: Path,
    seed: int,
    data: Path | None,
    corpus: CorpusStage | MixStage | None,
    after: tuple[Stage, ...] = (),
    lenders: Mapping[str, StudentStage] | None = None,
    tested: tuple[str, ...] = (),
) -> StudentStage:
    """The stage that trains one recipe with one seed."""
    base, objective = resolve_base(recipe.base, path, data), resolve_objective(recipe.objective, path, data)
    teacher = objective.teacher
    local = _local(recipe, path, data)
    return StudentStage(
        name=f"{recipe.recipe}-s{seed}",
        after=after,
        models={
            **folders_of([(recipe.base.path, base.path, base.revision)]),
            **folders_of([(named.model, folder, named.revision) for named, folder in local.values()]),
            **folders_of([(recipe.base.tokenizer, base.tokenizer, None)]),
            **(folders_of([(teacher.path, teacher.path, teacher.revision)]) if teacher is not None else {}),
        },
        recipe=recipe,
        seed=seed,
        base=base,
        objective=objective,
        teacher=identity_of(teacher.path, teacher.revision) if teacher is not None else "",
        identity=identity_of(base.place, base.revision)
        if base.place
        else sha256_of(base.model_dump(mode="json")),
        corpus=corpus,
        own=own_code(recipe),
        data=data,
        lenders=lenders or {},
        local={part: folder for part, (_, folder) in local.items()},
        tested=tested,
    )


def _local(recipe: Recipe, path: Path, data: Path | None) -> dict[str, tuple[LocalPart, str]]:
    """The models that are parts as they are: as named, and where they lie.

    Raises:
        UserError: one is not on the disk.
    """
    found = {}
    for part in get_scheme(recipe.scheme).parts:
        if (named := recipe.local(part)) is None:
            continue
        base = resolve_base(BaseSpec(path=named.model, revision=named.revision), path, data)
        folder = model_folder(str(base.path), named.revision)
        if folder is None:
            raise UserError(
                f"the model '{named.model}' of the part '{part}' is not on this machine",
                where=str(path),
                fix=f"smallsteps models fetch {named.model} --to MODELS, and name it with --models",
                code=NO_INPUT,
            )
        found[part] = (named, str(folder))
    return found


def _take(model: Path, place: Path) -> str:
    """Copy the files of a model that loading reads; returns the hash of its weights."""
    check_weights(model)
    shutil.rmtree(place, ignore_errors=True)  # of an attempt that was interrupted
    place.mkdir(parents=True)
    for name in model_files(model):
        shutil.copyfile(model / name, place / name)
    return hash_weights(place)


def _note_endpoint(place: Path, endpoint: EndpointSpec) -> None:
    """Write the folder of an endpoint part: a file with its address, and no weights."""
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / ENDPOINT, endpoint_data(endpoint))


def _selector(
    recipe: Recipe, card: Student, folder: Path, data: Path | None, tested: Sequence[str]
) -> Selector | None:
    """The selection among a training run's checkpoints; None where the last one is the student."""
    if recipe.selection is None:
        return None
    spec = recipe.selection
    allowed = allowed_items(spec.tasks.all(), spec.split, data, tested)
    return Selector(spec, card, folder, allowed, data)


def _own_selection(recipe: Recipe) -> dict[str, str]:
    """Hashes of the user's own benchmarks that a choice is made on."""
    return own_content(tasks=recipe.selection.tasks.all()) if recipe.selection is not None else {}


def _borrow(recipe: Recipe, part: str, lender: Path, place: Path) -> tuple[dict[str, Any], str]:
    """Copy a part of another student; returns its figures and the hash of its weights."""
    borrowed = recipe.borrowed(part)
    assert borrowed is not None
    card = read_student(lender)
    wanted = borrowed.part or (part if part in card.parts else get_scheme(card.scheme).parts[-1])
    shutil.rmtree(place, ignore_errors=True)  # of an attempt that was interrupted
    shutil.copytree(part_path(lender, card, wanted), place)
    return card.training[wanted], card.weights[wanted]


def _check(lessons: Sequence[Lesson], base: BaseSpec, recipe: Recipe) -> None:
    if not lessons:
        return
    from smallsteps.training.check import check_examples

    for lesson in lessons:
        check_examples(lesson.examples, base, lesson.optimisation, recipe.format)


def _base_weights(base: BaseSpec) -> str:
    """sha256 of the weights that a student was made from; empty for random ones, or a base on the hub."""
    place = model_folder(base.place, base.revision) if base.place is not None else None
    return hash_weights(place) if place is not None else ""
