"""A study carried out in this process: no worker is started, so that libraries are imported once."""

from __future__ import annotations

from pathlib import Path

from smallsteps.studies.prepare import Prepared, prepare
from smallsteps.studies.report import Finished, write_report
from smallsteps.studies.runner import Carried


def carried_out(study: Path, out: Path, data: Path | None = None) -> tuple[Prepared, Finished]:
    """All stages that are not done yet, one after the other, and the report."""
    prepared = prepare(study, out, data=data)
    for stage in prepared.plan.stages():
        if not stage.is_done(prepared.out):
            stage.work(prepared.out, lambda done, total, note: None)
            stage.mark_done(prepared.out)
    return prepared, write_report(prepared, Carried(0, {}))
