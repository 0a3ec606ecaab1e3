"""Score every real model output of the data directory and write what differs from the published verdicts.

    python docs/scripts/score_real_outputs.py --data DIR

Writes the measured part of docs/scoring.md and docs/scoring_differences.tsv (one line per difference).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from causes import cause, cover_cause
from real_outputs import Output, all_outputs

from smallsteps.answers import FLEXIBLE_VERSION, STRICT_VERSION, Verdict, extract, score
from smallsteps.answers.compat import compat
from smallsteps.files import write_atomic
from smallsteps.problems import AnswerKind

DOCS = Path(__file__).parents[1]
COUNTS = ("items", "flagged", "differ", "cover", "judge", "both_miss", "compat_right", "compat_differ")
FLAGGED = ("GSM8K examples", "Abel", "Zero-shot logs")  # sources that publish a verdict on each number
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(slots=True)
class Tally:
    """Counts of one run."""

    kind: AnswerKind
    items: int = 0
    flagged: int = 0
    flexible: Counter[str] = field(default_factory=Counter)
    strict: Counter[str] = field(default_factory=Counter)
    differ: int = 0
    cover: int = 0
    judge: int = 0
    both_miss: int = 0
    compat_right: int = 0
    compat_differ: int = 0
    has_rule: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One output on which the flexible rule and a published verdict differ."""

    output: Output
    against: str
    flag: bool
    flexible: Verdict
    extracted: str | None
    cause: str


def score_all(data: Path) -> tuple[dict[tuple[str, str], Tally], list[Difference]]:
    """Tallies per (source, run) and all differences, in the order of the data."""
    tallies: dict[tuple[str, str], Tally] = {}
    differences: list[Difference] = []
    for output in all_outputs(data):
        tally = tallies.setdefault((output.source, output.run), Tally(output.kind))
        result = score(output.response, output.gold, output.kind, output.choices, output.aliases)
        tally.items += 1
        tally.flexible[result.flexible] += 1
        tally.strict[result.strict] += 1
        flag = output.flag
        if output.rule:
            text = output.response if output.rule_text is None else output.rule_text
            right = compat(output.rule, text, output.gold).right
            tally.has_rule = True
            tally.compat_right += right
            tally.compat_differ += output.rule_flag is not None and right != output.rule_flag
            flag = right if flag is None else flag
        ok = result.flexible is Verdict.RIGHT
        if output.cover is not None:
            tally.cover += output.cover
            tally.judge += bool(output.judge)
            tally.both_miss += bool(output.cover and output.judge and not ok)
            if output.cover != ok:
                reason = cover_cause(result)
                differences.append(
                    Difference(output, "cover", output.cover, result.flexible, result.extracted, reason)
                )
        if flag is None:
            continue
        tally.flagged += flag
        if flag != ok:
            tally.differ += 1
            found = extract(output.response, output.kind, output.choices)
            reason = cause(output, result, found, flag)
            differences.append(
                Difference(output, "published", flag, result.flexible, result.extracted, reason)
            )
    return tallies, differences


def agreement(
    tallies: dict[tuple[str, str], Tally], kind: AnswerKind, sources: Collection[str] = ()
) -> tuple[int, int]:
    """(items on which flexible and the published verdict agree, items) of one kind and some sources."""
    chosen = [
        tally
        for (source, _), tally in tallies.items()
        if tally.kind is kind and (not sources or source in sources)
    ]
    items = sum(tally.items for tally in chosen)
    return items - sum(tally.differ for tally in chosen), items


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}"


def measured(tallies: dict[tuple[str, str], Tally], differences: list[Difference]) -> str:
    """The Markdown between the two marks."""
    parts = [f"Rules: `{STRICT_VERSION}`, `{FLEXIBLE_VERSION}`.", by_kind(tallies), by_run(merged(tallies))]
    return "\n\n".join([*parts, spans(tallies), why(tallies, differences)]) + "\n"


def by_kind(tallies: dict[tuple[str, str], Tally]) -> str:
    lines = [
        "### Agreement by answer kind",
        "",
        "| kind | outputs | flexible agrees with the published verdict |",
    ]
    lines.append("|---|---:|---:|")
    for kind in AnswerKind:
        same, items = agreement(tallies, kind)
        lines.append(f"| {kind} | {items} | {same} ({percent(same, items)} %) |")
    same, items = agreement(tallies, AnswerKind.NUMBER, FLAGGED)
    lines.append(f"| number, verdict published per output | {items} | {same} ({percent(same, items)} %) |")
    return "\n".join(lines)


