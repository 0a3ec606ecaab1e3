"""The report of a study: all numbers once, then JSON, Markdown, one HTML page and a summary in words."""

from smallsteps.reports.page.items import Sample, SampleSource
from smallsteps.reports.study.inputs import Claim, Declared, PartCost, ReportInput, StudentInfo, TaskInfo
from smallsteps.reports.study.learning import Budget, DevPath, LossCurve, Stop
from smallsteps.reports.study.report import StudyReport, build
from smallsteps.reports.study.words import in_words
from smallsteps.reports.study.writing import write

__all__ = [
    "Budget",
    "Claim",
    "Declared",
    "DevPath",
    "LossCurve",
    "PartCost",
    "ReportInput",
    "Sample",
    "SampleSource",
    "Stop",
    "StudentInfo",
    "StudyReport",
    "TaskInfo",
    "build",
    "in_words",
    "write",
]
