"""Test items in a training corpus: whole questions, and questions that agree nearly word for word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.problems import Problem, load_benchmark, load_problems

NGRAM = 8  # words; word problems are short, so that the 13 of GPT-3's report would see hardly anything
NEAR = 0.8  # share of an item's n-grams that one text must hold
LIMIT = 0.01  # share of a test set that may be in a corpus before it is an error
SCHEMA = "smallsteps.overlap/1"
# Words, numbers and signs that carry meaning: a bracket distinguishes two questions, a comma does not.
_WORDS = re.compile(r"[0-9a-z]+|[-+*/=<>^%$()\[\]{}|&~]")


@dataclass(frozen=True, slots=True)
class Hit:
    """One test item found in the corpus.

    Attributes:
        item: id of the problem; text: index of the corpus text that holds most of it.
        share: share of the item's n-grams found in that text.
        exact: whether the whole question is there, up to case, punctuation and spacing.
    """

    item: str
    text: int
    share: float
    exact: bool


@dataclass(frozen=True, slots=True)
class BenchmarkOverlap:
    """One test set: how many of its items are in the corpus, and which."""

    benchmark: str
    items: int
    exact: int
    near: int
    hits: tuple[Hit, ...] = ()

    @property
    def share(self) -> float:
        """Share of the items that are in the corpus, exactly or nearly."""
        return (self.exact + self.near) / self.items if self.items else 0.0


@dataclass(frozen=True, slots=True)
class OverlapReport:
    """All test sets compared with one corpus."""

    texts: int
    ngram: int
    near: float
    benchmarks: tuple[BenchmarkOverlap, ...]
    skipped: Mapping[str, str]

    def data(self) -> dict[str, Any]:
        """Plain values for manifests and JSON."""
        return {"schema": SCHEMA, **asdict(self)}

    def check(self, limit: float = LIMIT, allowed: Collection[str] = ()) -> None:
        """Refuse a corpus that holds more than `limit` of a test set, unless it is allowed by name.

        Raises:
            UserError: names every test set over the limit.
        """
        over = [b for b in self.benchmarks if b.share > limit and b.benchmark not in allowed]
        if over:
            lines = [
                f"{b.benchmark}: {b.exact + b.near} of {b.items} test items ({b.share:.1%}), "
                f"for example item '{b.hits[0].item}' in text {b.hits[0].text}"
                for b in over
            ]
            raise UserError(
                f"more than {limit:.1%} of a test set is in the corpus",
                fix="\n  ".join([*lines, "remove these texts from the corpus, or allow a benchmark by name"]),
                code=DATA,
            )


def overlap(
    texts: Iterable[str],
    benchmarks: Sequence[str],
    data: Path | None = None,
    *,
    ngram: int = NGRAM,
    near: float = NEAR,
    problems: Mapping[str, Sequence[Problem]] | None = None,
) -> OverlapReport:
    """Compare a corpus with the test sets of benchmarks.

    Args:
        texts: training texts, each with its question.
        benchmarks: names; those whose data are missing are skipped and named.
        data: offline data directory.
        ngram: words per n-gram; shorter items are compared whole.
        near: share of an item's n-grams in one text from which it counts as nearly there.
        problems: test items by benchmark, instead of loading them.

    Returns:
        Counts and hits per benchmark. An exact item is not counted again as near.
    """
    tested: dict[str, Sequence[Problem]] = dict(problems or {})
    skipped: dict[str, str] = {}
    for name in benchmarks:
        if name not in tested:
            try:
                tested[name] = load_problems(name, "test", data)
            except UserError as error:
                load_benchmark(name)  # an unknown or malformed benchmark is an error, missing data are not
                skipped[name] = error.message
    items = [(name, problem) for name in benchmarks if name in tested for problem in tested[name]]
    finder = _Finder([problem for _, problem in items], ngram, near)
    best: dict[int, tuple[float, int, bool]] = {}
    count = 0
    for number, text in enumerate(texts):
        count += 1
        for place, share, exact in finder.in_text(text):
            found = (share, -number, exact)
            if place not in best or (found[2], *found[:2]) > (best[place][2], *best[place][:2]):
                best[place] = found
    groups: dict[str, list[Hit]] = {name: [] for name in benchmarks if name in tested}
    for place in sorted(best):
        share, number, exact = best[place]
        name, problem = items[place]
        groups[name].append(Hit(problem.id, -number, round(share, 4), exact))
    return OverlapReport(
        count, ngram, near, tuple(_summary(n, len(tested[n]), hits) for n, hits in groups.items()), skipped
    )


def without_items(texts: Sequence[str], benchmarks: Sequence[str], data: Path | None = None) -> list[int]:
    """Places of the texts that hold no test item of these benchmarks, neither exactly nor nearly.

    Raises:
        UserError: the data of a benchmark are missing: what cannot be looked for cannot be left out.
    """
    problems = [problem for name in benchmarks for problem in load_problems(name, "test", data)]
    finder = _Finder(problems, NGRAM, NEAR)
    return [place for place, text in enumerate(texts) if next(finder.in_text(text), None) is None]


def plain(text: str) -> str:
    """A text without case, sentence marks and spacing."""
    return " ".join(_WORDS.findall(text.lower()))


def _summary(name: str, items: int, hits: list[Hit]) -> BenchmarkOverlap:
    exact = sum(hit.exact for hit in hits)
    return BenchmarkOverlap(name, items, exact, len(hits) - exact, tuple(hits))


class _Finder:
    """Finds test items in texts.

    Args:
        problems: the items; ngram, near: see `overlap`.
    """

    def __init__(self, problems: Sequence[Problem], ngram: int, near: float) -> None:
        self.index, self.sizes = _index(problems, ngram)
        self.wholes = [_asked(problem, ngram) for problem in problems]
        self.near = near

    def in_text(self, text: str) -> Iterator[tuple[int, float, bool]]:
        """Place, share of n-grams, and whether it is whole, of every item that the text holds."""
        read = plain(text)
        for place, hits in _matches(read.split(), self.index).items():
            share = hits / self.sizes[place]
            if share >= self.near:
                yield place, share, f" {self.wholes[place]} " in f" {read} "


def _index(problems: Sequence[Problem], ngram: int) -> tuple[dict[int, dict[str, list[int]]], list[int]]:
    """N-grams of all items by length, each with the items that have it; and the n-grams per item."""
    index: dict[int, dict[str, list[int]]] = {}
    sizes = []
    for place, problem in enumerate(problems):
        words = _asked(problem, ngram).split()
        length = min(ngram, max(len(words), 1))
        grams = set(_grams(words, length))
        sizes.append(max(len(grams), 1))
        of_length = index.setdefault(length, {})
        for gram in grams:
            of_length.setdefault(gram, []).append(place)
    return index, sizes


def _asked(problem: Problem, ngram: int) -> str:
    """The question without its options, which corpora lay out in many ways, if that says enough."""
    stem = plain(problem.question.split("\nOptions:\n")[0]) if problem.choices else ""
    return stem if len(stem.split()) >= ngram else plain(problem.question)


def _grams(words: Sequence[str], length: int) -> list[str]:
    return [" ".join(words[start : start + length]) for start in range(len(words) - length + 1)]


def _matches(words: Sequence[str], index: dict[int, dict[str, list[int]]]) -> Counter[int]:
    """How many different n-grams of each item occur in one text."""
    found: Counter[int] = Counter()
    for length, grams in index.items():
        for gram in set(_grams(words, length)):
            if gram in grams:
                found.update(grams[gram])
    return found
