"""What a corpus is like: kept and dropped by reason, lengths, duplicates, steps, agreement, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, median
from typing import Any

from smallsteps.answers import majority
from smallsteps.corpora.equations import find_equations
from smallsteps.corpora.planning import planning_text
from smallsteps.corpora.selection import Selection
from smallsteps.corpora.verify import wrong_steps
from smallsteps.problems import Problem, Rationale
from smallsteps.teachers.model import Sample
from smallsteps.teachers.prices import shown

SCHEMA = "smallsteps.corpus_quality/1"


@dataclass(slots=True)
class Quality:
    """Figures of one corpus; `None` where a figure does not apply.

    Attributes:
        problems, problems_kept: problems asked, and those with at least one kept rationale.
        samples: stored samples; absent: asked for and not there; kept; dropped: by reason.
        right, wrong, unparsed: verdicts over all samples with status ok and a gold answer.
        words: length of the kept rationales in words, learnt thoughts included: mean, median, least, most.
        lengths: kept rationales by length in words, in classes that double.
        steps: kept rationales by number of steps (sub-questions, else equations).
        wrong_steps: kept rationales with an equation or annotation that does not hold.
        duplicates: kept rationales whose text another of the same problem has.
        agreement: mean share of a problem's samples that give its majority answer (problems with 2 or more).
        per_problem: kept rationales per problem, by number of problems.
        prompt_tokens, completion_tokens: over all samples, and the answers of screening.
        dollars: cost of all samples; dollars_per_kept: the same per kept rationale.
        disputed: samples (`problem#index`) whose source and check disagree, by what the source says.
        overlap: test items found in the corpus, by test set; None where that was not checked.
        planning: tokens of static and of dynamic planning, where a tokenizer was named.
        encoder: sentence encoder whose clusters the filter went by, with the hash of its weights.
    """

    problems: int
    problems_kept: int
    samples: int
    absent: int
    kept: int
    dropped: dict[str, int]
    right: int
    wrong: int
    unparsed: int
    words: dict[str, float]
    steps: dict[str, int]
    wrong_steps: int
    duplicates: int
    agreement: float | None
    per_problem: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None = None
    dollars_per_kept: float | None = None
    overlap: dict[str, Any] | None = None
    disputed: dict[str, list[str]] = field(default_factory=dict)
    encoder: str | None = None
    planning: dict[str, Any] | None = None
    lengths: dict[str, int] = field(default_factory=dict)

    def pay(self, dollars: float) -> None:
        """Note what all samples have cost."""
        self.dollars = dollars
        self.dollars_per_kept = dollars / self.kept if self.kept else None

    def data(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"schema": SCHEMA, **asdict(self)}


def read_quality(data: dict[str, Any]) -> Quality:
    """Inverse of `Quality.data`."""
    return Quality(**{name: value for name, value in data.items() if name != "schema"})


def measure(
    problems: Sequence[Problem],
    samples: dict[str, list[Sample]],
    selection: Selection,
) -> Quality:
    """Figures of a selection."""
    rows = [row for group in samples.values() for row in group]
    verified = [r for group in selection.verified.values() for r in group]
    kept = selection.rationales
    lengths = [len(f"{r.thoughts} {r.text}".split()) for r in kept]
    per_problem = Counter(r.problem_id for r in kept)
    seen: set[tuple[str, str]] = set()
    duplicates = 0
    for rationale in kept:
        mark = (rationale.problem_id, " ".join(rationale.text.lower().split()))
        duplicates += mark in seen
        seen.add(mark)
    by_id = {problem.id: problem for problem in problems}
    shares = []
    for name, group in selection.verified.items():
        if len(group) > 1:
            vote = majority([r.answer for r in group], by_id[name].kind)
            shares.append(vote.count / len(group))
    steps = Counter(len(r.steps) or len(find_equations(r.text)) for r in kept)
    return Quality(
        problems=len(problems),
        problems_kept=len(per_problem),
        samples=len(rows),
        absent=selection.absent,
        kept=len(kept),
        dropped=dict(sorted(selection.dropped.items())),
        right=sum(r.correct is True for r in verified),
        wrong=sum(r.correct is False and r.answer is not None for r in verified),
        unparsed=sum(r.answer is None for r in verified),
        words=_spread(lengths),
        steps={str(n): count for n, count in sorted(steps.items())},
        wrong_steps=sum(bool(wrong_steps(r.text)) for r in kept),
        duplicates=duplicates,
        agreement=round(mean(shares), 6) if shares else None,
        per_problem={str(n): count for n, count in sorted(Counter(per_problem.values()).items())},
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        disputed=_disputed(samples, verified),
        lengths=_classes(lengths),
    )


def _disputed(samples: dict[str, list[Sample]], verified: Sequence[Rationale]) -> dict[str, list[str]]:
    """Samples that the source calls right and the check calls wrong, or the other way round."""
    checked = {(r.problem_id, r.sample): r.correct for r in verified}
    found: dict[str, list[str]] = {}
    for name, rows in samples.items():
        for row in rows:
            says, is_right = row.extra.get("correct_cot"), checked.get((name, row.sample))
            if isinstance(says, bool) and is_right is not None and says != is_right:
                found.setdefault("right" if says else "wrong", []).append(f"{name}#{row.sample}")
    return found


def _spread(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "mean": round(mean(values), 3),
        "median": float(median(values)),
        "least": float(min(values)),
        "most": float(max(values)),
    }


def _classes(values: Sequence[int]) -> dict[str, int]:
    """How many values are 0, 1, 2 to 3, 4 to 7 and so on; no class between two others is left out."""
    if not values:
        return {}
    counts = Counter(value.bit_length() for value in values)
    found = {}
    for size in range(min(counts), max(counts) + 1):
        least, most = (1 << size) >> 1, (1 << size) - 1
        found[f"{least}-{most}" if most > least else str(least)] = counts[size]
    return found


def text_report(quality: Quality) -> str:
    """The figures as lines of text."""
    q = quality
    share = f" ({100 * q.kept / q.samples:.1f} %)" if q.samples else ""
    lines = [
        f"problems   {q.problems_kept} of {q.problems} have a kept rationale",
        f"samples    {q.samples} stored, {q.absent} asked for and absent",
        f"kept       {q.kept}{share}",
        *(f"  dropped  {count:>7} {reason}" for reason, count in q.dropped.items()),
        f"verdicts   {q.right} right, {q.wrong} wrong, {q.unparsed} unparsed",
    ]
    if q.words:
        w = q.words
        lines.append(
            f"words      mean {w['mean']:.1f}, median {w['median']:.0f}, {w['least']:.0f} to {w['most']:.0f}"
        )
        lines.append("           " + ", ".join(f"{words}: {count}" for words, count in q.lengths.items()))
    if q.steps:
        lines.append("steps      " + ", ".join(f"{n}: {count}" for n, count in q.steps.items()))
    lines.append(f"defects    {q.wrong_steps} with a wrong equation, {q.duplicates} duplicates")
    for says, names in sorted(q.disputed.items()):
        lines.append(f"disputed   {len(names)} that the source calls {says}: {', '.join(names[:5])}, ...")
    if q.encoder is not None:
        lines.append(f"encoder    {q.encoder}")
    if q.agreement is not None:
        lines.append(f"agreement  {100 * q.agreement:.1f} % of a problem's samples give its majority answer")
    if q.completion_tokens:
        lines.append(f"tokens     {q.prompt_tokens} prompt, {q.completion_tokens} completion")
    if q.planning is not None:
        lines += planning_text(q.planning)
    if q.dollars is not None:
        each = f", {shown(q.dollars_per_kept)} per kept rationale" if q.dollars_per_kept is not None else ""
        lines.append(f"dollars    {shown(q.dollars)}{each}")
    hits = {name: f for name, f in (q.overlap or {}).items() if f["exact"] or f["near"]}
    for name, found in hits.items():
        how = f"{found['exact']} exactly, {found['near']} nearly"
        lines.append(f"overlap    {name}: of {found['items']} test items {how}")
    if q.overlap is not None and not hits:
        lines.append(f"overlap    none with {len(q.overlap)} test sets")
    return "\n".join(lines) + "\n"
