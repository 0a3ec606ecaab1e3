"""Everything a site is made of: checked entries, their scores, and the numbers of every board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from smallsteps.errors import DATA, ConfigError, UserError
from smallsteps.leaderboard.adding import Checked, check_all
from smallsteps.leaderboard.board import Board, Suite
from smallsteps.leaderboard.checking import read_runs
from smallsteps.leaderboard.entry import Entry
from smallsteps.leaderboard.items import Items
from smallsteps.leaderboard.ranking import Contestant, Layout, Ranked, rank
from smallsteps.leaderboard.scores import items_of, scores_of
from smallsteps.reports.numbers import plural

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Collected:
    """A leaderboard, checked and ranked.

    Attributes:
        board: its folder; contestants: its entries; layout: items of its tasks; boards: one a suite.
        items: documents of its tasks, where the data are here.
    """

    board: Board
    contestants: tuple[Contestant, ...]
    layout: Layout
    boards: tuple[Ranked, ...]
    items: Items


def collect(board: Board, data: Path | None, progress: Progress | None = None) -> Collected:
    """Check every entry (or take its earlier check), read its scores and rank each suite.

    Raises:
        UserError: an entry is rejected; the first one is named, with how many more there are.
    """

    def show(stage: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(stage, done, total)

    entries: dict[str, Entry] = {}
    checked = check_all(board, (), data, cached=True, read=entries, progress=show("checking"))
    if checked.rejected:
        raise rejection(checked)
    contestants = []
    for done, check in enumerate(checked.passed, start=1):
        entry = entries[check.entry]
        scores = scores_of(board, entry, check)
        whole = {task: found for task, found in scores.items() if check.tasks[task].complete}
        partial = {task: found for task, found in scores.items() if task not in whole}
        contestants.append(Contestant(entry, check, whole, read_runs(entry), partial))
        if progress is not None:
            progress("reading", done, len(checked.passed))
    layout = layout_of(contestants)
    boards, waiting = [], []
    for done, (name, suite) in enumerate(board.file.suites.items(), start=1):
        found = rank(name, suite, contestants, layout)
        if found is not None:
            boards.append(found)
        else:
            waiting.append(_waiting(suite, contestants))
        if progress is not None:
            progress("ranking", done, len(board.file.suites))
    if not boards:
        raise UserError(
            f"there is nothing to rank. {' '.join(waiting)}",
            where=str(board.folder),
            fix="add one with 'smallsteps leaderboard add DIR RUN...'",
            code=DATA,
        )
    first = boards[0].numbers
    boards[0] = replace(boards[0], numbers=replace(first, notes=(*first.notes, *waiting)))
    return Collected(board, tuple(contestants), layout, tuple(boards), Items(board, data))


def _waiting(suite: Suite, contestants: Sequence[Contestant]) -> str:
    """What to say of a suite that has no board yet."""
    part = [one.entry.title for one in contestants if any(task in one.check.tasks for task in suite.tasks)]
    if not part:
        return f"'{suite.title}' has no board yet: no entry has any of its tasks."
    shown = ", ".join(part[:3]) + (f" and {len(part) - 3} more" if len(part) > 3 else "")
    return (
        f"'{suite.title}' has no board yet: no entry has every item of one of its tasks; "
        f"{plural(len(part), 'entry', 'entries')} with some of them: {shown}."
    )


def rejection(checked: Checked) -> UserError:
    """One error for all rejected entries."""
    name, error = checked.rejected[0]
    if isinstance(error, ConfigError):
        error = error.errors[0]
    more = len(checked.rejected) - 1
    text = f"entry '{name}' is rejected: {error.message}" + (f" (and {more} more are)" if more else "")
    fix = error.fix or "run 'smallsteps leaderboard check' for all reasons"
    return UserError(text, where=error.where, fix=fix, code=error.code)


def layout_of(contestants: Sequence[Contestant]) -> Layout:
    """Items of every task, from the first entry that has it whole; later ones must have the same."""
    layout = Layout()
    for one in contestants:
        for task in one.scores:
            if task not in layout.items:
                layout.items[task] = items_of(one.entry, task)
                layout.keys[task] = one.check.tasks[task].keys
    return layout
