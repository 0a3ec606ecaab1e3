"""Learning curves, paths over dev checkpoints, and budgets, as figures and as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeVar

from markupsafe import Markup

from smallsteps.reports.numbers import count, large, points
from smallsteps.reports.page import svg
from smallsteps.reports.page.chart import LOG_FROM, Line, Place, chart
from smallsteps.reports.page.plane import Marked, Trail, plane
from smallsteps.reports.study.front import shown_accuracy
from smallsteps.reports.study.learning import (
    ROLE_TITLES,
    Budget,
    DevPath,
    LossCurve,
    over_seeds,
    path_over_seeds,
    roles_of,
)
from smallsteps.reports.study.report import StudyReport

QUARTERS = ("start", "25%", "50%", "75%", "end")
X_TITLE = "supervised tokens"
Rows = list[list[str]]
OfStudent = TypeVar("OfStudent", LossCurve, DevPath)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its heading, and the students in it: mark and title."""

    name: str
    title: str
    plot: Markup
    legend: tuple[tuple[Markup, str], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Twin:
    """A table that holds a picture's numbers."""

    name: str
    caption: str
    header: tuple[str, ...]
    rows: Rows


def has_learning(report: StudyReport) -> bool:
    """Whether there is anything to show."""
    return bool(report.losses or report.paths or report.budgets)


def loss_figures(report: StudyReport) -> list[Figure]:
    """The training loss of every student, one picture for each part of the schemes."""
    found = []
    for part in dict.fromkeys(curve.part for curve in report.losses):
        lines = [
            Line(_index(report, student), report.student(student).title, _loss(curves))
            for student, curves in _by_student([c for c in report.losses if c.part == part])
        ]
        title = f"Training loss{f' of the {part}' if part else ''}"
        plot = chart(lines, X_TITLE, "nats per token", x_text=_large, y_text=_nats, marks=False)
        found.append(Figure(f"loss-{part or 'all'}", title, plot, _legend(lines)))
    return found


def loss_table(report: StudyReport) -> Twin | None:
    """Losses at five points of every training run."""
    if not report.losses:
        return None
    rows = []
    for part in dict.fromkeys(curve.part for curve in report.losses):
        for student, curves in _by_student([c for c in report.losses if c.part == part]):
            places = _loss(curves)
            at = [places[round(quarter * (len(places) - 1) / 4)] for quarter in range(5)]
            name = report.student(student).title + (f", {part}" if part else "")
            end = min(curve.supervised_tokens[-1] for curve in curves)
            rows.append([name, str(len(curves)), large(end), *(_ranged(place, _nats) for place in at)])
    caption = "Training loss in nats per token, against the share of the supervised tokens"
    header = ("Student", "Seeds", "Supervised tokens", *(q.capitalize() for q in QUARTERS))
    return Twin("training-loss", f"{caption}{_over_seeds_note(report)}.", header, rows)


def dev_figures(report: StudyReport) -> list[Figure]:
    """Accuracy at the checkpoints, one picture for each role that was measured."""
    found = []
    for role in roles_of(report.paths):
        lines = []
        for student, paths in _by_student(report.paths):
            places = path_over_seeds(paths, role)
            ringed = tuple(
                (stop.supervised_tokens, stop.scores[role], f"seed {path.seed}: chosen")
                for path in paths
                for stop in path.stops
                if stop.chosen and role in stop.scores
            )
            if places:
                lines.append(Line(_index(report, student), report.student(student).title, places, ringed))
        if lines:
            title = f"{ROLE_TITLES[role]}, {_splits(report)}"
            plot = chart(lines, X_TITLE, "% right", x_text=_large, y_text=_percent)
            found.append(Figure(f"dev-{role}", title, plot, _legend(lines)))
    return found


def path_figures(report: StudyReport) -> list[Figure]:
    """Target against generic accuracy: a path for each training run, one figure for each base."""
    roles = roles_of(report.paths)
    other = next((role for role in ("generic", "transfer") if role in roles), None)
    if "target" not in roles or other is None:
        return []
    groups: dict[tuple[float, float], list[DevPath]] = {}
    for path in report.paths:
        if all("target" in stop.scores and other in stop.scores for stop in path.stops):
            first = path.stops[0].scores
            groups.setdefault((first["target"], first[other]), []).append(path)
    return [_plane(report, place, paths, other, n) for n, (place, paths) in enumerate(groups.items(), 1)]


def stop_table(report: StudyReport) -> Twin | None:
    """Every checkpoint of every training run."""
    if not report.paths:
        return None
    roles = roles_of(report.paths)
    rows = [
        [
            report.student(path.student).title,
            str(path.seed),
            count(stop.tokens),
            count(stop.supervised_tokens),
            *(points(stop.scores[role], 1) if role in stop.scores else "" for role in roles),
            "chosen" if stop.chosen else "",
        ]
        for path in report.paths
        for stop in path.stops
    ]
    header = ("Student", "Seed", "Tokens read", "Supervised tokens", *(ROLE_TITLES[r] for r in roles), "")
    rules = dict.fromkeys(f"{report.student(p.student).title}: {p.rule}" for p in report.paths)
    caption = f"Per cent right at every checkpoint, {_splits(report)}. Selection rules: {'; '.join(rules)}."
    return Twin("checkpoints", caption, header, rows)


def budget_figures(report: StudyReport, budget: Budget) -> list[Figure]:
    """Accuracies on the test items over a declared quantity; a picture for each column of the first table."""
    found = []
    for column in report.front:
        cells = dict(zip((s.name for s in report.students), column.cells, strict=True))
        lines = []
        for students in budget.lines:
            places = tuple(
                Place(value, cell.accuracy, cell.low, cell.high)
                for name, value in students
                if (cell := cells[name]).accuracy is not None
            )
            if places:
                names = [name for name, _ in students]
                lines.append(Line(_index(report, names[0]), _line_title(report, budget, names), places))
        if not lines:
            continue
        values = [place.x for line in lines for place in line.places]
        log = min(values) > 0 and max(values) / min(values) >= LOG_FROM
        plot = chart(lines, budget.title, "% right", x_text=_large, y_text=_percent, bars=True, log=log)
        found.append(Figure(f"{budget.key}-{column.title.lower()}", column.title, plot, _legend(lines)))
    return found


def budget_table(report: StudyReport, budget: Budget) -> Twin:
    """The accuracies of the pictures."""
    names = [student.name for student in report.students]
    rows = []
    for students in budget.lines:
        for name, value in students:
            cells = [shown_accuracy(column.cells[names.index(name)]) for column in report.front]
            shown = [f"{accuracy} ({below})" if below else accuracy for accuracy, below in cells]
            rows.append([report.student(name).title, large(round(value)), *shown])
    header = ("Student", _capital(budget.title), *(column.title for column in report.front))
    caption = f"Per cent right on the test items over {budget.title}, with 95% intervals."
    return Twin(f"budget-{budget.key}", caption, header, rows)


def _plane(
    report: StudyReport, place: tuple[float, float], paths: Sequence[DevPath], other: str, number: int
) -> Figure:
    reference = report.reference
    base = Marked(
        0,
        report.student(reference).title if reference else "Base",
        *place,
        style=_index(report, reference) if reference else 0,
    )
    marks: list[Marked] = []
    trails = []
    for path in paths:
        several = len({p.seed for p in paths if p.student == path.student}) > 1
        seed = f", seed {path.seed}" if several else ""
        title = f"{report.student(path.student).title}{seed}"
        own = []
        for stop in path.stops[1:]:
            index = len(marks) + 1
            one = Marked(index, title, stop.scores["target"], stop.scores[other])
            marks.append(replace(one, style=_index(report, path.student)))
            own.append((index, stop.chosen))
        chosen = next((index for index, is_chosen in own if is_chosen), None)
        trails.append(Trail(tuple(index for index, _ in own), chosen))
    split = paths[0].split
    titles = f"target, {split}", f"{ROLE_TITLES[other].lower()}, {split}"
    plot = plane(base, marks, *titles, f"path-{number}", trails=trails)
    caption = (
        f"Each path leads from the base through the checkpoints, {split} split. Rings mark the chosen ones."
    )
    named = [(_index(report, s), report.student(s).title) for s, _ in _by_student(paths)]
    legend = tuple((svg.key_mark(index), title) for index, title in named)
    return Figure(f"path-{number}", "From the base to the students", plot, legend, caption)


def _by_student(found: Sequence[OfStudent]) -> list[tuple[str, list[OfStudent]]]:
    groups: dict[str, list[OfStudent]] = {}
    for one in found:
        groups.setdefault(one.student, []).append(one)
    return list(groups.items())


def _loss(curves: Sequence[LossCurve]) -> tuple[Place, ...]:
    return over_seeds([(curve.supervised_tokens, curve.losses) for curve in curves])


def _index(report: StudyReport, student: str) -> int:
    return next(n for n, one in enumerate(report.students) if one.name == student)


def _legend(lines: Sequence[Line]) -> tuple[tuple[Markup, str], ...]:
    return tuple((svg.key_mark(line.index), line.title) for line in lines)


def _line_title(report: StudyReport, budget: Budget, names: list[str]) -> str:
    """Of a line of several students: how their names begin, else their scheme."""
    if len(budget.lines) == 1:
        return "all students"
    alike = "".join(
        letters[0] for letters in takewhile(lambda found: len(set(found)) == 1, zip(*names, strict=False))
    )
    return alike.rstrip("_.+-0123456789") or report.student(names[0]).scheme


def _splits(report: StudyReport) -> str:
    return f"{' and '.join(dict.fromkeys(path.split for path in report.paths))} split"


def _over_seeds_note(report: StudyReport) -> str:
    several = len({curve.seed for curve in report.losses}) > 1
    return "; mean over seeds, lowest to highest in brackets" if several else ""


def _ranged(place: Place, text: Callable[[float], str]) -> str:
    if place.low is None or place.high is None or text(place.low) == text(place.high):
        return text(place.y)
    return f"{text(place.y)} ({text(place.low)} to {text(place.high)})"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _large(value: float) -> str:
    return large(round(value)) if value >= 1 or value == 0 else f"{value:g}"


def _nats(value: float) -> str:
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"


def _percent(value: float) -> str:
    return points(value, 0)
