"""What finished students say of their training: losses, dev checkpoints, budgets that recipes declare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallsteps.files import read_jsonl
from smallsteps.reports.numbers import points
from smallsteps.reports.study import Budget, DevPath, LossCurve, Stop
from smallsteps.students import Student
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.selection import SelectionSpec

LOSSES = "loss.jsonl"
ROWS = 40  # of a curve; a longer log is averaged over equally many rows each
LEAST = 3  # values of a quantity that make a curve
# quantities by their key in a recipe
BUDGETS = {
    "corpus.limit": "training problems",
    "corpus.fraction": "share of the training problems",
    "corpus.per_problem": "rationales a problem",
    "corpus.samples": "samples a problem",
    "optimisation.steps": "optimiser steps",
    "optimisation.epochs": "epochs",
}
PARAMETERS = "parameters"
SAMPLES = ("corpus.per_problem", "corpus.samples")  # one follows the other
WORDS = ("recipe", "title", "description", "report_to")
OF_A_BASE = ("base", "tokenizer", "format", "optimisation.learning_rate", "optimisation.batch_tokens")


def loss_curves(student: Student, folder: Path, name: str, seed: int) -> list[LossCurve]:
    """The loss of every part, at most `ROWS` points each.

    A log without supervised tokens, of an earlier version, is given the share of the whole training.
    """
    curves = []
    for part, place in student.parts.items():
        if not (folder / place / LOSSES).exists():
            continue
        rows = [row for _, row in read_jsonl(folder / place / LOSSES)]
        if not rows:
            continue
        figures = student.training[part]
        share = figures["supervised_tokens"] / max(1, figures["real_tokens"])
        tokens = [row.get("supervised_tokens", round(row["tokens"] * share)) for row in rows]
        ends = sorted({round((n + 1) * len(rows) / ROWS) for n in range(ROWS)} - {0})
        blocks = list(zip([0, *ends[:-1]], ends, strict=True))
        losses = [sum(row["loss"] for row in rows[a:b]) / (b - a) for a, b in blocks]
        shown = part if len(student.parts) > 1 else ""
        curves.append(LossCurve(name, seed, shown, tuple(tokens[b - 1] for _, b in blocks), tuple(losses)))
    return curves


def dev_path(student: Student, name: str, seed: int) -> DevPath | None:
    """The checkpoints of a student that was chosen among them."""
    found = student.selection
    if not found:
        return None
    stops = tuple(
        Stop(one["tokens"], one["supervised_tokens"], one["scores"], one["step"] == found["step"])
        for one in found["trajectory"]
    )
    return DevPath(name, seed, found["rule"], found["split"], stops)


def choice_sentence(name: str, seed: int, found: Mapping[str, Any]) -> str:
    """What was chosen among the checkpoints of a student, by which rule, and what it scored there.

    Args:
        found: the `selection` of its card.
    """
    chosen = next(one for one in found["trajectory"] if one["step"] == found["step"])
    scores = ", ".join(
        f"{role.replace('_', ' by ')} {points(score, 1)} %" for role, score in chosen["scores"].items()
    )
    missed = "; none was within the margin" if found["within_margin"] is False else ""
    return (
        f"{name}, seed {seed}: the checkpoint at {found['tokens']:,} of "
        f"{found['trajectory'][-1]['tokens']:,} tokens, {found['rule']} ({found['split']} split: {scores}"
        f"{missed}); not the test split"
    )


def budgets(recipes: Mapping[str, Recipe], parameters: Mapping[str, int]) -> list[Budget]:
    """Quantities in which recipes differ that are alike in all else, with at least `LEAST` values.

    Args:
        recipes: by the name of their students.
        parameters: of each student; recipes of several sizes may also differ in what goes with a base.
    """
    found: list[Budget] = []
    flat = {name: _declared(recipe) for name, recipe in recipes.items()}
    for key, title in BUDGETS.items():
        beside = SAMPLES if key in SAMPLES else (key,)
        values = {name: keys[key] for name, keys in flat.items() if keys.get(key) is not None}
        lines = _lines(flat, values, beside)
        if lines and not any(lines == budget.lines for budget in found):
            found.append(Budget(key, title, lines))
    lines = _lines(flat, parameters, OF_A_BASE)
    return [*found, Budget(PARAMETERS, "parameters", lines)] if lines else found


def _declared(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe that shape its student; the steps of several parts are added up."""
    found = _flat(recipe.model_dump(mode="json"))
    each = [recipe.optimisation_of(part).steps for part in recipe.trained]
    if len(each) > 1 and None not in each:
        found["optimisation.steps"] = sum(steps or 0 for steps in each)
        for part in recipe.trained:
            found.pop(f"parts.{part}.steps", None)
    if recipe.selection is not None and recipe.selection.rule == SelectionSpec.LAST:
        found = {key: value for key, value in found.items() if not key.startswith("selection.")}
        found["selection"] = None
    return dict(sorted(found.items()))


def _lines(
    flat: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], beside: tuple[str, ...]
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Students that agree in all keys but those `beside`, by increasing value."""
    groups: dict[str, list[tuple[str, float]]] = {}
    for name, value in values.items():
        rest = [
            (key, other)
            for key, other in flat[name].items()
            if not any(key == one or key.startswith(f"{one}.") for one in (*WORDS, *beside))
        ]
        groups.setdefault(repr(rest), []).append((name, float(value)))
    lines = [tuple(sorted(group, key=lambda one: one[1])) for group in groups.values()]
    return tuple(line for line in lines if len({value for _, value in line}) >= LEAST)


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            found |= _flat(value, f"{name}.")
        else:
            found[name] = value
    return found
