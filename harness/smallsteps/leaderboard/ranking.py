"""From the scores of entries to the numbers of one board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smallsteps.comparing.axes import Axis, change, make_axis
from smallsteps.comparing.compare import units_of
from smallsteps.comparing.many import adjusted_pairs, against, all_pairs
from smallsteps.comparing.model import ALPHA
from smallsteps.comparing.places import places
from smallsteps.comparing.rows import side_of
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.comparing.suites import benchmark_of, role_of
from smallsteps.comparing.tradeoff import kept_above_chance
from smallsteps.leaderboard.board import Suite
from smallsteps.leaderboard.checking import Check
from smallsteps.leaderboard.entry import Entry
from smallsteps.leaderboard.numbers import (
    GENERATION,
    LIKELIHOOD,
    Cell,
    Column,
    Kept,
    Partial,
    Point,
    Row,
    Span,
    SuiteNumbers,
)
from smallsteps.leaderboard.scores import FAILURES, Scores, items_of
from smallsteps.problems import Measure, Role, load_benchmark, measure_of
from smallsteps.problems.tasks import parse_task
from smallsteps.stats.model import Floats
from smallsteps.stats.pairs import PairTests
from smallsteps.stats.ranking import rank_intervals


@dataclass(frozen=True, slots=True)
class Contestant:
    """An entry with all that a board needs of it.

    Attributes:
        entry, check, scores: see there.
        record: `runs.json`.
        partial: scores on tasks of which it has some items only.
    """

    entry: Entry
    check: Check
    scores: Scores
    record: Mapping[str, Any]
    partial: Scores = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The numbers of a board, and what its pages need beside them.

    Attributes:
        numbers: see there.
        sheet: graded runs; units: of the columns.
        pairs: differences and raw p-values of ranked students by column; adjusted: p-values of the board's
        family.
    """

    numbers: SuiteNumbers
    sheet: Sheet
    units: Mapping[str, Unit]
    pairs: Mapping[str, PairTests]
    adjusted: Mapping[str, Floats]


