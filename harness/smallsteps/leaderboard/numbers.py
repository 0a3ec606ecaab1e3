"""The numbers of a board as plain data; all come from `comparing` and `stats`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from smallsteps.stats.model import Interval

SCHEMA = "smallsteps.board-numbers/1"
GENERATION, LIKELIHOOD = "generation", "likelihood"  # measures of generic ability


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of a share or of a difference."""

    low: float
    high: float

    @staticmethod
    def of(interval: Interval | None) -> Span | None:
        return None if interval is None else Span(float(interval.low), float(interval.high))


@dataclass(frozen=True, slots=True)
class Column:
    """A benchmark of a board: a task, or a suite of tasks whose parts are fixed.

    Attributes:
        name: of the task or suite; title: what readers see; role, measure: of its benchmark.
        items: number of them; parts: fixed parts; clusters: independent groups of items, None where all vary
        alone.
        tasks: its tasks.
        limit: only so many items of each task are asked; None for all.
    """

    name: str
    title: str
    role: str
    measure: str
    items: int
    parts: int
    clusters: int | None
    tasks: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One student on one column.

    Attributes:
        accuracy, interval: mean over seeds and samples, and its interval.
        rank: least and greatest rank, by all pairs of the board; None for students that are not ranked.
        tied: cannot be told apart from the best of the column.
        change, change_interval, p: against the baseline, p adjusted over the board's family.
        rates: share of responses by status other than `ok`.
    """

    accuracy: float
    interval: Span | None
    rank: tuple[int, int] | None = None
    tied: bool = False
    change: float | None = None
    change_interval: Span | None = None
    p: float | None = None
    rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Partial:
    """One student on a column of which it has some items only: shown, never ranked or compared.

    Attributes:
        accuracy, interval: over the items that it has.
        items: number of them; expected: of the column.
    """

    accuracy: float
    interval: Span | None
    items: int
    expected: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Share of a base's ability above chance that a student kept.

    Attributes:
        base: the entry that it is compared with.
        share, interval: None where there is no such ratio, and then `why` says so.
        change: accuracy minus that of the base; change_interval: of it.
        accuracy: of the student; None in releases of before it was recorded.
    """

    base: str
    share: float | None
    interval: Span | None
    why: str
    change: float
    change_interval: Span | None
    accuracy: float | None = None

    @property
    def nothing(self) -> bool:
        """Whether the whole interval lies at or below chance."""
        return self.interval is not None and self.interval.high <= 0


@dataclass(frozen=True, slots=True)
class Point:
    """One student between target and generic ability.

    Attributes:
        target, generic: accuracies on the two axes.
        gain, loss: changes against the base; None for the base itself.
        ellipse: half widths of the joint 95 % region and the correlation of the errors; None without one.
        on_front: share of joint bootstrap draws in which it is on the Pareto front.
    """

    target: float
    generic: float
    gain: float | None
    loss: float | None
    ellipse: tuple[float, float, float] | None
    on_front: float


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a board.

    Attributes:
        entry: folder; title, kind, scheme, base, teacher, licence, who, date: of its card.
        parameters, training_tokens, teacher_usd, tokens: what it cost; tokens a response.
        seeds: number of training seeds, 0 where unknown; complete: it has every column.
        missing: columns that it lacks, in words.
        cells: by column; kept: generic ability by measure; point: of the trade-off.
        contamination: test items in the corpus, by benchmark; None where unknown.
        unknown: what the entry cannot show; scores: how its scores were checked.
        notes: what a reader should know.
        partial: columns that it has in part.
    """

    entry: str
    title: str
    kind: str
    scheme: str | None
    base: str | None
    teacher: str | None
    licence: str | None
    who: str
    date: str
    parameters: int | None
    training_tokens: int | None
    teacher_usd: float | None
    tokens: float | None
    seeds: int
    complete: bool
    missing: tuple[str, ...]
    cells: dict[str, Cell]
    kept: dict[str, Kept] = field(default_factory=dict)
    point: Point | None = None
    contamination: dict[str, dict[str, int]] | None = None
    unknown: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""
    partial: dict[str, Partial] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteNumbers:
    """One board.

    Attributes:
        name, title, description: of the suite.
        columns: benchmarks; rank_by: the column that orders the rows.
        rows: ranked students first, by accuracy on `rank_by`; then incomplete ones, by name.
        tests: size of the family of tests that p-values are adjusted over.
        baseline: entry that differences are taken against.
        axes: names of the target and the generic columns of the trade-off; None without one.
        notes: what readers must know.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    rank_by: str
    rows: tuple[Row, ...]
    tests: int
    baseline: str | None
    axes: tuple[tuple[str, ...], tuple[str, ...]] | None
    notes: tuple[str, ...] = ()

    @property
    def ranked(self) -> list[Row]:
        """Students that have every column."""
        return [row for row in self.rows if row.complete]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def as_json(suite: SuiteNumbers) -> dict[str, Any]:
    """Plain data, floats rounded to 10 digits so that the last bits of a sum do not show."""
    found: dict[str, Any] = _rounded(asdict(suite))
    return {"schema": SCHEMA, **found}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 10)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def from_json(data: dict[str, Any]) -> SuiteNumbers:
    """The reverse of `as_json`, for releases.

    Raises:
        ValueError: not such data.
    """
    from pydantic import TypeAdapter

    found = TypeAdapter(SuiteNumbers).validate_python(data)
    named = {found.rank_by, *(name for axis in found.axes or () for name in axis)}
    missing = named - {column.name for column in found.columns}
    if missing:
        raise ValueError(f"no column '{min(missing)}'")
    if found.baseline is not None and found.baseline not in {row.entry for row in found.rows}:
        raise ValueError("no row of the baseline")
    return found
