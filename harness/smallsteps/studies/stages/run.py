"""Runs: one student evaluated on one suite through lm-eval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.engines.numerics import Numerics, resolve
from smallsteps.engines.prompts import FormatSpec
from smallsteps.evaluation.draw import DRAW
from smallsteps.evaluation.versions import evaluation_version
from smallsteps.problems.finding import own_content
from smallsteps.problems.tasks import LIKELIHOOD
from smallsteps.students.gguf import joined
from smallsteps.students.places import stops_of
from smallsteps.studies.models import folders_of, identity_of
from smallsteps.studies.places import resolved
from smallsteps.studies.recipe import DecodingSpec
from smallsteps.studies.stages.base import Report, Size, Stage, left_out_when_empty
from smallsteps.studies.stages.student import StudentStage
from smallsteps.studies.study import ReferenceSpec, SuiteSpec


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was not trained in the study, usually the base.

    Attributes:
        place: folder or hub id; identity: of its weights, wherever they lie.
        scheme, format, stop: how it is asked and what ends its replies.
        revision: of a hub id.
    """

    place: str
    identity: str
    scheme: str
    format: FormatSpec
    stop: tuple[str, ...] | None
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunStage(Stage):
    """Evaluates one student, or a model that was not trained here, on one suite.

    Attributes:
        subject: who is evaluated; called, seed: its name and training seed in the outcomes.
        plans: `own`, or `gold` sub-questions for the solver.
        numerics: resolved, so that other arithmetic is another run.
        own: hashes of the user's own benchmarks, as they go into the key.
    """

    kind: ClassVar[str] = "run"
    plural: ClassVar[str] = "runs"
    verb: ClassVar[str] = "evaluate"

    suite: SuiteSpec
    subject: StudentStage | Model
    called: str
    seed: int | None
    plans: str
    numerics: Numerics
    own: Mapping[str, Any]
    data: Path | None

    def version(self) -> str:
        """Follows from the versions of the engines and of the rules of grading."""
        return evaluation_version()

    def content(self) -> dict[str, Any]:
        """The suite, the numerics, and the student with its format."""
        suite, subject = self.suite, self.subject
        asked: dict[str, Any] = {"scheme": None}
        if isinstance(subject, Model):
            plain = subject.format == FormatSpec()
            asked = {
                "scheme": subject.scheme,
                **({} if plain else {"format": subject.format.model_dump(mode="json")}),
                **({} if subject.revision is None else {"revision": subject.revision}),
                **({} if subject.stop is None else {"stop": list(subject.stop)}),
            }
        return {
            "precision": self.numerics.precision,
            "numerics": self.numerics.identity(),
            "tasks": suite.tasks,
            "limit": suite.limit,
            **({"draw": DRAW} if suite.limit is not None else {}),
            "samples": suite.samples,
            "temperature": suite.temperature,
            **left_out_when_empty("voting", self.voting),
            **left_out_when_empty("max_tokens", self.max_tokens),
            **self.own,
            "student": subject.identity if isinstance(subject, Model) else subject.key,
            "plans": self.plans,
            **asked,
        }

    @property
    def voting(self) -> dict[str, Any]:
        """The number of votes and their temperature; empty for a single text."""
        if isinstance(self.subject, Model):
            return {}
        decoding: DecodingSpec = self.subject.recipe.decoding
        if decoding.votes == 1 or any(task.endswith(f"_{LIKELIHOOD}") for task in self.suite.tasks):
            return {}
        return {"votes": decoding.votes, "temperature": decoding.temperature}

    @property
    def max_tokens(self) -> int | None:
        """Longest text, where the recipe says so."""
        return None if isinstance(self.subject, Model) else self.subject.recipe.decoding.max_tokens

    def inputs(self) -> tuple[Stage, ...]:
        """The student."""
        return () if isinstance(self.subject, Model) else (self.subject,)

    def size(self) -> Size:
        """Tasks, items and texts."""
        tasks = len(self.suite.tasks)
        items = "all items" if self.suite.limit is None else f"at most {self.suite.limit:,} items each"
        drawn = self.voting.get("votes", self.suite.samples)
        texts = f" × {drawn} texts" if drawn > 1 else ""
        return Size(f"{tasks} task{'s' if tasks > 1 else ''}, {items}{texts}")

    def work(self, out: Path, report: Report) -> None:
        """Evaluate and write the run."""
        from smallsteps.evaluation.runner import Settings, evaluate

        asked = self.content()
        settings = Settings(
            tasks=tuple(self.suite.tasks),
            limit=self.suite.limit,
            draw=asked.get("draw"),
            samples=self.voting.get("votes") or (self.suite.samples if self.suite.samples > 1 else None),
            temperature=self.voting.get("temperature", self.suite.temperature),
            max_new_tokens=self.max_tokens,
            vote=bool(self.voting),
            scheme=asked["scheme"],
            plans=self.plans,
            precision=self.numerics.precision,
            format=asked.get("format"),
            revision=asked.get("revision"),
            stop=tuple(asked["stop"]) if "stop" in asked else None,
        )
        subject = self.subject
        evaluate(
            subject.place if isinstance(subject, Model) else subject.folder(out),
            settings,
            self.folder(out),
            label=self.called,
            seed=self.seed,
            data=self.data,
            progress=lambda done, total, tokens: report(done, total, "" if done else f"{tokens} tokens"),
        )


def student_run(
    student: StudentStage, label: str, suite: str, spec: SuiteSpec, plans: str, data: Path | None
) -> RunStage:
    """The stage that evaluates a student of the study on a suite."""
    return RunStage(
        name=f"{label}-s{student.seed}-{suite}",
        suite=spec,
        subject=student,
        called=label,
        seed=student.seed,
        plans=plans,
        numerics=resolve(precision=spec.precision or student.recipe.decoding.precision),
        own=_own(spec),
        data=data,
    )


def reference_run(
    reference: ReferenceSpec, study_path: Path, suite: str, spec: SuiteSpec, data: Path | None
) -> RunStage:
    """The stage that evaluates the study's reference on a suite."""
    place, revision = (
        joined(resolved(reference.path, study_path, data), reference.gguf_file),
        reference.revision,
    )
    stop = tuple(reference.stop) if reference.stop is not None else None
    if stop is None and reference.format.kind == "plain":
        stop = tuple(stops_of(place, revision)) or None
    return RunStage(
        name=f"{reference.name}-{suite}",
        models=folders_of([(reference.path, place, None)]),
        suite=spec,
        subject=Model(
            place, identity_of(place, revision), reference.scheme, reference.format, stop, revision
        ),
        called=reference.name,
        seed=None,
        plans="own",
        numerics=resolve(precision=spec.precision or "auto"),
        own=_own(spec),
        data=data,
    )


def _own(spec: SuiteSpec) -> dict[str, Any]:
    return left_out_when_empty("own_benchmarks", own_content(tasks=spec.tasks))