@dataclass(slots=True)
class Layout:
    """Item keys and clusters by task, as the first entry that has the task whole says them."""

    items: dict[str, tuple[tuple[str, ...], tuple[str | None, ...] | None]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def rank(name: str, suite: Suite, contestants: Sequence[Contestant], layout: Layout) -> Ranked | None:
    """The board of one suite; None if no entry has any of its tasks."""
    graded = {}
    for one in contestants:
        for task in suite.tasks:
            if task in one.scores and one.check.tasks[task].keys == layout.keys.get(task):
                items, clusters = layout.items[task]
                graded[one.entry.name, task] = one.scores[task].graded(one.entry.name, task, items, clusters)
    tasks = [task for task in suite.tasks if any(key[1] == task for key in graded)]
    if not tasks:
        return None
    units = _in_order(units_of(tasks), suite.tasks)
    fixed = [
        one.entry.name
        for one in contestants
        if one.entry.file.kind != "student" and all(len(s.seeds) == 1 for s in one.scores.values())
    ]
    sheet = Sheet(graded, units, fixed)
    columns = short_titles([_column(sheet, unit, suite) for unit in units])
    wanted = {unit.name for unit in units} | ({""} if len(tasks) < len(suite.tasks) else set())
    rows = [_row(one, suite, sheet, units, tasks) for one in contestants]
    rows = [row for row in rows if row.cells or row.partial]
    by = _rank_column(suite, columns)
    whole = [row.entry for row in rows if row.complete and wanted]
    baseline = suite.baseline if suite.baseline in whole else None
    pairs = {unit.name: all_pairs(sheet, whole, unit) for unit in units} if len(whole) > 1 else {}
    adjusted = dict(zip(pairs, adjusted_pairs(list(pairs.values())), strict=True))
    for unit in units:
        if unit.name in pairs:
            rows = _with_ranks(rows, whole, unit, sheet, pairs[unit.name], adjusted[unit.name], baseline)
    rows, axes = _with_abilities(rows, whole, suite, sheet, contestants)
    ranked = sorted((r for r in rows if r.complete), key=lambda r: (-r.cells[by].accuracy, r.entry))
    rest = sorted((r for r in rows if not r.complete), key=lambda r: r.entry)
    tests = sum(int(np.isfinite(tests.p).sum()) // 2 for tests in pairs.values())
    numbers = SuiteNumbers(
        name, suite.title, suite.description, columns, by, (*ranked, *rest), tests, baseline, axes,
        _notes(suite, whole),
    )  # fmt: skip
    return Ranked(numbers, sheet, {unit.name: unit for unit in units}, pairs, adjusted)


def _in_order(units: Sequence[Unit], tasks: Sequence[str]) -> list[Unit]:
    return sorted(units, key=lambda unit: min(tasks.index(task) for task in unit.tasks))


def _notes(suite: Suite, whole: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if suite.baseline and suite.baseline not in whole:
        notes.append(
            f"the baseline '{suite.baseline}' does not have every column, so that no differences are shown"
        )
    return tuple(notes)


def title_of(task: str) -> str:
    """What readers see for a task: its benchmark's title and how it is asked."""
    parts = parse_task(task)
    if parts is None:
        return task.replace("_", " ")
    title = load_benchmark(parts.benchmark).title.replace("_", " ")
    more = [
        text.replace("_", " ")
        for text in (parts.variant or "", parts.subtask or "")
        if text not in ("", "question")
    ]
    return ", ".join([title, *more])


def _column(sheet: Sheet, unit: Unit, suite: Suite) -> Column:
    design = sheet.design(unit.tasks)
    benchmark = benchmark_of(unit.name)
    title = (
        title_of(unit.name)
        if not unit.suite
        else (load_benchmark(benchmark).title if benchmark else unit.name)
    )
    role = role_of(unit.tasks[0]) or Role.TARGET
    return Column(
        unit.name, title, str(role), str(measure_of(unit.tasks[0])), sheet.size(unit),
        int(design.per_stratum.size), design.cluster_count if design.clustered else None, unit.tasks,
        suite.limits.get(unit.tasks[0]),
    )  # fmt: skip


def short_titles(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Titles without the words before a colon that all share ("Micro-world: problems")."""
    heads = {column.title.partition(": ")[0] for column in columns}
    if len(columns) < 2 or len(heads) > 1 or not all(": " in column.title for column in columns):
        return tuple(columns)
    tails = [column.title.partition(": ")[2] for column in columns]
    return tuple(
        replace(c, title=tail[:1].upper() + tail[1:]) for c, tail in zip(columns, tails, strict=True)
    )


def _rank_column(suite: Suite, columns: Sequence[Column]) -> str:
    names = [column.name for column in columns]
    if suite.rank_by in names:
        return str(suite.rank_by)
    targets = [column.name for column in columns if column.role == Role.TARGET]
    return (targets or names)[0]


def _row(one: Contestant, suite: Suite, sheet: Sheet, units: Sequence[Unit], tasks: Sequence[str]) -> Row:
    card, name, checks = one.entry.file, one.entry.name, one.check.tasks
    cells: dict[str, Cell] = {}
    partial: dict[str, Partial] = {}
    missing: list[str] = []
    for unit in units:
        if sheet.has(name, unit):
            side = side_of(sheet, name, unit)
            cells[unit.name] = Cell(side.accuracy, Span.of(side.interval), rates=_rates(sheet, name, unit))
            continue
        found = sum(checks[task].items for task in unit.tasks if task in checks)
        expected = sheet.size(unit)
        why = "other items" if found == expected else f"{found:,} of {expected:,} items"
        missing.append(f"{title_of(unit.name)}: {why if found else 'not evaluated'}")
        if 0 < found < expected and (part := _partial(one, unit, found, expected)) is not None:
            partial[unit.name] = part
    missing += [f"{title_of(task)}: not evaluated" for task in suite.tasks if task not in tasks]
    mine = [one.scores[task] for task in tasks if task in one.scores]
    tokens = [(s.tokens, s.scores.shape[1]) for s in mine if s.tokens is not None]
    runs = [run.get("student") or {} for run in one.record.get("runs", [])]
    mine_checks = [checks[task] for task in tasks if task in checks]
    seeds = {len([seed for seed in found.seeds if seed is not None]) for found in mine_checks}
    return Row(
        entry=name, title=card.name, kind=card.kind, scheme=card.scheme or _first(runs, "scheme"),
        base=card.base.name if card.base else None, teacher=card.teacher, licence=card.licence, who=card.who,
        date=card.date,
        parameters=card.sizes.parameters or _first(runs, "parameters"),
        training_tokens=card.sizes.training_tokens or _first(runs, "training_tokens"),
        teacher_usd=card.corpus.cost_usd if card.corpus else None,
        tokens=sum(t * n for t, n in tokens) / sum(n for _, n in tokens) if tokens else None,
        seeds=min(seeds, default=0), complete=not missing and len(cells) == len(units),
        missing=tuple(missing), cells=cells, contamination=one.record.get("contamination"),
        unknown=one.check.unknown, scores=tuple(sorted({found.scores for found in mine_checks})),
        notes=(card.note,) if card.note else (), digest=one.entry.digest, partial=partial,
    )  # fmt: skip


def _partial(one: Contestant, unit: Unit, items: int, expected: int) -> Partial | None:
    """Accuracy over the items that an entry has of a column, if it has some of every task."""
    name, known = one.entry.name, {**one.scores, **one.partial}
    if not all(task in known for task in unit.tasks):
        return None
    graded = {(name, task): known[task].graded(name, task, *items_of(one.entry, task)) for task in unit.tasks}
    sheet = Sheet(graded, [unit], [])
    if not sheet.has(name, unit):
        return None
    side = side_of(sheet, name, unit)
    return Partial(side.accuracy, Span.of(side.interval), items, expected)


def _first(runs: Sequence[Mapping[str, Any]], name: str) -> Any:
    return next((run[name] for run in runs if run.get(name) is not None), None)


def _rates(sheet: Sheet, student: str, unit: Unit) -> dict[str, float]:
    weights = sheet.weights(unit)
    found = {}
    for name in FAILURES:
        value = 0.0
        for task in unit.tasks:
            rates = sheet.graded[student, task].rates
            value += weights[task] * float(rates[name].mean()) if name in rates else 0.0
        if value:
            found[name] = value
    return found


def _with_ranks(
    rows: Sequence[Row],
    whole: Sequence[str],
    unit: Unit,
    sheet: Sheet,
    tests: PairTests,
    adjusted: Floats,
    baseline: str | None,
) -> list[Row]:
    """Rank intervals, tie groups and differences of one column, all from the same adjusted p-values."""
    with np.errstate(invalid="ignore"):
        better = (adjusted <= ALPHA) & (tests.difference > 0)
    ranks = rank_intervals(better)
    place = {name: i for i, name in enumerate(whole)}
    accuracy = np.array([side_of(sheet, name, unit).accuracy for name in whole])
    best = int(np.argmax(accuracy))
    others = [name for name in whole if name != baseline]
    found = against(sheet, others, baseline, unit) if baseline is not None else []
    changes = dict(zip(others, found, strict=False))
    out = []
    for row in rows:
        if row.entry not in place:
            out.append(row)
            continue
        i = place[row.entry]
        cell = replace(
            row.cells[unit.name],
            rank=(ranks[i].low, ranks[i].high),
            tied=not better[best, i],
        )
        if row.entry in changes and baseline is not None:
            difference, interval = changes[row.entry]
            p = adjusted[i, place[baseline]]
            cell = replace(
                cell,
                change=difference,
                change_interval=Span.of(interval),
                p=None if np.isnan(p) else float(p),
            )
        out.append(replace(row, cells={**row.cells, unit.name: cell}))
    return out


def _with_abilities(
    rows: Sequence[Row], whole: Sequence[str], suite: Suite, sheet: Sheet, contestants: Sequence[Contestant]
) -> tuple[list[Row], tuple[tuple[str, ...], tuple[str, ...]] | None]:
    """Generic ability kept, and points of the trade-off, where the suite has both sides."""
    tasks = sorted({task for _, task in sheet.graded})
    generic = [task for task in tasks if role_of(task) is Role.GENERIC]
    target = [task for task in tasks if role_of(task) is Role.TARGET]
    spoken = [task for task in generic if measure_of(task) is Measure.GENERATION]
    likely = [task for task in generic if measure_of(task) is Measure.LIKELIHOOD]
    axes = {
        measure: make_axis(Role.GENERIC, chosen, chosen)
        for measure, chosen in ((GENERATION, spoken), (LIKELIHOOD, likely))
        if chosen
    }
    bases = _bases(suite, contestants)
    out = [
        replace(row, kept=_kept(sheet, axes, row.entry, bases.get(row.entry))) if row.entry in whole else row
        for row in rows
    ]
    main = axes.get(GENERATION) or axes.get(LIKELIHOOD)
    if main is None or not target or len(whole) < 2:
        return out, None
    goal = make_axis(Role.TARGET, target, target)
    points = _points(sheet, goal, main, whole, bases)
    names = (tuple(part.name for part in goal.parts), tuple(part.name for part in main.parts))
    return [replace(row, point=points.get(row.entry)) for row in out], names


def _bases(suite: Suite, contestants: Sequence[Contestant]) -> dict[str, str]:
    """The entry of each student's base: the one it names, else the baseline where that is a base."""
    kinds = {one.entry.name: one.entry.file.kind for one in contestants}
    default = suite.baseline if suite.baseline and kinds.get(suite.baseline) == "base" else None
    found = {}
    for one in contestants:
        named = one.entry.file.base.entry if one.entry.file.base else None
        base = named or (default if one.entry.file.kind == "student" else None)
        if base in kinds and base != one.entry.name:
            found[one.entry.name] = str(base)
    return found


def _kept(sheet: Sheet, axes: Mapping[str, Axis], student: str, base: str | None) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for measure, axis in axes.items():
        if base is None or not all(sheet.has(name, part) for name in (student, base) for part in axis.parts):
            continue
        ratio = kept_above_chance(sheet, student, base, axis, {})
        test = change(sheet, axis, student, base).test
        found[measure] = Kept(
            base, ratio.estimate, Span.of(ratio.interval), ratio.note, test.estimate, Span.of(test.interval),
            sheet.accuracy(student, axis.weights(sheet)),
        )  # fmt: skip
    return found


def _points(
    sheet: Sheet, target: Axis, generic: Axis, whole: Sequence[str], bases: Mapping[str, str]
) -> dict[str, Point]:
    return {
        place.student: Point(
            place.target,
            place.generic,
            None if place.gain is None else place.gain.estimate,
            None if place.loss is None else place.loss.estimate,
            None if (r := place.region) is None else (r.radius_x, r.radius_y, r.correlation),
            place.on_front,
        )
        for place in places(sheet, whole, bases, target, generic)
    }
