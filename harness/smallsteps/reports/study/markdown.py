"""The report as Markdown: the summary and the main tables, readable as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.reports.numbers import DASH, count, large, p_value, rate
from smallsteps.reports.study import costs, learning_views, views
from smallsteps.reports.study.declaration import declared_note, heading
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.runs import FAILURES
from smallsteps.reports.study.words import compute_sentence, reading_note, sentence_of, statements
from smallsteps.terminal import markdown_text


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A pipe table; the first column is left-aligned, the others right."""
    lines = ["| " + " | ".join(markdown_text(h) for h in header) + " |"]
    lines.append("|" + "|".join([":--"] + ["--:"] * (len(header) - 1)) + "|")
    lines += ["| " + " | ".join(markdown_text(cell) for cell in row) + " |" for row in rows]
    return lines


def to_markdown(report: StudyReport) -> str:
    """The whole report."""
    lines = [f"# {markdown_text(report.title)}", ""]
    if report.description:
        lines += [markdown_text(report.description), ""]
    lines += ["## In words", "", markdown_text(reading_note(report)), ""]
    lines += [f"- {markdown_text(s.text)}" for s in statements(report)]
    lines += ["", *_accuracy(report), *_students(report), *_claims(report)]
    for pair in report.layouts:
        view = views.layout_view(report, pair)
        header = ["Slice", view["a"], view["b"], "Difference, points", "95% interval", "p", "Won / lost"]
        lines += [
            f"## {markdown_text(view['title'])}",
            "",
            markdown_text(f"{view['note']} p-values of this table are not adjusted and decide nothing."),
            "",
            *table(header, view["rows"]),
            "",
        ]
    lines += [*_generic(report), *_learning(report)]
    if report.costs:
        lines += ["## What endpoints cost", "", markdown_text(costs.note(report)), ""]
        lines += [*table(costs.HEADER, costs.rows(report)), ""]
    lines += [
        "## How these numbers were made",
        "",
        *(f"- {markdown_text(n)}" for n in views.method_notes(report)),
        "",
    ]
    if report.corpus_notes:
        lines += ["## Corpus", "", *(f"- {markdown_text(n)}" for n in report.corpus_notes), ""]
    lines += ["## Provenance", "", *table(["Key", "Value"], views.provenance_rows(report.provenance))]
    return "\n".join(lines) + "\n"


def _accuracy(report: StudyReport) -> list[str]:
    rows = []
    for student in report.students:
        cells = []
        for column in report.columns:
            cell = report.cell(student.name, column.name)
            if cell.accuracy is None:
                cells.append(f"{DASH} ({cell.missing})")
                continue
            unread = f", {rate(cell.unreadable)} without a usable answer" if cell.unreadable >= 0.05 else ""
            cells.append(f"{views.cell_value(cell)} ({views.cell_span(cell)}{unread})")
        rows.append([_name(student.title, student.diagnostic), *cells])
    header = ["Student", *(c.title for c in report.columns)]
    notes = "; ".join(": ".join([c.title, ", ".join(views.column_notes(report, c))]) for c in report.columns)
    intro = f"Per cent of items right. {views.interval_note(report)} {notes}."
    detail = [
        "Student", "Task", "Seed", "n", "Right", "Accuracy", "95% interval",
        "Strict", *(name.capitalize() for name in FAILURES), "Tokens",
    ]  # fmt: skip
    return [
        "## Accuracy", "", markdown_text(intro), "", *table(header, rows), "",
        "### Behind the accuracies", "", views.DETAIL_NOTE, "", *table(detail, views.detail_rows(report)), "",
    ]  # fmt: skip


def _name(title: str, diagnostic: bool) -> str:
    return f"{title} (diagnostic: uses gold sub-questions, not a competitor)" if diagnostic else title


def _students(report: StudyReport) -> list[str]:
    rows = [
        [
            s.title,
            s.scheme,
            large(s.parameters),
            large(s.training_tokens),
            large(s.supervised_tokens),
            DASH if s.steps is None else count(s.steps),
            views.tokens_per_answer(report, s),
            views.parts_text(s),
        ]
        for s in report.students
    ]
    header = [
        "Student", "Scheme", "Parameters", "Training tokens", "Supervised", "Steps",
        "Tokens per answer", "Parts",
    ]  # fmt: skip
    compute = compute_sentence(report)
    return [
        "## Students and their compute",
        "",
        *([markdown_text(compute), ""] if compute else []),
        *table(header, rows),
        "",
    ]


def _claims(report: StudyReport) -> list[str]:
    if not report.claims:
        return []
    lines = ["## Declared claims", "", markdown_text(declared_note(report)), ""]
    header = ["Task", "n", "Difference, points", "95% interval", "p", "Adjusted p", "Won / lost", "Verdict"]
    for number, claim in enumerate(report.claims):
        rows, sentences = [], []
        for test in claim.tests:
            cells = views.comparison_cells(test.comparison)
            holm = DASH if test.holm is None else p_value(test.holm).removeprefix("= ")
            n = count(test.comparison.n) if test.comparison else DASH
            rows.append(
                [
                    test.title,
                    n,
                    cells["difference"],
                    cells["interval"],
                    DASH if test.p is None else p_value(test.p).removeprefix("= "),
                    holm,
                    cells["discordant"],
                    views.VERDICT_NAMES[test.verdict],
                ]
            )
            sentence = " ".join([sentence_of(report, claim, test), *views.notes_of(test)])
            sentences.append(f"- {markdown_text(test.title)}: {markdown_text(sentence)}")
        lines += [
            f"### {markdown_text(heading(report, number))}",
            "",
            *table(header, rows),
            "",
            *sentences,
            "",
        ]
    return lines


def _learning(report: StudyReport) -> list[str]:
    twins = [learning_views.loss_table(report), learning_views.stop_table(report)]
    twins += [learning_views.budget_table(report, budget) for budget in report.budgets]
    found = [twin for twin in twins if twin is not None]
    lines = ["## How they learned", ""] if found else []
    for twin in found:
        lines += [markdown_text(twin.caption), "", *table(twin.header, twin.rows), ""]
    return lines


def _joined(value: str, below: str) -> str:
    return f"{value} ({below})" if below else value


def _generic(report: StudyReport) -> list[str]:
    lines: list[str] = []
    if report.generic:
        lines = ["## What specialising cost", "", markdown_text(views.generic_note(report)), ""]
    for suite in report.generic:
        lines += [
            f"### {markdown_text(suite.title)}",
            "",
            f"{markdown_text(views.suite_text(suite))}.",
            "",
        ]
        if suite.changes:
            rows = [
                [
                    report.student(c.student).title,
                    *(_joined(*cell) for cell in views.change_cells(report, suite, c)),
                ]
                for c in suite.changes
            ]
            lines += [*table(["Student", *views.change_header(report, suite)], rows), ""]
        if suite.subtasks:
            names = [report.student(name).title for name in suite.subtasks[0].students]
            by_subtask = [
                [r["title"] + ("" if r["above_chance"] else " (base not above chance)"), *r["cells"]]
                for r in views.subtask_rows(suite)
            ]
            lines += [*table(["Subtask", "n", "Chance", *names], by_subtask), ""]
    return lines
