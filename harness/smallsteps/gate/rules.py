"""What a gate allows: the largest loss per task, per role, or for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smallsteps.comparing.suites import role_of
from smallsteps.errors import UserError, nearest
from smallsteps.problems import Role

SMALLEST = 0.0025  # margins below are taken for proportions


@dataclass(frozen=True, slots=True)
class Rules:
    """Margins (as proportions) and level.

    Attributes:
        default: margin of tasks that no other rule names; None: every task must be named.
        roles: margin by role.
        tasks: margin by task or suite.
        alpha: one-sided level of each decision.
    """

    default: float | None = None
    roles: Mapping[Role, float] = field(default_factory=dict)
    tasks: Mapping[str, float] = field(default_factory=dict)
    alpha: float = 0.05

    def margin(self, task: str) -> tuple[float, Role | None]:
        """The margin of a task or suite: its own, else its role's, else the default.

        Raises:
            UserError: no rule speaks of it.
        """
        role = role_of(task)
        if task in self.tasks:
            return self.tasks[task], role
        if role is not None and role in self.roles:
            return self.roles[role], role
        if self.default is not None:
            return self.default, role
        raise UserError(
            f"no margin for '{task}'" + (f" (role {role})" if role else ""),
            fix=f"add --margin {task}=POINTS, or --margin POINTS for all",
        )

    def check_names(self, tasks: Sequence[str]) -> None:
        """Every named task exists.

        Raises:
            UserError: a margin for a task that is not there.
        """
        for name in self.tasks:
            if name not in tasks:
                close = nearest(name, [*tasks, *Role])
                hint = f"did you mean '{close}'?" if close else f"there are: {', '.join(tasks)}"
                raise UserError(f"a margin is named for '{name}', which is not there", fix=hint)


def parse_margins(options: Sequence[str], alpha: float = 0.05) -> Rules:
    """Rules from `POINTS`, `ROLE=POINTS` and `TASK=POINTS`, in accuracy points.

    A margin below a quarter of a point is most likely a proportion (0.02 for 2 points), so it is refused
    unless its unit is written: `0.02pp`.

    Raises:
        UserError: not a number of points between 0 and 100, a name given twice, or no margin at all.
    """
    default: float | None = None
    roles: dict[Role, float] = {}
    tasks: dict[str, float] = {}
    for option in options:
        name, sign, text = option.rpartition("=")
        number = text.strip().removesuffix("%").removesuffix("points").removesuffix("pp")
        try:
            value = float(number) / 100
        except ValueError as error:
            raise UserError(
                f"--margin '{option}': '{text}' is not a number of points", fix="for example --margin 2"
            ) from error
        if 0 < value < SMALLEST and number == text.strip():
            head, meant = f"{name}{sign}", f"{10000 * value:g}"
            raise UserError(
                f"--margin '{option}': a margin is in points; {number} would be {meant} in 10,000 items",
                fix=f"for {meant} % give --margin {head}{meant}; if you mean {number} points, "
                f"--margin {head}{number}pp",
            )
        if not 0 < value < 1:
            raise UserError(f"--margin '{option}': a margin is more than 0 and less than 100 points")
        if not name:
            if default is not None:
                raise UserError("--margin for all tasks is given twice")
            default = value
        elif name in set(Role):
            roles[Role(name)] = value
        elif name in tasks:
            raise UserError(f"--margin for '{name}' is given twice")
        else:
            tasks[name] = value
    if default is None and not roles and not tasks:
        raise UserError(
            "a gate needs a margin: the largest loss you would accept, in points",
            fix="for example --margin 2, --margin generic=1 or --margin svamp=3",
        )
    return Rules(default, roles, tasks, alpha)
