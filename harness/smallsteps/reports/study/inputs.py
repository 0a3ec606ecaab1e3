"""The input of a study's report: names, roles, claims, outcomes, and where the texts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from smallsteps.comparing.model import ClaimKind
from smallsteps.outcomes import OutcomeTable
from smallsteps.reports.page.items import SampleSource
from smallsteps.reports.study.learning import Budget, DevPath, LossCurve

TaskRole = Literal["target", "transfer", "generic"]
DIAGNOSTIC_SUFFIX = "+gold_plans"


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One lm-eval task of the study.

    Attributes:
        name: lm-eval task name, as in the outcomes.
        title: what readers see.
        role: `target`, `transfer` or `generic`.
        chance: chance level of the task, or by cluster (subtask); None takes that of its benchmark.
        note: shown under the title.
        suite: tasks that share a suite are one column of the tables; each is then a subtask of it.
    """

    name: str
    title: str
    role: TaskRole
    chance: float | Mapping[str, float] | None = None
    note: str = ""
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class StudentInfo:
    """One student of the study, all its seeds together.

    Attributes:
        name: label, as in the outcomes.
        title: what readers see.
        scheme: name of its scheme.
        parameters: of all parts together.
        training_tokens: seen in training by all parts together; None where unknown or not trained here.
        supervised_tokens: those of them that carried the loss.
        steps: optimiser steps of all parts; None where unknown.
        parts: figures of each part, for the table of compute.
        note: shown under the title.
    """

    name: str
    title: str
    scheme: str
    parameters: int | None = None
    training_tokens: int | None = None
    steps: int | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    supervised_tokens: int | None = None

    @property
    def diagnostic(self) -> bool:
        """True if it is shown gold sub-questions: it shows where a student fails and does not compete."""
        return self.name.endswith(DIAGNOSTIC_SUFFIX)


@dataclass(frozen=True, slots=True)
class Claim:
    """A comparison that the study declares. All claims x tasks belong to one Holm family.

    Attributes:
        better: name of the student that is claimed to be better, or to be as good.
        than: name of the other one.
        on: task or suite names; empty for all target and transfer tasks.
        text: the claim in words; made from the titles when empty.
        kind: `better`; `equivalent` (the difference is within the margin) or `noninferior` (the first is not
            worse by more than the margin).
        margin: of the last two, as a proportion; None for `better`.
    """

    better: str
    than: str
    on: tuple[str, ...] = ()
    text: str = ""
    kind: ClaimKind = "better"
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """When the claims of a study were declared.

    Attributes:
        day: of the declaration by which all of them were declared, UTC, as YYYY-MM-DD; digest: hex sha256 of
            all claims declared then, some of which may have been dropped since.
        late: numbers of the claims, from 0, that were first declared when evaluations were already finished.
        evaluations: so many, at most, when those were declared; 0 where none is late.
        dropped: claims of earlier declarations that the study no longer has.
    """

    day: str
    digest: str
    late: tuple[int, ...] = ()
    evaluations: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class PartCost:
    """Requests to an endpoint that is a part of a student, over all seeds and suites of a study.

    Attributes:
        student: its name; part: of its scheme; model: as the endpoint knows it.
        requests: sent, repeated ones included; prompt_tokens, completion_tokens: as the endpoint counted.
        dollars: None where no price is known; prices: date of the price list.
    """

    student: str
    part: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None
    prices: str | None = None


@dataclass(frozen=True, slots=True)
class ReportInput:
    """Everything that a study's report is made from.

    Attributes:
        title: of the study.
        description: one or two plain sentences.
        students: in the order of the tables.
        reference: name of the untrained base among the students; None without one.
        tasks: in the order of the tables.
        claims: declared by the study.
        outcomes: of all students, seeds and tasks.
        samples: texts of (student, seed, task, item); None leaves the list of items with answers only.
        provenance: JSON-able; shown in the footer. Must not hold times if reports are to be reproducible.
        corpus_notes: sentences on the corpus (teacher, filters, overlap); suite_notes: on limited suites.
        costs: of parts that are endpoints.
        losses: training losses of the students; paths: their checkpoints on the dev split.
        budgets: students that differ in one declared quantity.
        declared: when the claims were declared; None where that was not noted.
    """

    title: str
    description: str
    students: Sequence[StudentInfo]
    reference: str | None
    tasks: Sequence[TaskInfo]
    claims: Sequence[Claim]
    outcomes: OutcomeTable
    samples: SampleSource | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    corpus_notes: Sequence[str] = ()
    costs: Sequence[PartCost] = ()
    losses: Sequence[LossCurve] = ()
    paths: Sequence[DevPath] = ()
    budgets: Sequence[Budget] = ()
    suite_notes: Sequence[str] = ()
    declared: Declared | None = None
