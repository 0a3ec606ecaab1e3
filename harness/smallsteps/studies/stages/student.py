"""Students: one recipe trained with one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.corpora import read_corpus
from smallsteps.files import sha256_of
from smallsteps.manifest import versions
from smallsteps.schemes import get_scheme
from smallsteps.students import Student, hash_weights, write_student
from smallsteps.students.offline import model_folder
from smallsteps.studies.lessons import Lesson, lesson_of, own_code
from smallsteps.studies.models import folders_of, identity_of
from smallsteps.studies.recipe import Recipe, resolve_base
from smallsteps.studies.stages.base import Report, Stage
from smallsteps.studies.stages.corpus import CorpusStage
from smallsteps.training import BaseSpec, Progress, train, train_tokenizer

# Keys of a recipe that are part of every student's key. A key that recipes got later is part of it only where
# it is set, so that the students of earlier recipes keep theirs.
_ALWAYS = frozenset(
    ("recipe", "scheme", "base", "tokenizer", "corpus", "examples", "replay", "optimisation", "parts")
)
_WORDS = frozenset(("title", "description"))  # shape nothing


@dataclass(frozen=True, kw_only=True)
class StudentStage(Stage):
    """Trains all parts of one student.

    Attributes:
        base: what it is made from, its folders resolved; identity: of that base, wherever it lies.
        own: hashes of the user's own code, as they go into the key.
        data: offline data directory.
    """

    kind: ClassVar[str] = "student"
    plural: ClassVar[str] = "students"
    verb: ClassVar[str] = "train"

    recipe: Recipe
    seed: int
    base: BaseSpec
    identity: str
    corpus: CorpusStage | None
    own: Mapping[str, Any]
    data: Path | None

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
        }

    def inputs(self) -> tuple[Stage, ...]:
        """The corpus."""
        return (self.corpus,) if self.corpus else ()

    def work(self, out: Path, report: Report) -> None:
        """Train part by part and write the student's card."""
        recipe, folder, base = self.recipe, self.folder(out), self.base
        corpus = read_corpus(self.corpus.folder(out)) if self.corpus else None
        parts = get_scheme(recipe.scheme).parts
        figures: dict[str, Any] = {}
        weights: dict[str, str] = {}
        lessons = {part: lesson_of(recipe, part, corpus, self.data) for part in parts}
        if recipe.tokenizer is not None:
            everything = [example for lesson in lessons.values() for example in lesson.examples]
            train_tokenizer(recipe.tokenizer, everything, folder / "tokenizer")
            base = base.model_copy(update={"tokenizer": str(folder / "tokenizer")})
        _check(list(lessons.values())[1:], base, recipe)  # before another part was trained
        for index, (part, lesson) in enumerate(lessons.items()):

            def report_step(progress: Progress, index: int = index, part: str = part) -> None:
                share = progress.step / progress.steps
                name = "" if parts == (part,) else f"{part} "
                note = f"{name}loss {progress.loss:.3f}, {progress.tokens_per_second / 1000:.1f}k tokens/s"
                report(index + share, len(parts), note)

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
            )
            figures[part] = asdict(result.figures)
            weights[part] = hash_weights(place)
        student = Student(
            name=recipe.recipe,
            scheme=recipe.scheme,
            parts={part: part for part in parts},
            base=recipe.base.path or str((recipe.base.architecture or {}).get("model_type", "")),
            revision=recipe.base.revision,
            seed=self.seed,
            recipe=sha256_of(shaping(recipe)),
            corpus=corpus.hash if corpus else "",
            weights=weights,
            versions=versions(),
            training=figures,
            precision=recipe.decoding.precision,
            base_weights=_base_weights(base),
            lora={} if recipe.lora is None else recipe.lora.model_dump(mode="json"),
            format={} if recipe.format.kind == "plain" else recipe.format.model_dump(mode="json"),
        )
        write_student(folder, student)


def shaping(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe shapes its students, as plain values."""
    later = set(Recipe.model_fields) - _ALWAYS
    unset = {name for name in later if getattr(recipe, name) == Recipe.model_fields[name].default}
    return recipe.model_dump(mode="json", exclude={*unset, *_WORDS})


def student_stage(
    recipe: Recipe,
    path: Path,
    seed: int,
    data: Path | None,
    corpus: CorpusStage | None,
    after: tuple[Stage, ...] = (),
) -> StudentStage:
    """The stage that trains one recipe with one seed."""
    base = resolve_base(recipe.base, path, data)
    return StudentStage(
        name=f"{recipe.recipe}-s{seed}",
        after=after,
        models={
            **folders_of([(recipe.base.path, base.path, base.revision)]),
            **folders_of([(recipe.base.tokenizer, base.tokenizer, None)]),
        },
        recipe=recipe,
        seed=seed,
        base=base,
        identity=identity_of(base.path, base.revision)
        if base.path
        else sha256_of(base.model_dump(mode="json")),
        corpus=corpus,
        own=own_code(recipe),
        data=data,
    )


def _check(lessons: Sequence[Lesson], base: BaseSpec, recipe: Recipe) -> None:
    if not lessons:
        return
    from smallsteps.training.check import check_examples

    for lesson in lessons:
        check_examples(lesson.examples, base, lesson.optimisation, recipe.format)


def _base_weights(base: BaseSpec) -> str:
    """sha256 of the weights that a student was made from; empty for random ones, or a base on the hub."""
    place = model_folder(base.path, base.revision) if base.path is not None else None
    return hash_weights(place) if place is not None else ""
