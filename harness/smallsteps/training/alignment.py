"""Tokens of one tokenizer set against tokens of another, over the bytes that both spell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

_SPACE = b" \t\n\r\x0b\x0c"
_SURE = 6  # equal bytes after which two texts count as aligned again
_REACH = 96  # bytes that are looked ahead for such a place


@dataclass(frozen=True, slots=True)
class Chunk:
    """A shortest stretch of text at whose ends both sides have a token boundary.

    Attributes:
        teacher, student: (first, last + 1) of the tokens on each side; one of them may be empty.
        matched: the two sides spell the same bytes (but for white space, see `Alignment.exact`).
    """

    teacher: tuple[int, int]
    student: tuple[int, int]
    matched: bool


@dataclass(frozen=True, slots=True)
class Alignment:
    """Chunks in order, which hold every token of both sides once.

    Attributes:
        exact: both sides spell the same bytes. Otherwise white space is left out of the comparison (a
            SentencePiece model turns a new line into a space), and what a vocabulary cannot spell is
            unmatched.
        matched: bytes of the teacher's text in matched chunks; total: all of them, counted alike.
    """

    chunks: tuple[Chunk, ...]
    exact: bool
    matched: int
    total: int

    @property
    def coverage(self) -> float:
        """Share of the teacher's bytes in matched chunks; 1 for an empty text."""
        return self.matched / self.total if self.total else 1.0


def align(teacher: Sequence[bytes], student: Sequence[bytes]) -> Alignment:
    """Align two tokenizations of one text on its bytes: monotone, in time linear in its length.

    Tokens are given by the bytes they spell (`Vocabulary.spell`). For tokenizers that lose nothing the result
    is exact: chunks end where both sides have a boundary. A token without bytes of its own (a new line beside
    a tokenizer without one) belongs to the chunk after it.

    >>> found = align([b" earns", b" $", b"12", b"."], [b" earn", b"s", b" $12", b"."])
    >>> [(chunk.teacher, chunk.student) for chunk in found.chunks]
    [((0, 1), (0, 2)), ((1, 3), (2, 3)), ((3, 4), (3, 4))]
    >>> found.coverage
    1.0
    """
    exact = b"".join(teacher) == b"".join(student)
    if not exact:
        teacher = [token.translate(None, _SPACE) for token in teacher]
        student = [token.translate(None, _SPACE) for token in student]
    ends = [list(accumulate(map(len, side), initial=0)) for side in (teacher, student)]
    first, second = b"".join(teacher), b"".join(student)
    segments = [(0, 0, len(first))] if first == second else _equal_runs(first, second)
    chunks, matched = _chunks(ends[0], ends[1], segments)
    return Alignment(tuple(chunks), exact, matched, len(first))


def _chunks(
    teacher: list[int], student: list[int], segments: list[tuple[int, int, int]]
) -> tuple[list[Chunk], int]:
    """Cut at boundaries that both sides share within a segment; chunks, and the matched teacher's bytes."""
    places = {end: index for index, end in reversed(list(enumerate(student)))}  # first token that reaches it
    cuts: list[tuple[int, int]] = [(0, 0)]
    index = 0
    for start, other, length in segments:
        while index < len(teacher) and teacher[index] <= start + length:
            end = teacher[index]
            found = places.get(other + end - start) if end >= start else None
            before = teacher[cuts[-1][0]], student[cuts[-1][1]]
            if found is not None and end > before[0] and student[found] > before[1]:
                cuts.append((index, found))
            index += 1
    last = (len(teacher) - 1, len(student) - 1)
    if cuts[-1] != last:
        # trailing tokens without bytes go with the last chunk, unless it is the only cut
        if len(cuts) > 1 and (teacher[cuts[-1][0]], student[cuts[-1][1]]) == (teacher[-1], student[-1]):
            cuts[-1] = last
        else:
            cuts.append(last)
    known = [(start, other, start + length) for start, other, length in segments]
    chunks, matched, place = [], 0, 0
    for (i, j), (k, m) in pairwise(cuts):
        begin, end = teacher[i], teacher[k]
        while place < len(known) - 1 and known[place][2] < end:
            place += 1
        inside = bool(known) and known[place][0] <= begin and end <= known[place][2]
        shift = known[place][1] - known[place][0] if known else 0
        same = inside and student[j] == begin + shift and student[m] == end + shift
        chunks.append(Chunk((i, k), (j, m), same))
        matched += end - begin if same else 0
    return chunks, matched


def _equal_runs(first: bytes, second: bytes) -> list[tuple[int, int, int]]:
    """Equal stretches (start, start, length) of two texts that differ here and there, in order."""
    found: list[tuple[int, int, int]] = []
    i = j = 0
    while i < len(first) and j < len(second):
        length = _common(first, second, i, j)
        if length:
            found.append((i, j, length))
            i, j = i + length, j + length
        step = _next_equal(first, second, i, j)
        if step is None:
            break
        i, j = i + step[0], j + step[1]
    return found


def _common(first: bytes, second: bytes, i: int, j: int) -> int:
    """Length of the equal stretch that begins at i and j."""
    low, high = 0, min(len(first) - i, len(second) - j)
    while low < high:
        middle = (low + high + 1) // 2
        if first[i + low : i + middle] == second[j + low : j + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _next_equal(first: bytes, second: bytes, i: int, j: int) -> tuple[int, int] | None:
    """Fewest bytes to leave out on both sides until the texts agree again, within reach."""
    for skipped in range(1, 2 * _REACH):
        for a in range(max(0, skipped - _REACH), min(skipped, _REACH) + 1):
            b = skipped - a
            part = first[i + a : i + a + _SURE]
            if part and part == second[j + b : j + b + _SURE]:
                rests = len(first) - i - a, len(second) - j - b
                if len(part) == _SURE or rests[0] == rests[1]:
                    return a, b
    return None


def warp(teacher: Sequence[str], student: Sequence[str]) -> list[list[int]]:
    """Dynamic time warping of two token lists by edit distance, as Fu et al. (2023, 2301.12726) align.

    The cheapest monotone path through all pairs, the cost of a pair being the Levenshtein distance of the two
    tokens without their space marks. Unlike `align` it does not ask whether tokens spell the same text.

    Returns:
        For each student token the indices of the teacher's tokens on the path, in order.

    >>> warp(["W", "eng", " earns"], ["▁We", "ng", "▁earn", "s"])
    [[0], [1], [2], [2]]
    """
    rows, columns = [_bare(t) for t in student], [_bare(t) for t in teacher]
    distance = {(r, c): _edits(r, c) for r in set(rows) for c in set(columns)}
    total: NDArray[np.float64] = np.full((len(rows) + 1, len(columns) + 1), np.inf)
    total[0, 0] = 0.0
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = distance[row, column] + before
    found: list[list[int]] = [[] for _ in rows]
    i, j = len(rows) - 1, len(columns) - 1
    while i >= 0 and j >= 0:
        found[i].insert(0, j)
        steps = (total[i, j], total[i, j + 1], total[i + 1, j])  # both, the student's, the teacher's token
        way = steps.index(min(steps))
        i, j = i - (way != 2), j - (way != 1)
    return found


def _bare(token: str) -> str:
    return token.replace("▁", "").replace("Ġ", "").replace(" ", "")


def _edits(first: str, second: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
