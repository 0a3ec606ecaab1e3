"""How students learned: losses, accuracies at dev checkpoints, and accuracies over a declared budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallsteps.reports.page.chart import Place

ROLES = ("target", "transfer", "generic", "generic_likelihood")
ROLE_TITLES = {
    "target": "Target",
    "transfer": "Transfer",
    "generic": "Generic",
    "generic_likelihood": "Generic by likelihood",
}
POINTS = 40  # of a curve over seeds


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The training loss of one part of one student with one seed.

    Attributes:
        student: its name; seed: of the training; part: of the scheme, empty where there is one.
        supervised_tokens: trained on by each point; losses: mean over the steps before it.
    """

    student: str
    seed: int
    part: str
    supervised_tokens: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A checkpoint on the dev split.

    Attributes:
        tokens: real tokens read by then; supervised_tokens: those of them that carried the loss.
        scores: accuracy by role (`ROLES`); chosen: whether it became the student.
    """

    tokens: int
    supervised_tokens: int
    scores: Mapping[str, float]
    chosen: bool


@dataclass(frozen=True, slots=True)
class DevPath:
    """The checkpoints of one student with one seed, from its base on; `rule` chose among them on `split`."""

    student: str
    seed: int
    rule: str
    split: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """Students that differ in one declared quantity.

    Attributes:
        key: of the recipe, or `parameters`; title: the quantity in words.
        lines: students that are alike in all else, each line by increasing value.
    """

    key: str
    title: str
    lines: tuple[tuple[tuple[str, float], ...], ...]


def over_seeds(curves: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[Place, ...]:
    """The mean of several curves where all of them are known, and from the lowest to the highest.

    Args:
        curves: of each seed, x (increasing) and y. Between points, curves are straight.
    """
    first = max(xs[0] for xs, _ in curves)
    last = min(xs[-1] for xs, _ in curves)
    if len(curves) == 1:
        grid = np.asarray(curves[0][0], float)
    else:
        every = np.unique(np.concatenate([np.asarray(xs, float) for xs, _ in curves]))
        grid = every[(every >= first) & (every <= last)]
        if len(grid) > POINTS or not len(grid):
            grid = np.linspace(first, last, POINTS)
    table = np.stack([np.interp(grid, xs, ys) for xs, ys in curves])
    return tuple(
        Place(float(x), float(column.mean()), float(column.min()), float(column.max()))
        for x, column in zip(grid, table.T, strict=True)
    )


def path_over_seeds(paths: Sequence[DevPath], role: str) -> tuple[Place, ...]:
    """Mean and range over seeds at every declared checkpoint that all seeds reached."""
    found = []
    for together in zip(*(path.stops for path in paths), strict=False):
        scores = [stop.scores[role] for stop in together if role in stop.scores]
        if len(scores) == len(together):
            x = sum(stop.supervised_tokens for stop in together) / len(together)
            found.append(Place(x, sum(scores) / len(scores), min(scores), max(scores)))
    return tuple(found)


def roles_of(paths: Sequence[DevPath]) -> list[str]:
    """The roles that were measured, in their order."""
    return [role for role in ROLES if any(role in stop.scores for path in paths for stop in path.stops)]
