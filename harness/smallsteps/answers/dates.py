"""Dates written in words or digits, for spans."""

from __future__ import annotations

import re

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_NAMES = "|".join(f"{month[:3]}(?:{month[3:]})?" if month != "may" else month for month in MONTHS)
_DAY = r"(?P<{0}>\d{{1,2}})(?:st|nd|rd|th)?"
DATE = re.compile(
    rf"\b(?P<m1>{_NAMES})\.? {_DAY.format('d1')},? (?P<y1>\d{{3,4}})\b"
    rf"|\b{_DAY.format('d2')}(?: of)? (?P<m2>{_NAMES})\.?,? (?P<y2>\d{{3,4}})\b"
    r"|\b(?P<y3>\d{4})-(?P<m3>\d{2})-(?P<d3>\d{2})\b",
    re.IGNORECASE,
)


def find_date(text: str) -> tuple[int, int, int] | None:
    """The only full date of a text as (year, month, day); None when there is none, or another part to it."""
    found = list(DATE.finditer(text))
    if len(found) != 1:
        return None
    match = found[0]
    for number in ("1", "2", "3"):
        if match[f"y{number}"]:
            month = match[f"m{number}"].lower()
            place = int(month) if month.isdigit() else [name[:3] for name in MONTHS].index(month[:3]) + 1
            return int(match[f"y{number}"]), place, int(match[f"d{number}"])
    return None


def is_date(text: str) -> bool:
    """Whether a text is a full date and nothing else."""
    match = DATE.search(text)
    return match is not None and not (text[: match.start()] + text[match.end() :]).strip(" .,")