def by_run(tallies: dict[tuple[str, str], Tally]) -> str:
    lines = ["### By run", ""]
    lines.append(
        "| source | run | n | published % | compat % | flexible % | unparsed % | strict % | differ |"
    )
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for (source, run), tally in tallies.items():
        n = tally.items
        known = tally.has_rule or tally.flagged or tally.differ or tally.cover
        right = tally.flexible[Verdict.RIGHT]
        cells = [
            source,
            run,
            str(n),
            percent(tally.flagged, n) if known else "-",
            percent(tally.compat_right, n) if tally.has_rule else "-",
            percent(right, n),
            percent(tally.flexible[Verdict.UNPARSED], n),
            percent(tally.strict[Verdict.RIGHT], n),
            str(tally.differ) if known else "-",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spans(tallies: dict[tuple[str, str], Tally]) -> str:
    """Bamboogle against its three published columns."""
    lines = ["### Spans: Bamboogle against its three columns", ""]
    lines.append("| model | n | exact match | flexible | occurs somewhere | judge model | lost |")
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    models: dict[str, Counter[str]] = {}
    for (source, run), tally in tallies.items():
        if source == "Bamboogle":
            counts = models.setdefault(run.split()[0], Counter())
            counts.update(
                n=tally.items, exact=tally.flagged, flexible=tally.flexible[Verdict.RIGHT], cover=tally.cover,
                judge=tally.judge, lost=tally.both_miss,
            )  # fmt: skip
    for model, counts in models.items():
        cells = [str(counts[name]) for name in ("n", "exact", "flexible", "cover", "judge", "lost")]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Lost: the gold answer occurs, the judge model agrees, and the flexible rule does not single it out.",
    ]
    return "\n".join(lines)


def why(tallies: dict[tuple[str, str], Tally], differences: list[Difference]) -> str:
    lines = ["### Why they differ", "", "| source | against | verdict | flexible | cause | outputs |"]
    lines.append("|---|---|---|---|---|---:|")
    causes = Counter(
        (one.output.source, one.against, "right" if one.flag else "wrong", one.flexible.value, one.cause)
        for one in differences
    )
    order = {source: place for place, source in enumerate(dict.fromkeys(source for source, _ in tallies))}
    for key, count in sorted(
        causes.items(), key=lambda item: (order[item[0][0]], item[0][1], -item[1], item[0])
    ):
        lines.append("| " + " | ".join(key) + f" | {count} |")
    return "\n".join(lines)


def merged(tallies: dict[tuple[str, str], Tally]) -> dict[tuple[str, str], Tally]:
    """The 54 BBH runs as two lines; everything else as it is."""
    result: dict[tuple[str, str], Tally] = {}
    for (source, run), tally in tallies.items():
        key = (source, run.split()[0] + " (27 tasks)") if source == "BBH" else (source, run)
        into = result.setdefault(key, Tally(tally.kind))
        for name in COUNTS:
            setattr(into, name, getattr(into, name) + getattr(tally, name))
        into.flexible += tally.flexible
        into.strict += tally.strict
        into.has_rule = tally.has_rule
    return result


def table_of(differences: list[Difference]) -> str:
    """One tab-separated line per difference."""
    lines = ["source\trun\tid\tagainst\tverdict\tflexible\textracted\tgold\tcause"]
    for one in differences:
        extracted = "" if one.extracted is None else one.extracted
        short = extracted if len(extracted) <= 40 else extracted[:39] + "…"
        cells = [
            one.output.source,
            one.output.run,
            one.output.id,
            one.against,
            "right" if one.flag else "wrong",
            one.flexible.value,
            short,
            one.output.gold,
            one.cause,
        ]
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="offline data directory")
    data: Path = parser.parse_args().data
    tallies, differences = score_all(data)
    page = (DOCS / "scoring.md").read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    write_atomic(DOCS / "scoring.md", f"{head}{BEGIN}\n{measured(tallies, differences)}{END}{tail}")
    write_atomic(DOCS / "scoring_differences.tsv", table_of(differences))
    print(f"{sum(tally.items for tally in tallies.values())} outputs, {len(differences)} differences")


if __name__ == "__main__":
    main()
