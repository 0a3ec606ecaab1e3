"""Pages of a student and of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from smallsteps.leaderboard.collecting import Collected
from smallsteps.leaderboard.entry import ANSWERS, Entry
from smallsteps.leaderboard.itemlist import item_block
from smallsteps.leaderboard.numbers import Column, Row, SuiteNumbers
from smallsteps.leaderboard.pages import axis_titles, contamination_fact, size_class
from smallsteps.leaderboard.pictures import histogram, tradeoff_plot
from smallsteps.leaderboard.ranking import Ranked
from smallsteps.leaderboard.rendering import Shell, page
from smallsteps.reports.numbers import large, plural, rate
from smallsteps.reports.page.items import clip
from smallsteps.stats.model import Floats, Ints

SHOWN = 12  # items of one list
MANY = 12  # students whose verdicts are listed with each item
BINS = 10


@dataclass(frozen=True, slots=True)
class Solved:
    """Scores of students on one column (mean over seeds), shape (students, items).

    Attributes:
        entries: of the rows; keys: (task, item) of the columns; share: of the students that solve each item.
    """

    entries: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    scores: Floats
    share: Floats


def solved_of(ranked: Ranked, column: Column) -> Solved:
    """Scores of every student that has the column."""
    unit = ranked.units[column.name]
    names = tuple(row.entry for row in ranked.numbers.rows if ranked.sheet.has(row.entry, unit))
    scores = np.stack(
        [
            np.concatenate([ranked.sheet.graded[name, task].by_seed().mean(axis=0) for task in unit.tasks])
            for name in names
        ]
    )
    keys = tuple((task, item) for task in unit.tasks for item in ranked.sheet.items(task))
    return Solved(names, keys, scores, scores.mean(axis=0))


def benchmark_page(
    collected: Collected, ranked: Ranked, column: Column, solved: Solved, shell: Shell, path: str
) -> str:
    """Ranking, difficulty, and the items that tell students apart or defeat all of them."""
    suite = ranked.numbers
    rows = {row.entry: row for row in suite.rows}
    have = [(row, row.cells[column.name]) for row in suite.rows if column.name in row.cells]
    have.sort(key=lambda pair: (-pair[1].accuracy, pair[0].entry))
    nobody, everybody = int((solved.share == 0).sum()), int((solved.share == 1).sum())
    split = len(solved.keys) - nobody - everybody
    said = (
        f"{plural(len(solved.keys), 'item')}, {plural(len(solved.entries), 'student')}: {nobody:,} solved "
        f"by nobody, "
        f"{everybody:,} by everybody, and {split:,} on which students differ."
    )
    secret = hidden(collected, suite)
    return page(
        "board_benchmark.html.j2", shell, path, column.title, script="" if secret else "board_items.js",
        item_block="" if secret else _block(collected, solved, {row.entry: row.title for row in suite.rows}),
        suite=suite, column=column, said=said,
        ranking=have, partial=[row for row in suite.rows if column.name in row.partial],
        caption=f"{column.items:,} items; {'ranks by all pairs' if suite.tests else 'no pairs yet'}.",
        baseline_title=rows[suite.baseline].title if suite.baseline else "",
        difficulty=_difficulty(solved),
        groups=[] if secret else _groups(collected, suite, solved),
    )  # fmt: skip


def _block(collected: Collected, solved: Solved, titles: Mapping[str, str]) -> str:
    shown = any(collected.items.may_be_shown(task) for task in {task for task, _ in solved.keys})
    texts = [text_of(collected, task, key) for task, key in solved.keys] if shown else None
    return item_block(solved, titles, texts)


def hidden(collected: Collected, suite: SuiteNumbers) -> bool:
    """Whether the items of a board are a secret."""
    return collected.board.file.suites[suite.name].hidden


def _difficulty(solved: Solved) -> dict[str, Any]:
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.histogram(solved.share, edges)[0].tolist()
    labels = [f"{100 * a:.0f}–{100 * b:.0f} %" for a, b in pairwise(edges)]
    short = [f"{100 * b:.0f}" for b in edges[1:]]
    students = len(solved.entries)
    words = f"Mean difficulty: {rate(1 - float(solved.share.mean()))} of the answers are wrong. "
    if students > 1:
        p = solved.share
        apart = float(np.mean(2 * p * (1 - p)) * students / (students - 1))
        words += f"Discordance: two students drawn at random differ on {rate(apart)} of the items."
    return {"words": words, "plot": histogram(counts, short), "bins": list(zip(labels, counts, strict=True))}


def _groups(collected: Collected, suite: SuiteNumbers, solved: Solved) -> list[dict[str, Any]]:
    shown = solved.entries[:MANY] if len(solved.entries) <= MANY else ()
    titles = {row.entry: row.title for row in suite.rows}
    nobody = np.flatnonzero(solved.share == 0)
    spread = solved.share * (1 - solved.share)
    apart = [int(i) for i in np.lexsort((np.arange(len(spread)), -spread)) if spread[i] > 0]
    groups = []
    for name, title, note, chosen, students in (
        (
            "apart",
            "Items that tell students apart",
            "Those solved by closest to half of the students.",
            apart,
            shown,
        ),
        (
            "nobody",
            "Items nobody solves",
            "Hard, or wrong: worth a look at the right answer.",
            nobody.tolist(),
            (),
        ),
    ):
        listed = chosen[:SHOWN]
        more = f" {len(listed)} of {len(chosen):,} are shown." if len(chosen) > len(listed) else ""
        groups.append(
            {
                "id": name,
                "title": title,
                "note": note + more if chosen else "There are none.",
                "students": [titles[entry] for entry in students],
                "listed": [_item(collected, solved, i, students) for i in listed],
            }
        )
    return groups


def _item(collected: Collected, solved: Solved, place: int, students: Sequence[str]) -> dict[str, Any]:
    task, key = solved.keys[place]
    question, gold = text_of(collected, task, key)
    return {
        "key": key,
        "question": question,
        "gold": gold,
        "share": f"{int((solved.scores[:, place] > 0.5).sum())} of {len(solved.entries)}",
        "solved": [
            "●" if value == 1 else "○" if value == 0 else f"{value:.2f}"
            for value in (solved.scores[solved.entries.index(name), place] for name in students)
        ],
    }


def text_of(collected: Collected, task: str, key: str) -> tuple[str, str]:
    """Question and right answer of an item of the micro-world; of other benchmarks only the key is shown.

    Those are somebody else's texts, some of which ask not to appear on pages that models learn from. And the
    same entries give the same site, with their data here or without.
    """
    if not collected.items.may_be_shown(task):
        return "", ""
    doc = (collected.items.documents(task) or {}).get(key)
    return ("", "") if doc is None else (clip(doc["question"], 300), clip(doc["answer"], 80))


@dataclass(frozen=True, slots=True)
class _Seen:
    suite: SuiteNumbers
    row: Row
    baseline_title: str
    plot: Any
    secret: bool
    items: list[dict[str, Any]]


def student_page(
    collected: Collected,
    entry: Entry,
    record: Mapping[str, Any],
    solved: Mapping[tuple[str, str], Solved],
    shell: Shell,
    path: str,
) -> str:
    """Card, results, trade-off and telling items of one entry."""
    parts = []
    texts = _Texts(entry)
    for ranked in collected.boards:
        suite = ranked.numbers
        row = next((row for row in suite.rows if row.entry == entry.name), None)
        if row is None:
            continue
        titles = {one.entry: one.title for one in suite.rows}
        plot: Any = ""
        if row.point is not None and suite.axes is not None:
            points = [one for one in suite.rows if one.point is not None]
            near = points if len(points) <= 60 else [*points[:59], row]
            plot = tradeoff_plot(near, axis_titles(suite), entry.name)
        items = [
            found
            for column in suite.columns
            if column.name in row.cells
            and not hidden(collected, suite)
            and (found := _telling(collected, entry, solved[suite.name, column.name], column, texts))
            is not None
        ]
        secret = hidden(collected, suite)
        parts.append(_Seen(suite, row, titles.get(suite.baseline or "", ""), plot, secret, items))
    first = parts[0].row
    return page(
        "board_student.html.j2", shell, path, entry.title, row=first, boards=parts,
        card=_card(entry, first, record),
    )  # fmt: skip


class _Texts:
    """Responses of an entry, read when the first one is wanted."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._rows: dict[tuple[str, str], str] | None = None

    def get(self, task: str, item: str) -> str | None:
        """The first response to an item; None where texts are not kept."""
        if self._rows is None:
            from smallsteps.leaderboard.answers import read_answers

            table = read_answers(self._entry.folder / ANSWERS, ("task", "item", "sample", "response"))
            self._rows = {}
            if table.column("response").null_count < len(table):
                columns = [table.column(name).to_pylist() for name in ("task", "item", "response")]
                for name, key, text in zip(*columns, strict=True):
                    if text is not None:
                        self._rows.setdefault((name, key), text)
        return self._rows.get((task, item))


