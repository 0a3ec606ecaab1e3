"""The items behind the numbers: a few for every cell of the table, and what each claim won and lost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from smallsteps.outcomes import Status
from smallsteps.reports.study.claims import ClaimResult
from smallsteps.reports.study.inputs import ReportInput, Sample
from smallsteps.reports.study.runs import Column, Key, Run, Runs

# Examples per group in a cell's list, and the most shown of what a claim won or lost.
PER_GROUP = {"wrong": 4, "unparsed": 2, "malformed": 2, "truncated": 2, "error": 2, "right": 2}
MOST = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """One student's response to an item; `response` is None where texts were not given."""

    student: str
    seed: int | None
    score: float
    status: str
    extracted: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """An item with the responses to compare; `question` is None where texts were not given."""

    key: Key
    question: str | None
    gold: str | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class CellItems:
    """Examples behind one cell (its first seed): how many of each group there are, and some of them."""

    id: str
    student: str
    column: str
    seed: int | None
    totals: dict[str, int]
    items: tuple[tuple[str, Item], ...]


@dataclass(frozen=True, slots=True)
class ClaimItems:
    """Items that tell the two sides of one claim on one column apart (its first pair of checkpoints)."""

    id: str
    won_total: int
    lost_total: int
    won: tuple[Item, ...]
    lost: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Drilldown:
    """All examples of a report."""

    cells: tuple[CellItems, ...]
    claims: tuple[ClaimItems, ...]


def collect(runs: Runs, report_input: ReportInput, claims: Sequence[ClaimResult]) -> Drilldown:
    """Gather the examples. Items come in the order of their keys, which are hashes: no choice is made."""
    cells = []
    for s, student in enumerate(report_input.students, start=1):
        for c, column in enumerate(runs.columns, start=1):
            seeds = runs.seeds(student.name, column)
            if seeds:
                cells.append(_cell_items(runs, report_input, student.name, seeds[0], column, f"cell-{s}-{c}"))
    found = []
    for claim in claims:
        for test in claim.tests:
            column_ = runs.column(test.column)
            if test.comparison is None or column_ is None:
                continue
            pair = test.comparison.pairs[0]
            sides = ((claim.better, pair.seed_a), (claim.than, pair.seed_b))
            won = tuple(_item(runs, report_input, column_, key, sides) for key in pair.won[:MOST])
            lost = tuple(_item(runs, report_input, column_, key, sides) for key in pair.lost[:MOST])
            found.append(ClaimItems(test.id, len(pair.won), len(pair.lost), won, lost))
    return Drilldown(tuple(cells), tuple(found))


def _cell_items(
    runs: Runs, report_input: ReportInput, student: str, seed: int | None, column: Column, id_: str
) -> CellItems:
    run = runs.run(student, seed, column)
    groups: dict[str, list[Key]] = {name: [] for name in PER_GROUP}
    for key, row in zip(run.keys, run.rows, strict=True):
        groups[_group(runs, row)].append(key)
    items = []
    for name, most in PER_GROUP.items():
        shown = groups[name][:most]
        items += [(name, _item(runs, report_input, column, key, ((student, seed),))) for key in shown]
    totals = {name: len(keys) for name, keys in groups.items() if keys}
    return CellItems(id_, student, column.name, seed, totals, tuple(items))


def _group(runs: Runs, row: int) -> str:
    status = str(runs.table.columns["status"][row])
    if status != Status.OK:
        return status
    return "right" if runs.table.columns["score"][row] == 1 else "wrong"


def _item(
    runs: Runs,
    report_input: ReportInput,
    column: Column,
    key: Key,
    sides: Sequence[tuple[str, int | None]],
) -> Item:
    answers, question, gold = [], None, None
    for student, seed in sides:
        run = runs.run(student, seed, column)
        row = run.rows[_position(run, key)]
        c = runs.table.columns
        sample: Sample | None = None
        if report_input.samples is not None:
            sample = report_input.samples(student, seed, key[0], key[1])
        question = question or (sample.question if sample else None)
        gold = gold if gold is not None else c["gold"][row]
        answers.append(
            Answer(
                student,
                seed,
                float(c["score"][row]),
                str(c["status"][row]),
                c["extracted"][row],
                sample.response if sample else None,
            )
        )
    return Item(key, question, gold, tuple(answers))


def _position(run: Run, key: Key) -> int:
    return bisect_left(run.keys, key)
