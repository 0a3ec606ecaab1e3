"""Verdicts of `score` as an HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from smallsteps.answers.model import RULES_VERSION, Verdict
from smallsteps.outcomes import Outcome, OutcomeTable, Status
from smallsteps.reports.numbers import count, rate
from smallsteps.reports.page.items import ItemColumn, Sample, collect_items
from smallsteps.reports.page.simple import Part, SimplePage, Table, to_html


def page(name: str, rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """Counts of both rules first, and every response with what was read from it below.

    Args:
        name: of the file.
        rows: each row of the file with its verdict, as `smallsteps.answers.rescoring.verdicts` gives it.
    """
    counts: Counter[tuple[str, str]] = Counter()
    outcomes, texts = [], {}
    for number, (row, verdict) in enumerate(rows, start=1):
        counts.update((rule, verdict[rule]) for rule in RULES_VERSION)
        item = f"{number:06d}" if verdict.get("id") is None else f"{number:06d} {verdict['id']}"
        texts[item] = Sample(str(row.get("question") or ""), (str(row["response"]),))
        outcomes.append(_outcome(name, item, row, verdict))
    total = len(outcomes)
    lines = tuple(
        (version, *(_share(counts[rule, verdict.value], total) for verdict in Verdict))
        for rule, version in RULES_VERSION.items()
    )
    table = Table(
        "scores", f"{count(total)} responses.", ("Rule", *(v.value.capitalize() for v in Verdict)), lines
    )
    items = collect_items(
        OutcomeTable.of(outcomes),
        [(name, name)],
        [ItemColumn(name, name, (name,))],
        lambda s, n, t, i: texts.get(i),
    )
    right = counts["flexible", Verdict.RIGHT.value]
    headline = f"{count(right)} of {count(total)} responses are right under the flexible rule."
    about = Part(
        "rules",
        "Rules",
        sentences=(
            "Flexible: the last stated answer counts. Strict: only the exact answer format counts.",
            "A response from which no answer can be read is unparsed, and counts as wrong.",
        ),
    )
    return to_html(SimplePage("scores", name, (("Result", headline, "rules"),), (table,), (about,), items))


def _outcome(name: str, item: str, row: Mapping[str, Any], verdict: Mapping[str, Any]) -> Outcome:
    flexible = verdict["flexible"]
    status = Status.UNPARSED if flexible == Verdict.UNPARSED.value else Status.OK
    return Outcome(
        student=name,
        task=name,
        item=item,
        score=float(flexible == Verdict.RIGHT.value),
        status=status,
        extracted=verdict.get("extracted"),
        gold=str(row["answer"]),
    )


def _share(number: int, total: int) -> str:
    return f"{count(number)} ({rate(number / total)})" if total else "0"
