"""One of the processes that `together.start` has started: carries out the student's stage with the others."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.studies.together import say
from smallsteps.training.team import declared, speaks_first, together


def main(path: str) -> int:
    """The work of each process; returns the exit code."""
    team = declared()
    stage, out = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by the process that started this

    def report(done: float, total: float, note: str = "") -> None:
        if team.leads:
            say(progress=[done, total, note])

    try:
        with together(team):
            stage.work(out, report)
    except UserError as error:
        if speaks_first(team):
            where = None if error.where is None else str(error.where)
            say(error={"message": error.message, "where": where, "fix": error.fix, "code": error.code})
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
