"""Further targets of the loss at each token: distribution, weight, format, wrongness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.corpora.distributions import Distributions, Drawn
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.training.projection import Floats, Ints, Projected, Projector, Told
from smallsteps.training.settings import ObjectiveSpec
from smallsteps.training.spelling import ENDS, Vocabulary
from smallsteps.training.tokens import Encoded

if TYPE_CHECKING:
    from smallsteps.schemes import Example


@dataclass(frozen=True, slots=True)
class Stored:
    """Distributions of target tokens, in files that are mapped into memory.

    Attributes:
        starts: row of the first target token of each example, shape (examples,); -1 where it has none.
        ids, top: candidates in the student's vocabulary and their log-probabilities, shape (rows, k); -1 is
            none.
        coverage: share of the rationales' bytes that are aligned.
        known: target tokens with a distribution, in all.
    """

    starts: NDArray[np.int64]
    ids: Ints
    top: Floats
    coverage: float
    known: int


@dataclass(frozen=True, slots=True)
class Extras:
    """By example, shape (examples,).

    Attributes:
        names: of the formats; formats: index into them of each example.
        weights: of each of its tokens' losses.
        wrong: its target is a wrong rationale, whose probability is lowered.
        stored: distributions, where the objective reads stored ones.
    """

    names: tuple[str, ...]
    formats: NDArray[np.int64]
    weights: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    stored: Stored | None = None


def formats_of(examples: Sequence[Example], encoded: Encoded) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of the formats, sorted, and the index of each encoded example's own."""
    found = [examples[i].format for i in encoded.kept]
    names = tuple(sorted(set(found)))
    return names, np.array([names.index(one) for one in found], dtype=np.int64)


def check_formats(key: str, given: dict[str, float], names: Sequence[str]) -> None:
    """Check that every format of the examples is named, and no other.

    Raises:
        UserError: otherwise.
    """
    if not given:
        return
    known = [name for name in names if name]
    for name in given:
        if name not in known:
            if not known:
                raise UserError(
                    "the examples have one format only", where=f"objective.{key}", fix="leave the key out"
                )
            raise unknown_name("format", name, known, where=f"objective.{key}")
    missing = [name or "(examples without a format, such as replay)" for name in names if name not in given]
    if missing:
        raise UserError(
            f"no value for {', '.join(missing)}",
            where=f"objective.{key}",
            fix=f"name every format of the examples: {', '.join(known)}",
        )


def extras_of(
    spec: ObjectiveSpec,
    examples: Sequence[Example],
    encoded: Encoded,
    tokens: NDArray[np.int64],
    stored: Stored | None,
) -> Extras:
    """Formats, weights and wrongness of the encoded examples.

    With `objective.weights` a token of format f weighs w_f N / N_f, where N_f of the training's N target
    tokens
    are of it: over the training, the loss is the weighted sum of the formats' mean token losses, and what one
    step holds of them does not matter.

    Args:
        tokens: target tokens of each example that are read in the whole training, shape (examples,).

    Raises:
        UserError: `weights` do not name the formats; wrong rationales were asked for, and there are none.
    """
    names, formats = formats_of(examples, encoded)
    check_formats("weights", spec.weights, names)
    weights: NDArray[np.float32] = np.ones(len(encoded), dtype=np.float32)
    for index, name in enumerate(names):
        if spec.weights:
            share = tokens[formats == index].sum() / max(1, tokens.sum())
            weights[formats == index] = spec.weights[name] / max(share, 1e-12)
    wrong = np.array([_is_wrong(examples[i]) for i in encoded.kept]) & (spec.unlikelihood > 0)
    if spec.unlikelihood:
        if not wrong.any():
            raise UserError(
                "no example has a wrong rationale, whose probability could be lowered",
                where="objective.unlikelihood",
                fix="set 'keep: all' in the corpus section, or unlikelihood to 0",
                code=DATA,
            )
        weights[wrong] *= spec.unlikelihood
    return Extras(names, formats, weights, wrong, stored)


