"""The one error a user sees: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from smallsteps.terminal import visible_text

# Exit codes of the command line (0 yes, 1 the answer is no, 2 undecided) start their error range at 64,
# following sysexits.h so that shells and CI systems can tell a typo from a full disk.
USAGE = 64
DATA = 65
NO_INPUT = 66
SOFTWARE = 70
OS_ERROR = 71
CANNOT_CREATE = 73
IO_ERROR = 74
UNAVAILABLE = 69
INTERRUPTED = 130
TERMINATED = 143


class UserError(Exception):
    """A mistake or circumstance the user can mend.

    Args:
        message: what is wrong, in one sentence.
        where: file, line, key or row it was found at.
        fix: what to do about it.
        code: process exit code (64 or above, see the constants of this module).
    """

    def __init__(
        self, message: str, *, where: str | None = None, fix: str | None = None, code: int = USAGE
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        # names, paths and messages of libraries may hold anything, and this text goes to a terminal
        return visible_text(f"{head}\n  {self.fix}" if self.fix else head, keep_lines=True)


SHOWN = 20  # errors of one configuration; whoever has more mends these first


class ConfigError(UserError):
    """All the errors of one configuration at once, one a line."""

    def __init__(self, errors: list[UserError]) -> None:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        super().__init__(f"{count} in the configuration", code=USAGE)
        self.errors = errors

    def __str__(self) -> str:
        more = len(self.errors) - SHOWN
        lines = [self.message + ":", *(f"- {error}" for error in self.errors[:SHOWN])]
        return "\n".join([*lines, f"- and {more} more"] if more > 0 else lines)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to a mistyped one, or None when none is close."""
    candidates = sorted(known)
    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    if not found:
        lowered = {candidate.lower(): candidate for candidate in candidates}
        found = [
            lowered[m] for m in difflib.get_close_matches(name.lower(), sorted(lowered), n=1, cutoff=0.6)
        ]
    return found[0] if found else None


def unknown_name(
    kind: str,
    name: str,
    known: Iterable[str],
    *,
    where: str | None = None,
    hint: str | None = None,
    code: int = USAGE,
) -> UserError:
    """A UserError for a name that does not exist, with the nearest one that does.

    Args:
        kind: what the name should be one of.
        name: as it was given.
        known: all names there are.
        where: file, line and key, or the option it was given with.
        hint: what else may help, said when no known name is close.
        code: process exit code.
    """
    names = sorted(known)
    close = nearest(name, names)
    if close:
        fix = f"did you mean '{close}'?"
    elif len(names) <= 12:
        fix = f"known: {', '.join(names)}" if names else f"there is no {kind} at all"
    else:
        fix = f"{len(names)} are known, for example {', '.join(names[:5])}"
    if hint and not close:
        fix = f"{fix}; {hint}"
    sign = ":" if "'" in kind else ""  # unknown split of 'svamp': 'trian'
    return UserError(f"unknown {kind}{sign} '{name}'", where=where, fix=fix, code=code)
