"""Stages carried out in this process: no worker is started, so that libraries are imported once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smallsteps.studies.prepare import Prepared, prepare
from smallsteps.studies.report import Finished, write_report
from smallsteps.studies.runner import Carried
from smallsteps.studies.stages import Stage


def carry(stages: Iterable[Stage], out: Path) -> None:
    """The stages that are not done yet, in their order."""
    for stage in stages:
        if not stage.is_done(out):
            stage.work(out, lambda done, total, note: None)
            stage.mark_done(out)


def carried_out(study: Path, out: Path, data: Path | None = None) -> tuple[Prepared, Finished]:
    """All stages that are not done yet, one after the other, and the report."""
    prepared = prepare(study, out, data=data)
    carry(prepared.plan.stages(), prepared.out)
    return prepared, write_report(prepared, Carried(0, {}))