def _is_wrong(example: Example) -> bool:
    return example.rationale is not None and example.rationale.correct is False


def project_stored(
    spec: ObjectiveSpec,
    examples: Sequence[Example],
    encoded: Encoded,
    student: Vocabulary,
    tokenizer: Any,
    distributions: Distributions | None,
    folder: Path,
) -> Stored:
    """The corpus's distributions over the student's tokens, written to `folder` and mapped.

    Raises:
        UserError: there are none, k differs between rationales, or too little can be aligned.
    """
    if distributions is None:
        raise UserError(
            "the corpus has no distributions, which 'objective.kl' trains on",
            where="objective.kl",
            fix="collect with 'sampling: {logprobs: K}' from a teacher that gives them, name an on-line "
            "teacher in 'objective.teacher', or set kl to 0",
            code=DATA,
        )
    k = agreed_k(distributions, spec.top_k)
    readers = readers_of(examples, encoded)
    supervised = encoded.supervised
    wanted = sum(int(supervised[i]) for rows in readers.values() for i in rows)
    if not readers:
        raise UserError(
            "no example says which rationale it was made of, so none has a distribution",
            where="objective.kl",
            fix="choose a scheme whose targets hold the teacher's text as it is: cot, quest, multitask, "
            "ft_cot, scotd, specialise",
            code=DATA,
        )
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.lib.format.open_memmap(folder / "ids.npy", mode="w+", dtype=np.int32, shape=(wanted, k))
    top = np.lib.format.open_memmap(folder / "top.npy", mode="w+", dtype=np.float32, shape=(wanted, k))
    starts = np.full(len(encoded), -1, dtype=np.int64)
    projector = Projector(spellings_of(distributions, tokenizer, student), student, spec.alignment)
    place = known = matched = total = 0
    for drawn, index, example, reply in _pairs(distributions, readers, examples, encoded):
        found, covered = project_one(projector, drawn, k, example, reply)
        starts[index] = place
        ids[place : place + len(reply)], top[place : place + len(reply)] = found.ids, found.top
        place, known = place + len(reply), known + int((found.ids >= 0).any(axis=1).sum())
        matched, total = matched + covered[0], total + covered[1]
    coverage = matched / total if total else 0.0
    check_coverage(spec, coverage, known, distributions.path)
    for array in (ids, top):
        array.flush()
    return Stored(
        starts,
        np.load(folder / "ids.npy", mmap_mode="r"),
        np.load(folder / "top.npy", mmap_mode="r"),
        coverage,
        known,
    )


def check_coverage(spec: ObjectiveSpec, coverage: float, known: int, where: Path | str) -> None:
    """Check that enough is aligned.

    Raises:
        UserError: less than `spec.coverage` of the bytes, or no token at all.
    """
    if coverage < spec.coverage or not known:
        raise UserError(
            f"of the rationales' bytes {100 * coverage:.1f} % can be aligned with the student's tokens, and "
            f"{known} tokens have a distribution; objective.coverage asks for {100 * spec.coverage:g} %",
            where=str(where),
            fix="the two vocabularies cannot spell each other's texts, or the targets are not the teacher's "
            "texts: choose another base or scheme, or lower objective.coverage",
            code=DATA,
        )


def agreed_k(distributions: Distributions, wanted: int | None) -> int:
    """Candidates per token that every rationale has.

    Raises:
        UserError: rationales have different numbers, or fewer than `wanted`.
    """
    least, most = min(distributions.counts), max(distributions.counts)
    if wanted is not None and wanted > least:
        raise UserError(
            f"top_k is {wanted}, but some rationales have only {least} candidates a token",
            where="objective.top_k",
            fix=f"set it to at most {least}",
            code=DATA,
        )
    if wanted is None and least != most:
        shown = ", ".join(f"{k} in {n} rationales" for k, n in sorted(distributions.counts.items()))
        raise UserError(
            f"the number of candidates a token differs between rationales: {shown}",
            where=str(distributions.path),
            fix=f"set objective.top_k to at most {least}, or collect all with one 'sampling.logprobs'",
            code=DATA,
        )
    return wanted or most


