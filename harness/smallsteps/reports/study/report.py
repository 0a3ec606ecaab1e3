"""All numbers of a study's report, computed once; every format is written from this."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any

from smallsteps.reports.page.items import ItemColumn, Items, collect_items
from smallsteps.reports.study.cells import Cell, cell_of
from smallsteps.reports.study.claims import ClaimResult, check_claims
from smallsteps.reports.study.front import FrontColumn, front_columns
from smallsteps.reports.study.generic import GenericColumn, generic_column
from smallsteps.reports.study.inputs import Declared, PartCost, ReportInput, StudentInfo
from smallsteps.reports.study.layouts import LayoutPair, layout_pairs
from smallsteps.reports.study.learning import Budget, DevPath, LossCurve
from smallsteps.reports.study.runs import Column, Runs

SCHEMA = "smallsteps.study-report/2"


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A study's results.

    Attributes:
        title: of the study; description: in one or two sentences.
        students: as given; reference: name of the untrained base, None without one.
        columns: tasks and suites, in the order of the tables.
        front: the accuracies of the first table; cells: one per student and column.
        claims: what was declared; tests: size of the family that all p-values are adjusted over.
        layouts: Socratic against CoT.
        generic: before and after, one per generic column.
        items: every graded item with its responses, for the page alone.
        provenance: as given; corpus_notes, suite_notes, costs: as given.
        losses, paths, budgets: as given.
        seeds: training seeds found, smallest and largest number over trained students.
        scorers: versions of the scoring rules found in the outcomes.
        declared: as given.
    """

    title: str
    description: str
    students: tuple[StudentInfo, ...]
    reference: str | None
    columns: tuple[Column, ...]
    front: tuple[FrontColumn, ...]
    cells: tuple[Cell, ...]
    claims: tuple[ClaimResult, ...]
    tests: int
    layouts: tuple[LayoutPair, ...]
    generic: tuple[GenericColumn, ...]
    items: Items
    provenance: dict[str, Any]
    corpus_notes: tuple[str, ...]
    losses: tuple[LossCurve, ...]
    paths: tuple[DevPath, ...]
    budgets: tuple[Budget, ...]
    suite_notes: tuple[str, ...]
    seeds: tuple[int, int]
    scorers: tuple[str, ...]
    costs: tuple[PartCost, ...] = ()
    declared: Declared | None = None

    def student(self, name: str) -> StudentInfo:
        """The student with this name."""
        return next(s for s in self.students if s.name == name)

    def cell(self, student: str, column: str) -> Cell:
        """The cell of a student and a column."""
        return next(c for c in self.cells if c.student == student and c.column == column)

    def to_json(self) -> dict[str, Any]:
        """Plain values only, with the schema version; ids of won and lost items with the claims alone."""
        from smallsteps.reports.study.words import statements  # words are made from this class

        fields = {name: plain(getattr(self, name)) for name in self.__slots__ if name != "items"}
        if not self.costs:
            del fields["costs"]
        if self.declared is None:
            del fields["declared"]
        for claim in fields["claims"]:
            for test in claim["tests"]:
                _gather(test["comparison"])
        for pair in fields["layouts"]:
            for comparison in pair["comparisons"]:
                _gather(comparison, drop=True)
        for suite in fields["generic"]:
            for change in suite["changes"]:
                _gather(change["comparison"], drop=True)
        return {"schema": SCHEMA, "in_words": [plain(s) for s in statements(self)], **fields}


def _gather(comparison: dict[str, Any] | None, *, drop: bool = False) -> None:
    """Replace lists of (task, item) by items under their task, or drop them."""
    for pair in comparison["pairs"] if comparison else []:
        for side in ("won", "lost"):
            keys = pair.pop(side)
            if drop:
                continue
            grouped: dict[str, list[str]] = {}
            for task, item in keys:
                grouped.setdefault(task, []).append(item)
            pair[side] = grouped


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as JSON-able values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in field_names(value)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if hasattr(value, "items"):
        return {str(k): plain(v) for k, v in value.items()}
    return value


def field_names(value: Any) -> list[str]:
    """Field names of a dataclass instance."""
    return list(value.__dataclass_fields__)


def build(report_input: ReportInput) -> StudyReport:
    """Compute a study's report.

    Raises:
        UserError: a name is unknown, or students were graded on different items.
    """
    runs = Runs(report_input)
    names = [s.name for s in report_input.students]
    competitors = [s.name for s in report_input.students if not s.diagnostic]
    generic = tuple(
        generic_column(runs, column, report_input.reference, competitors)
        for column in runs.columns
        if column.role == "generic"
    )
    cells = tuple(cell_of(runs, name, column) for name in names for column in runs.columns)
    claims, generic, tests = check_claims(runs, report_input, generic)
    numbers = [len(c.seeds) for c in cells if c.seeds and c.student != report_input.reference]
    return StudyReport(
        title=report_input.title,
        description=report_input.description,
        students=tuple(report_input.students),
        reference=report_input.reference,
        columns=tuple(runs.columns),
        front=front_columns(runs, names),
        cells=cells,
        claims=claims,
        tests=tests,
        layouts=layout_pairs(runs, report_input),
        generic=generic,
        items=collect_items(
            runs.table,
            [(s.name, s.title) for s in report_input.students],
            [ItemColumn(c.name, c.title, c.unit.tasks) for c in runs.columns],
            report_input.samples,
        ),
        provenance=plain(dict(report_input.provenance)),
        corpus_notes=tuple(report_input.corpus_notes),
        losses=tuple(report_input.losses),
        paths=tuple(report_input.paths),
        budgets=tuple(report_input.budgets),
        suite_notes=tuple(report_input.suite_notes),
        seeds=(min(numbers, default=0), max(numbers, default=0)),
        scorers=tuple(sorted({s for s in runs.table.columns["scorer"] if s is not None})),
        costs=tuple(report_input.costs),
        declared=report_input.declared,
    )
