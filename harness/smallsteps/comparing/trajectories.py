"""Students at several checkpoints of their training: accuracies against the tokens they had read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallsteps.comparing.axes import Axis, make_axis
from smallsteps.comparing.sheet import Sheet
from smallsteps.comparing.suites import role_of
from smallsteps.outcomes.checkpoints import trajectories
from smallsteps.problems import Measure, Role, measure_of


@dataclass(frozen=True, slots=True)
class Stop:
    """One checkpoint of a trajectory.

    Attributes:
        student: its label; tokens: real tokens read by then, 0 for the base.
        target, generic: accuracies; transfer, ability: likewise, None where they were not measured
            (`ability` is the generic tasks by likelihood).
        chosen: whether it became the student.
    """

    student: str
    tokens: int
    target: float
    generic: float
    transfer: float | None
    ability: float | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A student's checkpoints, by tokens."""

    student: str
    stops: tuple[Stop, ...]


def transfer_axis(students: Sequence[str], tasks: Sequence[str], used: Sequence[str]) -> Axis | None:
    """The transfer tasks by generation, where there are checkpoints to follow on them."""
    chosen = [
        task
        for task in tasks
        if task not in used and role_of(task) is Role.TRANSFER and measure_of(task) is Measure.GENERATION
    ]
    return make_axis(Role.TRANSFER, chosen, chosen) if chosen and trajectories(students) else None


def follow(
    sheet: Sheet, students: Sequence[str], axes: Mapping[str, Axis | None], chosen: Mapping[str, int]
) -> tuple[Trajectory, ...]:
    """Every student with several checkpoints among `students`.

    Args:
        sheet: outcomes of all of them.
        students: labels.
        axes: `target` and `generic`; `transfer` and `ability` where they were measured.
        chosen: tokens of the chosen checkpoint by student.
    """

    def level(label: str, name: str) -> float | None:
        axis = axes.get(name)
        if axis is None or not all(sheet.has(label, part) for part in axis.parts):
            return None
        return sheet.accuracy(label, axis.weights(sheet))

    return tuple(
        Trajectory(
            student,
            tuple(
                Stop(
                    label,
                    tokens,
                    level(label, "target") or 0.0,
                    level(label, "generic") or 0.0,
                    level(label, "transfer"),
                    level(label, "ability"),
                    chosen.get(student) == tokens,
                )
                for tokens, label in points
            ),
        )
        for student, points in trajectories(students).items()
    )
