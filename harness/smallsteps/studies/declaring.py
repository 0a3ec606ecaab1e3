"""When a study's claims were declared: written before the first evaluation, kept with every later change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from smallsteps.files import sha256_of
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.reports.study import Declared
from smallsteps.studies.stages.base import MARKER
from smallsteps.studies.study import ClaimSpec, Study

DECLARED, SCHEMA = "declared.json", "smallsteps.declared/1"


def declare(out: Path, study: Study) -> None:
    """Note the claims of a study in its folder, with the time and the number of evaluations done by then.

    Claims that are noted already leave the record as it is; other claims are added below the earlier ones,
    which stay.

    Raises:
        UserError: the record is damaged.
    """
    earlier = read_declared(out)
    terms = [terms_of(study, claim) for claim in study.claims]
    digest = sha256_of(terms)
    if (earlier and earlier[-1]["sha256"] == digest) or not (earlier or terms):
        return
    now = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": digest,
        "evaluations": sum(1 for _ in (out / "runs").glob(f"*/{MARKER}")),
        "claims": terms,
    }
    write_sealed(out / DECLARED, {"schema": SCHEMA, "declarations": [*earlier, now]})


def read_declared(out: Path) -> list[dict[str, Any]]:
    """All declarations of a study's folder, the earliest first; empty where none was noted.

    Raises:
        UserError: the record is damaged.
    """
    if not (out / DECLARED).exists():
        return []
    fix = "put the file back as it was; without it no claim of this folder can be shown to be earlier"
    found = read_sealed(out / DECLARED, SCHEMA, fix=fix)["declarations"]
    return list(found)


def terms_of(study: Study, claim: ClaimSpec) -> dict[str, Any]:
    """What a claim says, without its words: the students, and the tasks with what is asked of them."""
    asked = {task: suite for suite in study.suites.values() for task in suite.tasks}
    shown = {"limit", "samples", "temperature"}
    better, than = claim.sides
    margin = {} if claim.within is None else {"kind": claim.kind, "within": claim.within}
    return {
        "better": better,
        "than": than,
        **margin,
        "on": {
            task: asked[task].model_dump(mode="json", include=shown)
            for task in sorted(study.tasks_of(claim.on))
        },
    }


def declared_in(out: Path, study: Study) -> Declared | None:
    """What a report says of the declaration of a study's claims; None where nothing was noted.

    Raises:
        UserError: the record is damaged.
    """
    found = read_declared(out)
    if not found:
        return None
    terms = [terms_of(study, claim) for claim in study.claims]
    first = [_first(found, one) for one in terms]
    late = {number: one for number, one in enumerate(first) if one is None or one["evaluations"]}
    dropped = {
        sha256_of(one)
        for before, after in pairwise(found)
        for one in before["claims"]
        if after["evaluations"] and one not in after["claims"] and one not in terms
    }
    # the declaration by which all were declared; dropping others later makes no newer one
    whole = max((found.index(one) for one in first if one is not None), default=len(found) - 1)
    return Declared(
        day=str(found[whole]["at"])[:10],
        digest=str(found[whole]["sha256"]),
        evaluations=max((one["evaluations"] for one in late.values() if one is not None), default=0),
        late=tuple(late),
        dropped=len(dropped),
    )


def _first(found: Sequence[dict[str, Any]], terms: dict[str, Any]) -> dict[str, Any] | None:
    return next((entry for entry in found if terms in entry["claims"]), None)