def _telling(
    collected: Collected, entry: Entry, solved: Solved, column: Column, texts: _Texts
) -> dict[str, Any] | None:
    """Items that this student solves and few others do, or misses and most others solve."""
    mine = solved.scores[solved.entries.index(entry.name)]
    others = len(solved.entries) - 1
    if others < 1:
        return None
    share = (solved.share * len(solved.entries) - mine) / others
    won = _first(np.flatnonzero((mine == 1) & (share <= 0.25)), share)
    lost = _first(np.flatnonzero((mine == 0) & (share >= 0.75)), -share)
    listed = []
    for places, word in ((won, "right"), (lost, "wrong")):
        for place in places:
            task, key = solved.keys[place]
            question, gold = text_of(collected, task, key)
            text = texts.get(task, key)
            listed.append(
                {
                    "key": key,
                    "anchor": f"item-{column.name}-{key}",
                    "question": question,
                    "gold": gold,
                    "why": f"{word}; {round(share[place] * others)} of {plural(others, 'other')} right",
                    "response": None if text is None else clip(text, 500),
                }
            )
    if not listed:
        return None
    summary = f"{len(won)} that few others solve, {len(lost)} that most others solve"
    return {"title": f"Telling items of {column.title}", "summary": summary, "listed": listed}


def _first(places: Ints, order: Floats) -> list[int]:
    """Some places, those of least order first."""
    return [int(place) for place in places[np.argsort(order[places], kind="stable")][: SHOWN // 3]]


def _card(entry: Entry, row: Row, record: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    card = entry.file
    runs = record.get("runs", [])
    facts: list[tuple[str, str | None, str | None]] = [
        ("Scheme", row.scheme, None),
        ("Base", f"{card.base.name} {card.base.revision or ''}".strip() if card.base else None, None),
        ("Teacher", card.teacher, None),
        ("Corpus", card.corpus.name if card.corpus else None, None),
        (
            "Parameters",
            f"{large(row.parameters)} ({size_class(row.parameters)})" if row.parameters else None,
            None,
        ),
        ("Training tokens", large(row.training_tokens) if row.training_tokens else None, None),
        ("Tokens an answer", f"{row.tokens:.0f}" if row.tokens is not None else None, None),
        ("Seeds", str(row.seeds) if row.seeds else None, None),
        ("Contamination", _contamination(row), None),
        ("Decoding", "; ".join(_decodings(runs)) or None, None),
        ("Scored by", str(record.get("rules")), None),
        ("Scores", "; ".join(row.scores), None),
        ("Unknown", ", ".join(row.unknown) or None, None),
        ("Licence", card.licence, None),
        *((name.capitalize(), href, href) for name, href in sorted(card.links.items())),
        *(
            (
                "Outputs of",
                f"{one.repository} at {one.commit}, {one.path} (licence: {one.licence})",
                None,
            )
            for one in card.published
        ),
        ("Entered by", f"{card.who}, {card.date}", None),
        ("Entry", row.digest, None),
    ]
    return [(name, value, href) for name, value, href in facts if value]


def _contamination(row: Row) -> str:
    """Benchmarks whose test items the corpus holds, whole or nearly."""
    if row.contamination is None:
        return contamination_fact(row).text
    found = [
        f"{one['exact'] + one['near']:,} of {one['items']:,} items of {name}"
        for name, one in sorted(row.contamination.items())
        if one["exact"] + one["near"]
    ]
    return f"in the corpus: {'; '.join(found)}" if found else "no test item is in the corpus"


def _decodings(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    found: dict[str, None] = {}
    for run in runs:
        for settings in (run.get("decoding") or {}).values():
            for one in settings:
                if isinstance(one, dict):
                    words = "greedy" if not one.get("do_sample") else f"sampled at {one.get('temperature')}"
                    found[f"{words}, at most {one.get('max_gen_toks', '?')} tokens"] = None
    return list(found)
