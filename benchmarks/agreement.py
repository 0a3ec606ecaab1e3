"""How often the flexible rule agrees with verdicts that others gave, on sources it was not made on.

    python benchmarks/agreement.py MIRRORS [--runs] [--differences FILE]

MIRRORS holds git clones of the public repositories that `published_outputs.SOURCES` names; a missing one is
named with its command. Prints the table of docs/scoring.md ("Measured on sources that the rules were not made
on") for the rules that are installed. Only `smallsteps.answers` is imported, so that the columns of earlier
rules are made by the same script with an earlier commit:

    git worktree add EARLIER COMMIT
    PYTHONPATH=EARLIER/harness python benchmarks/agreement.py MIRRORS
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from published_outputs import SOURCES, Repository

from smallsteps.answers import FLEXIBLE_VERSION, Verdict, score
from smallsteps.problems import AnswerKind


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--runs", action="store_true", help="one line a run besides")
    parser.add_argument("--differences", type=Path, help="JSON lines of every output that differs")
    given = parser.parse_args()
    unread = [0, 0]
    differing: list[str] = []
    print(f"| source @ commit | read | kind | outputs | agree, `{FLEXIBLE_VERSION}` | differ |")
    print("|---|---|---|---:|---:|---:|")
    for read, name, commit, reader, said in SOURCES:
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        runs: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for output in reader(Repository(name, commit, given.mirrors)):
            found = score(output.response, output.gold, AnswerKind(output.kind), output.choices)
            agrees = (found.flexible is Verdict.RIGHT) == output.flag
            for tally in (counts[output.kind], runs[f"{output.run} ({output.kind})"]):
                tally[0] += 1
                tally[1] += agrees
            if not agrees:
                row = {"source": name, "run": output.run, "response": output.response, "gold": output.gold}
                verdict = {"flag": output.flag, "ours": str(found.flexible), "extracted": found.extracted}
                differing.append(json.dumps({**row, **verdict}))
        head = f"{name} @ {commit[:12]}" + (f" ({said})" if said else "")
        for kind, (outputs, agree) in counts.items():
            shown = f"{100 * agree / outputs:.2f} | {outputs - agree}"
            print(f"| {head} | {('yes' if read else 'no') if head else ''} | {kind} | {outputs} | {shown} |")
            head = ""
            if not read:
                unread[0] += outputs
                unread[1] += outputs - agree
        for run, (outputs, agree) in runs.items() if given.runs else ():
            print(f"| | | {run} | {outputs} | {100 * agree / outputs:.2f} | {outputs - agree} |")
    print(f"\nunread sources: {unread[0]:,} outputs, {unread[1]:,} differ")
    if given.differences:
        given.differences.write_text("".join(line + "\n" for line in differing), encoding="utf-8")


if __name__ == "__main__":
    main()
