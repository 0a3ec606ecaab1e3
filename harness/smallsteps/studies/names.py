"""Unknown names in a study: of tasks, suites, students and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smallsteps.config import Document
from smallsteps.errors import UserError, unknown_name
from smallsteps.evaluation.task_files import unknown_task
from smallsteps.problems import list_benchmarks, load_benchmark
from smallsteps.problems.tasks import task_name
from smallsteps.schemes import abilities_of, get_scheme
from smallsteps.studies.recipe import Recipe

GOLD_PLANS = "+gold_plans"  # behind the name of a student whose decomposer is replaced


def known_tasks() -> dict[str, tuple[str, str]]:
    """Names of all tasks, with their benchmark and variant."""
    return {
        task_name(benchmark, variant): (benchmark, str(variant))
        for benchmark in list_benchmarks()
        for variant in load_benchmark(benchmark).variants
    }


def wrong_names(document: Document, recipes: Mapping[str, Recipe] | None) -> list[UserError]:
    """One error for each unknown name, with its line and the nearest known one.

    Whatever does not have the form of a study is left to validation.

    Args:
        document: the study's file.
        recipes: its recipes by the names of their students; None if they are not all known.
    """
    data = document.data if isinstance(document.data, dict) else {}
    known = known_tasks()
    suites = {name: suite for name, suite in _mapping(data.get("suites")) if isinstance(suite, dict)}
    errors = []
    used: list[str] = []
    for name, suite in suites.items():
        for index, task in _texts(suite.get("tasks")):
            used.append(task)
            if task not in known:
                where = document.where(("suites", name, "tasks", index))
                errors.append(unknown_task(task, known, where=where))
    students = None if recipes is None else _students(data, recipes)
    names = list_benchmarks()
    for index, name in _texts(data.get("allow_overlap")):
        if name not in names:
            where = document.where(("allow_overlap", index))
            errors.append(unknown_name("benchmark", name, names, where=where))
    for index, name in _texts(data.get("gold_plans")):
        where = document.where(("gold_plans", index))
        if recipes is not None and name not in recipes:
            errors.append(unknown_name("student", name, recipes, where=where))
        elif recipes is not None and not abilities_of(get_scheme(recipes[name].scheme)).answers_plans:
            errors.append(UserError(f"the scheme of '{name}' answers no given sub-questions", where=where))
    for number, claim in enumerate(_list(data.get("claims"))):
        if not isinstance(claim, dict):
            continue
        for key in ("better", "than", "equivalent", "noninferior", "to"):
            name = claim.get(key)
            if students is not None and isinstance(name, str) and name not in students:
                errors.append(
                    unknown_name("student", name, students, where=document.where(("claims", number, key)))
                )
        for index, name in _texts(claim.get("on")):
            if name not in suites and name not in used:
                errors.append(
                    unknown_name(
                        "task or suite",
                        name,
                        {*suites, *used},
                        where=document.where(("claims", number, "on", index)),
                    )
                )
    return errors


def _students(data: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> set[str]:
    reference = data.get("reference")
    named = {str(reference.get("name", "base"))} if isinstance(reference, dict) else set()
    return {*recipes, *(f"{name}{GOLD_PLANS}" for _, name in _texts(data.get("gold_plans"))), *named}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _texts(value: Any) -> list[tuple[int, str]]:
    return [(index, text) for index, text in enumerate(_list(value)) if isinstance(text, str)]
