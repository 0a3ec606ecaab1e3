"""Board pages: a table of all students, every pair, and the trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.comparing.model import ALPHA
from smallsteps.leaderboard.numbers import GENERATION, LIKELIHOOD, Column, Row, SuiteNumbers
from smallsteps.leaderboard.pictures import ability_plot, cost_plot, strip, tradeoff_plot
from smallsteps.leaderboard.ranking import Ranked
from smallsteps.leaderboard.rendering import Shell, exact, page, per_cent, ranks, spanned
from smallsteps.reports.numbers import DASH, large, plural, rate, signed
from smallsteps.reports.page import svg

SIZES = ((1e7, "under 10 M"), (1e8, "10 to 100 M"), (1e9, "100 M to 1 B"), (1e10, "1 to 10 B"))
MOST_PAIRS = 40  # students of the matrix of pairs; `compare` has the others
WIDE = 6  # columns beside the main one that are shown before a reader asks for more
FACTS = (
    ("kept_generation", "Generic kept", "generation"),
    ("kept_likelihood", "Generic kept", "likelihood"),
    ("parameters", "Parameters", ""),
    ("training_tokens", "Training tokens", ""),
    ("teacher_usd", "Teacher cost", "USD"),
    ("tokens", "Tokens an answer", ""),
    ("seeds", "Seeds", ""),
    ("unparsed", "Unparsed", ""),
    ("malformed", "Malformed", ""),
    ("truncated", "Truncated", ""),
    ("contamination", "Contamination", "test items in the corpus"),
    ("unknown", "Unknown", ""),
    ("scores", "Scores", ""),
)
FOLDED = {"teacher_usd", "malformed", "training_tokens", "scores"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A cell that is no score."""

    key: str
    text: str
    value: str | None = None
    below: str = ""
    warn: bool = False
    dash: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a board's page.

    Attributes:
        path: of the page; release: its name, None for the current board; releases: names and pages of all.
        linked: whether the pages of benchmarks are those of these numbers.
    """

    path: str
    release: str | None
    releases: tuple[tuple[str, str], ...]
    linked: bool = True


def key_of(number: int) -> str:
    """Short names keep a page of many columns small."""
    return f"b{number}"


def suite_page(suite: SuiteNumbers, shell: Shell, place: Place) -> str:
    """The board of a suite."""
    main = suite.column(suite.rank_by)
    others = [_Other(column, key_of(i)) for i, column in enumerate(suite.columns) if column is not main]
    facts = [fact for fact in FACTS if _wanted(fact[0], suite)]
    folded = {one.key for one in others[WIDE:]} | FOLDED
    choices = [
        *((one.key, one.title) for one in others),
        *((key, f"{text}, {below}" if key.startswith("kept") else text) for key, text, below in facts),
    ]
    titles = {row.entry: row.title for row in suite.rows}
    return page(
        "board_suite.html.j2",
        shell,
        place.path,
        suite.title,
        script="board.js",
        suite=suite,
        main=main,
        others=others,
        facts=facts,
        folded=folded,
        choices=choices,
        filters=_filters(suite),
        rows=[_view(i, row, main, facts) for i, row in enumerate(suite.rows)],
        said=said_of(suite),
        caption=caption_of(suite),
        baseline_title=titles.get(suite.baseline or "", ""),
        best=_best(suite),
        release=place.release,
        releases=place.releases,
        linked=place.linked,
        more=_more(suite) if place.linked else (),
        cost=cost_plot(suite.rows, main),
        few=len(suite.rows) <= len(svg.SHAPES),
        key_mark=svg.key_mark,
    )


def _more(suite: SuiteNumbers) -> tuple[tuple[str, str], ...]:
    """Further pages of a board: address and name."""
    pages = ((f"pairs-{suite.name}.html", "Every pair"),)
    return pages if suite.axes is None else ((f"pareto-{suite.name}.html", "Trade-off"), *pages)


@dataclass(frozen=True, slots=True)
class _Other:
    column: Column
    key: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.column, name)


def _wanted(key: str, suite: SuiteNumbers) -> bool:
    """Columns that no row has anything for are left out."""
    if key == "kept_generation":
        return any(GENERATION in row.kept for row in suite.rows)
    if key == "kept_likelihood":
        return any(LIKELIHOOD in row.kept for row in suite.rows)
    if key in ("parameters", "training_tokens", "teacher_usd", "tokens"):
        return any(getattr(row, key) is not None for row in suite.rows)
    return True


def said_of(suite: SuiteNumbers) -> str:
    """The board in one or two sentences."""
    ranked = suite.ranked
    if not ranked:
        return "No entry has every column of this board yet."
    main = suite.column(suite.rank_by)
    tied = [row for row in ranked if row.cells[main.name].tied]
    best = ranked[0]
    cell = best.cells[main.name]
    text = f"{best.title} is first on {main.title} with {per_cent(cell.accuracy, cell.interval)} per cent"
    text += f" ({spanned(cell.interval)})" if cell.interval else ""
    if len(ranked) == 1:
        return f"{text}. There is no other student to compare it with yet."
    if len(tied) == 1:
        return f"{text}; all {len(ranked) - 1} others are behind it (every pair tested, Holm, 5 %)."
    return f"{text}; {len(tied) - 1} of the {len(ranked) - 1} others cannot be told apart from it."


def caption_of(suite: SuiteNumbers) -> str:
    """How to read the table."""
    return (
        "● marks the best and those who cannot be told apart from it. A rank interval holds every rank that "
        "the tests leave open. Tests: every pair of students on every column, "
        f"{plural(suite.tests, 'test')}, one family (Holm, 5 %). Intervals: 95 %. Entries without every item "
        "are listed below, unranked: their scores are of the items they have."
    )


def size_class(parameters: int | None) -> str:
    """Class of a number of parameters for the filter."""
    if parameters is None:
        return "unknown"
    return next((name for limit, name in SIZES if parameters < limit), "10 B and more")


def _filters(suite: SuiteNumbers) -> list[tuple[str, str, list[str]]]:
    wanted = (
        ("kind", "Kind"), ("scheme", "Scheme"), ("size", "Size"), ("base", "Base"), ("teacher", "Teacher"),
        ("licence", "Licence"),
    )  # fmt: skip
    views = [_data(row) for row in suite.rows]
    found = [(key, text, sorted({view[key] for view in views})) for key, text in wanted]
    return [one for one in found if len(one[2]) > 1]


def _data(row: Row) -> dict[str, str]:
    return {
        "kind": row.kind,
        "scheme": row.scheme or "unknown",
        "size": size_class(row.parameters),
        "base": row.base or "unknown",
        "teacher": row.teacher or "unknown",
        "licence": row.licence or "unknown",
    }


def _view(order: int, row: Row, main: Column, facts: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    cell = row.cells.get(main.name)
    below = [row.kind if row.kind != "student" else "", (row.scheme or "").replace("_", " ")]
    if row.partial:
        below = ["partial item set, not ranked"]
    elif not row.complete:
        below = [
            f"incomplete: {row.missing[0]}" + (f" and {len(row.missing) - 1} more" if row.missing[1:] else "")
        ]
    return {
        "row": row,
        "order": order if row.complete else "",
        "rank": ranks(cell.rank) if cell and cell.rank else "",
        "tied": bool(cell and cell.tied and row.complete),
        "below": ", ".join(text for text in below if text),
        "strip": strip(cell) if cell else "",
        "data": _data(row),
        "facts": [_fact(row, main, key) for key, _, _ in facts],
    }


def _fact(row: Row, main: Column, key: str) -> Fact:
    if key.startswith("kept_"):
        return _kept(row, key)
    if key in ("unparsed", "malformed", "truncated"):
        cell = row.cells.get(main.name)
        if cell is None:
            return Fact(key, DASH, dash=True)
        value = cell.rates.get(key, 0.0)
        if key == "truncated" and "stop reasons" in row.unknown:
            return Fact(key, "unknown", dash=True)
        return Fact(key, rate(value), exact(value), warn=value >= 0.05)
    if key == "contamination":
        return contamination_fact(row)
    if key == "unknown":
        return Fact(key, ", ".join(row.unknown) or DASH, str(len(row.unknown)), dash=not row.unknown)
    if key == "scores":
        return Fact(key, "; ".join(row.scores), warn="as reported" in row.scores)
    if key == "seeds":
        return Fact(key, str(row.seeds) if row.seeds else DASH, str(row.seeds), dash=not row.seeds)
    value = getattr(row, key)
    if value is None:
        return Fact(key, DASH, dash=True)
    if key in ("parameters", "training_tokens"):
        return Fact(key, large(value), str(value))
    return Fact(key, f"{value:,.0f}" if value >= 10 else f"{value:.2g}", exact(value))


def _kept(row: Row, key: str) -> Fact:
    one = row.kept.get(key.removeprefix("kept_"))
    if one is None:
        return Fact(key, DASH, dash=True)
    if one.share is None:
        return Fact(key, DASH, below=one.why, dash=True)
    return Fact(
        key,
        "none" if one.nothing else f"{per_cent(one.share, one.interval)} %",
        exact(one.share),
        spanned(one.interval) if one.interval else "",
    )


def contamination_fact(row: Row) -> Fact:
    """Test items that the student's corpus holds, whole or nearly."""
    if row.contamination is None:
        return Fact("contamination", "none" if row.kind == "base" else "unknown", dash=True)
    hits = sum(one["exact"] + one["near"] for one in row.contamination.values())
    items = sum(one["items"] for one in row.contamination.values())
    share = hits / items if items else 0.0
    below = rate(share) if hits else ""
    return Fact("contamination", f"{hits:,}", exact(share), below, warn=share > 0.01)


def _best(suite: SuiteNumbers) -> dict[str, str]:
    found = {}
    for column in suite.columns:
        cells = [row.cells[column.name] for row in suite.rows if column.name in row.cells]
        if cells:
            best = max(cells, key=lambda cell: cell.accuracy)
            found[column.name] = per_cent(best.accuracy, best.interval)
    return found


def pairs_page(ranked: Ranked, shell: Shell, path: str) -> str:
    """Differences of every pair on the column that ranks, as a matrix."""
    suite = ranked.numbers
    column = suite.column(suite.rank_by)
    rows = suite.ranked[:MOST_PAIRS]
    order = sorted(row.entry for row in suite.rows if row.complete)
    tests, adjusted = ranked.pairs.get(column.name), ranked.adjusted.get(column.name)
    matrix = []
    for one in rows:
        cells = []
        for other in rows:
            if one is other or tests is None or adjusted is None:
                cells.append((DASH, "self"))
                continue
            i, j = order.index(one.entry), order.index(other.entry)
            change, p = float(tests.difference[i, j]), float(adjusted[i, j])
            kind = ("up" if change > 0 else "down") if p <= ALPHA else "even"
            mark = {"up": " ▲", "down": " ▼", "even": ""}[kind]
            cells.append((f"{signed(change, 1)}{mark}", kind))
        matrix.append((one.title, cells))
    more = len(suite.ranked) - len(rows)
    said = f"{plural(len(suite.ranked) * (len(suite.ranked) - 1) // 2, 'pair')} on this column. " + (
        f"The {len(rows)} best are shown; 'smallsteps compare' gives the interval of any pair of the "
        f"other {more}."
        if more
        else "For the interval of a pair, give both runs to 'smallsteps compare'."
    )
    return page(
        "board_pairs.html.j2", shell, path, f"Pairs, {suite.title}", suite=suite, column=column, said=said,
        names=[row.title for row in rows], matrix=matrix,
    )  # fmt: skip


