"""Write the calibration tables of docs/methods.md: run this file with the names of tables, or none for all.

    python tests/calibration/calibration_table.py [reports] [grid] [calibration] [gates]

`reports` and `grid` take about five minutes of one core each, the others about ten. The numbers stand between
marker comments; the rest of the page is left alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import grid
import reports as rep
import simulations as sim
from scenarios import ENUMERATED, SCENARIOS, covers, holds
from shapes import COVERAGES, SHAPES, Run

from smallsteps.files import write_atomic

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
DRAWS, SEED, GATE_DRAWS, CONTROL_DRAWS = 10_000, 7, 2000, 1000
WORDS = {
    "level": "5 %",
    "at most": "5 % or less",
    "fails": "negative control: must exceed 5 %",
    "covers": "95 % (a point short allowed)",
    "misses": "negative control: must fall short",
}


def calibration() -> str:
    """Markdown table of false positives and coverages."""
    lines = [
        f"False positives at nominal 5 %, {DRAWS:,} draws a scenario, seed {SEED}.",
        "",
        "| world | procedure | rejects | wanted | shown |",
        "|---|---|---:|---|---|",
    ]
    for scenario in SCENARIOS:
        rates = scenario.run(DRAWS, SEED)
        for name, wanted in scenario.wanted.items():
            rate = rates[name]
            error = 1.96 * math.sqrt(rate * (1 - rate) / DRAWS)
            shown = "yes" if holds(rate, DRAWS, wanted) else "NO"
            lines.append(
                f"| {scenario.name} | {name} | {100 * rate:.1f} ± {100 * error:.1f} % "
                f"| {WORDS[wanted]} | {shown} |"
            )
        print(scenario.name, rates, file=sys.stderr, flush=True)
    lines += [
        "",
        "Coverage of 95 % intervals, by enumeration of all outcomes.",
        "",
        "| world | interval | covers | wanted | shown |",
        "|---|---|---:|---|---|",
    ]
    for world, run, wanted_all in ENUMERATED:
        rates = run()
        for name, wanted in wanted_all.items():
            shown = "yes" if covers(rates[name], wanted) else "NO"
            lines.append(f"| {world} | {name} | {100 * rates[name]:.1f} % | {WORDS[wanted]} | {shown} |")
    return "\n".join(lines)


def whole_reports() -> str:
    """Markdown tables of false statements in whole reports, and of coverage of their intervals."""
    lines = [
        f"Share of reports with a false statement, nominally 5 % at most; seed {SEED}, sd in points.",
        "",
        "| report | draws | any false statement | by kind | shown |",
        "|---|---:|---:|---|---|",
    ]
    for name, run, draws, _ in SHAPES:
        rates = run(draws, SEED)
        rate = rates.pop("any")
        error = 1.96 * math.sqrt(rate * (1 - rate) / draws)
        kinds = ", ".join(f"{kind} {100 * share:.1f}" for kind, share in sorted(rates.items()))
        verdict = "yes" if holds(rate, draws, "at most") else "NO"
        lines.append(
            f"| {name} | {draws} | {100 * rate:.1f} ± {100 * error:.1f} % | {kinds or '–'} | {verdict} |"
        )
        print(name, rate, file=sys.stderr, flush=True)
    lines += ["", "Negative controls: the same kinds of worlds, by procedures that must be caught.", ""]
    lines += ["| procedure | false | shown |", "|---|---:|---|"]
    for name, rate in rep.naive_reports(CONTROL_DRAWS, SEED).items():
        verdict = "yes" if holds(rate, CONTROL_DRAWS, "fails") else "NO"
        lines.append(f"| {name} | {100 * rate:.1f} % | {verdict} |")
    lines += ["", "Coverage of the 95 % intervals in reports.", ""]
    lines += ["| world | interval | covers | shown |", "|---|---|---:|---|"]
    return "\n".join([*lines, *coverage_rows(COVERAGES)])


def coverage_rows(entries: Iterable[tuple[str, Run, int]]) -> list[str]:
    """Lines of the table of coverages."""
    lines = []
    for name, run, draws in entries:
        for interval, rate in run(draws, SEED).items():
            verdict = "yes" if holds(1 - rate, draws, "at most") else "NO"
            error = 196 * math.sqrt(max(rate * (1 - rate), 0.25 / draws) / draws)
            lines.append(f"| {name} | {interval} | {100 * rate:.1f} ± {error:.1f} % | {verdict} |")
        print(*lines[-4:], sep="\n", file=sys.stderr, flush=True)
    return lines


def crossed_grid() -> str:
    """Markdown table of a fraction of the full cross of shapes."""
    return grid.table(grid.counts(SEED), SEED)


def gates() -> str:
    """Markdown table of P(PASS) and mean items of each gate."""
    lines = [
        f"One benchmark of 1319 items, discordance 20 %, one-sided 5 %; {GATE_DRAWS:,} simulated runs a row.",
        "",
        "| margin (points) | true change | fixed n: PASS | 5 looks: PASS | items | e-process: PASS | items |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    looks, watch = "O'Brien-Fleming, 5 looks", "e-process"
    for margin in (1, 2, 3, 4, 5):
        for delta in (-margin, 0, 3):
            rates, items = sim.gate(GATE_DRAWS, SEED, margin=margin / 100, delta=delta / 100)
            lines.append(
                f"| {margin} | {delta:+d} | {rates['Tango, fixed n']:.2f} | {rates[looks]:.2f} "
                f"| {items[looks]:.0f} | {rates[watch]:.2f} | {items[watch]:.0f} |"
            )
    return "\n".join(lines)


def replace_between(text: str, name: str, body: str) -> str:
    """The text with what stands between the markers of `name` replaced."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, rest = text.split(begin, 1)
    return f"{head}{begin}\n{body}\n{end}{rest.split(end, 1)[1]}"


if __name__ == "__main__":
    made = {"reports": whole_reports, "grid": crossed_grid, "gates": gates, "calibration": calibration}
    tables = {name: made[name]() for name in sys.argv[1:] or made}
    page = PAGE.read_text(encoding="utf-8")  # read last: the page may have been edited meanwhile
    for name, body in tables.items():
        page = replace_between(page, name, body)
    write_atomic(PAGE, page)
