"""The form of `runs.json`: what pages and rankings read of it has the type that they expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 10**15  # of any count


def check_record(record: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of a record, in words; None if it is one of an entry."""
    runs = record.get("runs")
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        return "'runs' is not a list of runs"
    if not isinstance(record.get("rules", ""), str):
        return "'rules' is not a text"
    return _contamination(record.get("contamination")) or next(filter(None, map(_run, runs)), None)


def _run(run: Mapping[str, Any]) -> str | None:
    decoding, student = run.get("decoding") or {}, run.get("student") or {}
    if not isinstance(decoding, dict) or not all(isinstance(found, list) for found in decoding.values()):
        return "'decoding' of a run is not lists of settings by task"
    if not isinstance(student, dict):
        return "'student' of a run is not an object"
    for name in ("scheme", "name"):
        if not isinstance(student.get(name, ""), str | None):
            return f"'student.{name}' of a run is not a text"
    for name in ("parameters", "training_tokens"):
        if not (student.get(name) is None or _is_count(student[name])):
            return f"'student.{name}' of a run is not a number of 0 to {MOST:,}"
    return None


def _contamination(found: Any) -> str | None:
    if found is None:
        return None
    names = ("items", "exact", "near")
    if not isinstance(found, dict) or not all(
        isinstance(one, dict) and all(_is_count(one.get(name)) for name in names) for one in found.values()
    ):
        return f"'contamination' is not {', '.join(names)} of each benchmark, as numbers of 0 to {MOST:,}"
    return None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST
