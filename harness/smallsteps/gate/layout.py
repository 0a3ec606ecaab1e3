"""A gate's verdict as text, Markdown, JSON and JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from textwrap import fill
from typing import Any

from smallsteps.gate.model import GateReport, Line
from smallsteps.reports.compare.layout import markdown_table, plain, text_table
from smallsteps.reports.numbers import count, decimals, points, rate, signed, span
from smallsteps.stats.noninferiority import Verdict
from smallsteps.terminal import markdown_text, xml_text

SCHEMA = "smallsteps.gate/1"
WIDTH = 100
DASH = "–"


def header(report: GateReport) -> tuple[str, ...]:
    """Columns of the table; each limit is one-sided, at the level of the test."""
    limits = f"limits, each {_level(report.alpha)}"
    return ("task", "reference", "verdict", "margin", "change", limits, "items", "passes from")


def _level(alpha: float) -> str:
    return f"{100 * (1 - alpha):g} %"


def _digits(line: Line) -> int:
    limits = line.result.limits
    return decimals(limits.low, limits.high) if limits else 1


def cells(line: Line) -> tuple[str, ...]:
    """One line of the table; points."""
    result, digits = line.result, _digits(line)
    limits = span(result.limits.low, result.limits.high, digits) if result.limits else DASH
    flag = " (regressed)" if result.regressed else ""
    items = (
        count(line.graded) if line.graded == line.items else f"{count(line.graded)} of {count(line.items)}"
    )
    smallest = DASH if result.smallest_margin is None else points(result.smallest_margin, digits)
    return (
        line.task,
        line.reference,
        line.verdict.upper() + flag,
        points(result.margin, 1),
        signed(result.difference, digits),
        limits,
        items,
        smallest,
    )


def sentence(line: Line, alpha: float) -> str:
    """The verdict on one line, and what it does not say."""
    result, digits = line.result, _digits(line)
    margin = points(result.margin, 1)
    change = f"{signed(result.difference, digits)} points against {line.reference}"
    level = _level(alpha)
    if result.limits is None:
        return f"{line.task}: undecided, {change}: {result.note or 'no standard error'}."
    low, high = points(result.limits.low, digits), points(result.limits.high, digits)
    if line.verdict is Verdict.PASS:
        text = f"{line.task}: passes. {change}; a loss of {margin} points or more is excluded at {level}"
        text += f" (lower limit {low}). "
        if result.regressed:
            return f"{text}REGRESSED: it is worse, though within the margin (upper limit {high})."
        return f"{text}This does not say that it is better."
    if line.verdict is Verdict.FAIL:
        return (
            f"{line.task}: fails. {change}; the {margin} points allowed are exceeded "
            f"(upper limit at {level}: {high})."
        )
    limits = f"{change}, limits {low} to {high} (each at {level})"
    if (
        result.verdict is not Verdict.INCONCLUSIVE
    ):  # one test alone would decide; the correction takes it back
        why = "at the corrected boundary of the looks" if line.looks else "after correction over tasks"
        return f"{line.task}: undecided. {limits}: not enough {why}."
    text = f"{line.task}: undecided. {limits}: "
    text += f"neither inside nor beyond the margin of {margin} points is shown. "
    if result.items_needed is not None:
        needed = f"about {count(result.items_needed)} items would pass it ({count(line.graded)} so far)"
        return f"{text}At this rate {needed}."
    if line.seeds_vary:
        return f"{text}More seeds or more items may decide it."
    return f"{text}More items would hardly make it pass: the observed loss is not inside the margin."


def sentences(report: GateReport) -> list[str]:
    """All lines in words, then what concerns the whole."""
    out = [sentence(line, report.alpha) for line in report.lines]
    for line in report.lines:
        out += [f"{line.task}: {note}." for note in line.notes]
        if line.failed >= 0.005:
            out.append(
                f"{line.task}: {rate(line.failed)} of responses have no usable answer (counted wrong)."
            )
    if report.flake_rate is not None:
        out.append(f"Two runs of the reference differ on {rate(report.flake_rate)} of the items.")
    out += [f"{note}." for note in report.notes]
    return list(dict.fromkeys(out))


def headline(report: GateReport) -> str:
    """The verdict in one line."""
    flag = ", REGRESSED on at least one task" if report.regressed and report.verdict is Verdict.PASS else ""
    how = f"{report.design}, one-sided {100 * report.alpha:g} %"
    return f"{report.verdict.upper()}: {report.student}{flag} ({how})"


def as_text(report: GateReport) -> str:
    """For a terminal."""
    table = text_table(header(report), [cells(line) for line in report.lines])
    body = "\n".join(fill(text, WIDTH) for text in sentences(report))
    return f"{headline(report)}\n\n{table}\n\n{body}\n"


def as_markdown(report: GateReport) -> str:
    """For a job summary or a pull request."""
    table = markdown_table(header(report), [cells(line) for line in report.lines])
    body = "\n".join(f"- {markdown_text(text)}" for text in sentences(report))
    return f"## Gate: {markdown_text(headline(report))}\n\n{table}\n\n{body}\n"


def as_json(report: GateReport) -> dict[str, Any]:
    """For machines."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict.value,
        "exit_code": report.exit_code,
        "regressed": report.regressed,
        **plain(report),
        "sentences": sentences(report),
    }


def as_junit(report: GateReport) -> str:
    """JUnit XML, one test case a line: FAIL is a failure of type `margin`, INCONCLUSIVE of `undecided`."""
    failures = sum(line.verdict is not Verdict.PASS for line in report.lines)
    suite = ET.Element(
        "testsuite",
        name="smallsteps gate",
        tests=str(len(report.lines)),
        failures=str(failures),
        errors="0",
        skipped="0",
    )
    for line in report.lines:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"gate.{xml_text(report.student)}",
            name=xml_text(f"{line.task} vs {line.reference}"),
        )
        text = xml_text(sentence(line, report.alpha))
        if line.verdict is Verdict.FAIL:
            ET.SubElement(case, "failure", message=text, type="margin")
        elif line.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "failure", message=text, type="undecided")
        ET.SubElement(case, "system-out").text = text
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
