"""Projection of a teacher's distributions from its own tokens to the student's tokens of the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smallsteps.training.alignment import Alignment, Chunk, align, warp
from smallsteps.training.spelling import Vocabulary, counterparts

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


class Projected(NamedTuple):
    """Distributions over the student's tokens.

    Attributes:
        ids, top: candidates (-1 where there is none) and their log-probabilities, shape (tokens, k). A token
            without candidates has no distribution.
        alignment: of the teacher's tokens with the student's; None with `dtw`, which does not look at bytes.
    """

    ids: Ints
    top: Floats
    alignment: Alignment | None


@dataclass(frozen=True, slots=True)
class Told:
    """The teacher's distributions on one text, token by token.

    Attributes:
        tokens: ids of its own tokens of the text, shape (tokens,); logprobs: theirs.
        ids, top: its candidates and their log-probabilities, shape (tokens, k), most probable first; -1 is
            none.
    """

    tokens: Ints
    logprobs: Floats
    ids: Ints
    top: Floats

    def part(self, begin: int, end: int | None = None) -> Told:
        """Some of its tokens."""
        return Told(
            self.tokens[begin:end], self.logprobs[begin:end], self.ids[begin:end], self.top[begin:end]
        )


@dataclass(slots=True)
class Projector:
    """Takes distributions from one vocabulary to another.

    Where both sides have one token for the same bytes, a distribution is taken over as it is: every candidate
    goes to the student's token that spells the same, and the mass of those that have none is left to the
    tail. Where tokens do not nest, the student's first token of the chunk gets the probability that the
    teacher gives to the tokens that spell it, its other candidates are the teacher's at the chunk's
    beginning, and the chunk's further tokens have no distribution: they follow from the first.

    Attributes:
        spellings: bytes of the teacher's tokens by id; None for an end of text or turn.
        student: the student's vocabulary.
        how: `bytes`, or `dtw` for the paper's rule.
    """

    spellings: Sequence[bytes | None]
    student: Vocabulary
    how: Literal["bytes", "dtw"] = "bytes"
    _plain: Ints = field(init=False)
    _spaced: Ints = field(init=False)

    def __post_init__(self) -> None:
        self._plain = np.array([*counterparts(self.spellings, self.student), -1], dtype=np.int32)
        spaced = counterparts(self.spellings, self.student, lead=b" ")
        own = [text is not None and text[:1].isspace() for text in self.spellings]
        self._spaced = np.array(
            [
                *(
                    plain if starts else other
                    for plain, other, starts in zip(self._plain, spaced, own, strict=False)
                ),
                -1,
            ],
            dtype=np.int32,
        )

    def spell(self, ids: Sequence[int] | Ints) -> list[bytes]:
        """Bytes of the teacher's tokens."""
        return [self.spellings[i] or b"" for i in ids]

    def project(self, told: Told, ids: Ints) -> Projected:
        """Distributions over a student's tokens of (nearly) the same text.

        Args:
            told: the teacher's distributions on the text.
            ids: the student's.
        """
        k = told.ids.shape[1]
        found: Ints = np.full((len(ids), k), -1, dtype=np.int32)
        top: Floats = np.full((len(ids), k), -np.inf, dtype=np.float32)
        ends = len(told.tokens) > 0 and self.spellings[told.tokens[-1]] is None
        if len(ids) and ids[-1] == self.student.end:  # ends spell nothing: they go with each other
            if ends:
                last = _once(self._plain[told.ids[-1:]], told.top[-1:])
                found[-1], top[-1] = last[0][0], last[1][0]
            ids = ids[:-1]
        if ends:
            told = told.part(0, -1)
        theirs, mine = self.spell(told.tokens), self.student.spell(ids)
        if self.how == "dtw":
            self._by_warping(told, theirs, mine, found, top)
            return Projected(found, top, None)
        aligned = align(theirs, mine)
        chunks = [c for c in aligned.chunks if c.matched and c.teacher[0] < c.teacher[1]]
        self._single(told, theirs, mine, chunks, aligned.exact, found, top)
        for chunk in chunks:
            if _length(chunk.teacher) > 1 or _length(chunk.student) > 1:
                self._joined(told, theirs, mine, ids, chunk, aligned.exact, found, top)
        return Projected(found, top, aligned)

    def _single(
        self,
        told: Told,
        theirs: Sequence[bytes],
        mine: Sequence[bytes],
        chunks: Sequence[Chunk],
        exact: bool,
        found: Ints,
        top: Floats,
    ) -> None:
        """One token on each side, all at once."""
        pairs = [
            (c.teacher[0], c.student[0])
            for c in chunks
            if _length(c.teacher) == 1 and _length(c.student) == 1 and mine[c.student[0]]
        ]
        if not pairs:
            return
        t, s = (np.array(side) for side in zip(*pairs, strict=True))
        table = np.array([_spaced(theirs[i], mine[j]) and not exact for i, j in pairs])
        candidates = np.where(table[:, None], self._spaced[told.ids[t]], self._plain[told.ids[t]])
        found[s], top[s] = _once(candidates, told.top[t])

    def _joined(
        self,
        told: Told,
        theirs: Sequence[bytes],
        mine: Sequence[bytes],
        ids: Ints,
        chunk: Chunk,
        exact: bool,
        found: Ints,
        top: Floats,
    ) -> None:
        """Several tokens on one side or on both."""
        (begin, end), (first, last) = chunk.teacher, chunk.student
        while not exact and first < last - 1 and not mine[first].strip():
            first += 1  # a space of its own: the tokens after it are what the teacher's spell
        lead = begin
        while not exact and lead < end - 1 and not theirs[lead].strip():
            lead += 1  # a new line that the student does not write
        wanted = len(mine[first] if exact else b"".join(mine[first].split()))
        reached, covering = 0, lead
        while covering < end and reached < wanted:
            reached += len(theirs[covering] if exact else b"".join(theirs[covering].split()))
            covering += 1
        if not wanted or reached < wanted:
            return
        before = float(told.logprobs[begin:lead].sum())
        table = self._spaced if not exact and _spaced(theirs[lead], mine[first]) else self._plain
        others = np.where(told.ids[lead] == told.tokens[lead], -1, table[told.ids[lead]])
        if first == last - 1 and covering == lead + 1:  # one token on each side but for the white space
            drawn = told.ids[lead] == told.tokens[lead]
            others, mass = np.where(drawn, ids[first], others), told.top[lead] + before
            found[first], top[first] = (part[0] for part in _once(others[None], mass[None]))
            return
        others = np.where(others == ids[first], -1, others)
        mass = before + float(told.logprobs[lead:covering].sum())
        candidates = np.concatenate([[ids[first]], others])
        values = np.concatenate([[mass], np.where(others >= 0, told.top[lead] + before, -np.inf)])
        candidates, values = (part[0] for part in _once(candidates[None], values[None].astype(np.float32)))
        best = np.argsort(-values, kind="stable")[: found.shape[1]]
        found[first], top[first] = candidates[best], values[best]

    def _by_warping(
        self, told: Told, theirs: Sequence[bytes], mine: Sequence[bytes], found: Ints, top: Floats
    ) -> None:
        """The paper's rule: an equal single token on the path gives its candidates; others have none."""
        texts = [[token.decode("utf-8", "replace") for token in side] for side in (theirs, mine)]
        for s, path in enumerate(warp(*texts)):
            if len(path) == 1 and theirs[path[0]] == mine[s] and mine[s]:
                ids, values = _once(self._plain[told.ids[path]], told.top[path])
                found[s], top[s] = ids[0], values[0]


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _spaced(theirs: bytes, mine: bytes) -> bool:
    """The student's token begins with a space that the teacher's lacks."""
    return mine[:1].isspace() and not theirs[:1].isspace()


def _once(ids: Ints, top: Floats) -> tuple[Ints, Floats]:
    """Candidates each once in their row, with the sum of their mass; -1 and -inf for what falls away."""
    ids = np.array(ids, dtype=np.int32)
    top = np.where(ids >= 0, top, -np.inf).astype(np.float32)
    order = np.sort(ids, axis=1)
    for row in np.flatnonzero(((order[:, 1:] == order[:, :-1]) & (order[:, 1:] >= 0)).any(axis=1)):
        first: dict[int, int] = {}
        for column, token in enumerate(ids[row].tolist()):
            if token < 0:
                continue
            if token in first:
                top[row, first[token]] = np.logaddexp(top[row, first[token]], top[row, column])
                ids[row, column], top[row, column] = -1, -np.inf
            else:
                first[token] = column
    return ids, top