def readers_of(examples: Sequence[Example], encoded: Encoded) -> dict[tuple[str, int], list[int]]:
    """Encoded examples by the rationale whose text they hold. Wrong ones are read as well."""
    readers: dict[tuple[str, int], list[int]] = {}
    for index, kept in enumerate(encoded.kept):
        rationale = examples[kept].rationale
        if rationale is not None:
            readers.setdefault((rationale.problem_id, rationale.sample), []).append(index)
    return readers


def _pairs(
    distributions: Distributions,
    readers: dict[tuple[str, int], list[int]],
    examples: Sequence[Example],
    encoded: Encoded,
) -> Iterator[tuple[Drawn, int, Example, Ints]]:
    """Every example of a rationale with its distributions: its index and the ids of its target."""
    for drawn in distributions:
        for index in readers.get(drawn.key, ()):
            reply = encoded.sequences[index][int(encoded.prompts[index]) :]
            yield drawn, index, examples[encoded.kept[index]], reply


def project_one(
    projector: Projector, drawn: Drawn, k: int, example: Example, reply: Ints
) -> tuple[Projected, tuple[int, int]]:
    """Distributions over one target's tokens, and of its rationale's bytes how many are aligned, of how many.

    The teacher's text and the target are aligned from where the rationale begins in both.
    """
    told = Told(drawn.tokens, drawn.logprobs, drawn.ids[:, :k], drawn.top[:, :k])
    text = (example.rationale.text if example.rationale else "").strip().encode("utf-8", "surrogatepass")
    said, mine = projector.spell(told.tokens), projector.student.spell(reply)
    begin = _token_at(said, b"".join(said).find(text))
    target = example.target.encode("utf-8", "surrogatepass")
    first = _token_at(mine, _folded(b"".join(mine), text[:64]) if text in target else 0)
    found = projector.project(told.part(begin), reply[first:])
    ids = np.full((len(reply), k), -1, dtype=np.int32)
    top = np.full((len(reply), k), -np.inf, dtype=np.float32)
    ids[first:], top[first:] = found.ids, found.top
    length = len(b"".join(text.split()))  # a closing sentence may be aligned too: it counts for nothing
    if found.alignment is None:
        share = (found.ids >= 0).any(axis=1)
        aligned = sum(len(mine[first + int(i)].strip()) for i in np.flatnonzero(share))
        return Projected(ids, top, None), (min(aligned, length), length)
    return Projected(ids, top, found.alignment), (min(found.alignment.matched, length), length)


def _token_at(tokens: Sequence[bytes], place: int) -> int:
    """The token that contains a byte; the first one where the place is unknown."""
    reached = 0
    for index, token in enumerate(tokens):
        if place < reached + len(token):
            return index
        reached += len(token)
    return 0


def _folded(text: bytes, start: bytes) -> int:
    """Where a text begins with `start`, whatever its white space; 0 where it is not found."""
    wanted = start.split()[:3]
    if not wanted:
        return 0
    place = text.find(wanted[0])
    while place >= 0:
        if text[place : place + 3 * len(start)].split()[: len(wanted) - 1] == wanted[:-1]:
            return place
        place = text.find(wanted[0], place + 1)
    return 0


def spellings_of(distributions: Distributions, tokenizer: Any, student: Vocabulary) -> list[bytes | None]:
    """Bytes of the teacher's tokens; those of the student where every id has the same text in both.

    A text of half a character cannot be read back into bytes; of the student's own vocabulary it need not.
    """
    size = max(distributions.texts) + 1
    if distributions.by_id and size <= len(student.spellings):
        from smallsteps.teachers.huggingface import surface

        if all(surface(tokenizer, i) == text for i, text in distributions.texts.items()):
            return [None if i == student.end else student.spellings[i] for i in range(size)]
    return [
        None if text in ENDS else (text or "").encode("utf-8", "surrogatepass")
        for text in (distributions.texts.get(i, "") for i in range(size))
    ]
