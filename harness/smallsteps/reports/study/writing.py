"""The three files of a report."""

from __future__ import annotations

from pathlib import Path

from smallsteps.files import write_atomic, write_json
from smallsteps.reports.study.html import to_html
from smallsteps.reports.study.markdown import to_markdown
from smallsteps.reports.study.report import StudyReport

FILES = ("report.json", "report.md", "report.html")


def write(report: StudyReport, folder: Path) -> None:
    """Write report.json, report.md and report.html; the same report gives the same bytes.

    Raises:
        UserError: the folder cannot be written.
    """
    write_json(folder / FILES[0], report.to_json())
    write_atomic(folder / FILES[1], to_markdown(report))
    write_atomic(folder / FILES[2], to_html(report))
