"""Corpora: the rationales of one corpus section, collected, verified and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.corpora import CorpusSpec, Tally, build_corpus
from smallsteps.corpora.build import STORE, taught_folder
from smallsteps.corpora.sources import encoder_folder, files_read
from smallsteps.files import sha256_of
from smallsteps.problems import load_problems
from smallsteps.studies.models import folders_of
from smallsteps.studies.stages.base import Report, Size, Stage
from smallsteps.studies.teaching import StudentTeacher
from smallsteps.teachers.spec import HuggingFaceSpec, StudentSpec


@dataclass(frozen=True, kw_only=True)
class CorpusStage(Stage):
    """Collects the rationales of one corpus section.

    Attributes:
        read: hashes of what the section reads from the disk.
        data: offline data directory; folders: where its relative paths are looked for.
        store: where samples are kept; taught: a store of `smallsteps teach` to copy samples from.
        teacher: the student that teaches, where one of this study does.
        mixed: whether other sections are mixed in, so that this one may be empty.
    """

    kind: ClassVar[str] = "corpus"
    plural: ClassVar[str] = "corpora"
    verb: ClassVar[str] = "collect"

    spec: CorpusSpec
    read: Mapping[str, str]
    data: Path | None
    folders: tuple[Path, ...]
    store: Path
    taught: Path
    teacher: Stage | None = None
    mixed: bool = False

    def version(self) -> int:
        """Raised when collecting or filtering gives other rationales."""
        return 1

    def content(self) -> dict[str, Any]:
        """The section, and the content of what it reads."""
        student = {"student": self.teacher.key} if self.teacher else {}
        return {"corpus": self.spec.model_dump(mode="json"), "read": {**self.read, **student}}

    def inputs(self) -> tuple[Stage, ...]:
        """The student that teaches."""
        return (self.teacher,) if self.teacher else ()

    def size(self) -> Size:
        """Problems and samples."""
        problems = "all" if self.spec.limit is None else f"{self.spec.limit:,}"
        return Size(f"{problems} problems × {self.spec.samples} samples")

    def work(self, out: Path, report: Report) -> None:
        """Collect what is missing and write the corpus."""

        def report_tally(tally: Tally) -> None:
            note = f"{tally.correct} of {tally.checked} right" if tally.checked else ""
            report(tally.stored, tally.total, note)

        build_corpus(
            self.spec,
            load_problems(self.spec.benchmark, self.spec.split, self.data),
            self.folder(out),
            store=self.store,
            taught=self.taught,
            folders=self.folders,
            progress=report_tally,
            teacher=self._student(out),
            may_be_empty=self.mixed,
        )

    def _student(self, out: Path) -> StudentTeacher | None:
        if self.teacher is None:
            return None
        strategy = self.spec.teacher.strategy if isinstance(self.spec.teacher, StudentSpec) else None
        return StudentTeacher(self.teacher.folder(out), strategy)


def section_name(recipe: str, number: int) -> str:
    """What the corpus of a recipe's section is called, counted from 0."""
    return f"{recipe}-part{number + 1}" if number else recipe


def corpus_stage(
    name: str,
    spec: CorpusSpec,
    path: Path,
    out: Path,
    data: Path | None,
    others: Iterable[CorpusStage] = (),
    teacher: Stage | None = None,
    mixed: bool = False,
) -> CorpusStage:
    """The stage that collects one section's rationales; recipes that ask for the same share it, and its name.

    Corpora of one teacher share a store, so that no sample is requested twice, and are collected in turn.
    """
    dumped = spec.model_dump(mode="json")
    shared = [dumped[key] for key in ("benchmark", "split", "teacher", "prompt", "sampling")]
    asked = sha256_of([*shared, teacher.key] if teacher else shared)[:12]
    folders = (path.parent, *([data] if data else []))
    models = {}
    if isinstance(spec.teacher, HuggingFaceSpec):
        models = folders_of([(spec.teacher.model, spec.teacher.model, spec.teacher.revision)])
    if (encoder := encoder_folder(spec, folders)) is not None:
        models[str(spec.encoder)] = str(encoder)
    stage = CorpusStage(
        name=name,
        models=models,
        spec=spec,
        read=files_read(spec, folders),
        data=data,
        folders=folders,
        store=out / "corpora" / f"{spec.benchmark}-{spec.teacher.kind}-{asked}.sqlite",
        taught=(taught_folder(path) / STORE).resolve(),
        teacher=teacher,
        mixed=mixed,
    )
    before = [other for other in others if other.store == stage.store and other.key != stage.key]
    return replace(stage, after=tuple(before[-1:]))