def pareto_page(suite: SuiteNumbers, shell: Shell, path: str) -> str:
    """Target against generic ability."""
    rows = sorted(
        (row for row in suite.rows if row.point is not None),
        key=lambda row: (
            -(row.point.on_front if row.point else 0),
            -(row.point.target if row.point else 0),
            row.entry,
        ),
    )
    few = len(rows) <= len(svg.SHAPES)
    titles = axis_titles(suite)
    caption = (
        f"Right: better on {titles[0]}. Up: better on {titles[1]}. "
        + (
            "Ellipses: joint 95 % region of the change against the base. "
            if few
            else "Filled: on the front in at least half of the draws. "
        )
        + "Dashed: the Pareto front, where no student is better on both axes. On the front: share of joint "
        "bootstrap draws of items and seeds in which a student is on it, a description and not a test."
    )
    below = (
        "The same students with generic ability measured by the likelihood of the allowed answers. What is "
        "lost above and kept here is format."
    )
    return page(
        "board_pareto.html.j2", shell, path, f"Trade-off, {suite.title}", suite=suite, rows=rows,
        said=_front_said(rows), plot=tradeoff_plot(rows, titles), caption=caption, few=few,
        ability=ability_plot(rows, (titles[0], "generic ability by likelihood")), ability_caption=below,
        measures=[m for m in (GENERATION, LIKELIHOOD) if any(m in row.kept for row in rows)],
        key_mark=svg.key_mark,
    )  # fmt: skip


def axis_titles(suite: SuiteNumbers) -> list[str]:
    """Titles of the target and the generic axis: of its only column, or how many there are."""
    assert suite.axes is not None
    return [
        suite.column(axis[0]).title if len(axis) == 1 else f"mean of {len(axis)} {word} benchmarks"
        for axis, word in zip(suite.axes, ("target", "generic"), strict=True)
    ]


def _front_said(rows: Sequence[Row]) -> str:
    often = [row.title for row in rows if row.point and row.point.on_front >= 0.95]
    if not often:
        return "No student is on the front in 95 % of the draws."
    more = f" and {len(often) - 5:,} more" if len(often) > 5 else ""
    return f"On the front in at least 95 % of the draws: {', '.join(often[:5])}{more}."
