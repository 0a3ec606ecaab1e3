"""A corpus on disk: rationales, their hash, what made them and how good they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.corpora.filters import rng_for
from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_jsonl, to_json, write_jsonl
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.problems import Rationale, Step, TokenLogprob

SCHEMA = "smallsteps.corpus/2"
EARLIER = "smallsteps.corpus/1"  # whose card has no digest
REPAIR = "remove the folder and build the corpus again: samples are kept in its store and not asked for again"
CARD = "corpus.json"
RATIONALES = "rationales.jsonl"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Selected rationales.

    Attributes:
        rationales: in the order of the problems and of their samples.
        hash: sha256 over the rationales; two corpora with one hash train the same student.
        spec: the section that made it, as plain values.
        quality: its quality report, as plain values.
        resample: whether the trainer draws one rationale per problem and epoch.
        seed: of the resampling.
    """

    rationales: tuple[Rationale, ...]
    hash: str
    spec: dict[str, Any]
    quality: dict[str, Any]
    resample: bool = False
    seed: int = 0

    def epoch(self, number: int) -> list[Rationale]:
        """The rationales of one epoch: all of them, or, with `resample`, one newly drawn per problem."""
        if not self.resample:
            return list(self.rationales)
        groups: dict[str, list[Rationale]] = {}
        for rationale in self.rationales:
            groups.setdefault(rationale.problem_id, []).append(rationale)
        return [rng_for(self.seed, f"{number}\x1f{name}").choice(group) for name, group in groups.items()]


def corpus_hash(rationales: Sequence[Rationale]) -> str:
    """sha256 over the rationales' content, independent of their order."""
    digests = sorted(
        hashlib.sha256(to_json(r.as_dict(), indent=None).encode("utf-8", "surrogatepass")).digest()
        for r in rationales
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


def write_corpus(folder: Path, corpus: Corpus) -> None:
    """Write the rationales, then the card that makes the folder a corpus."""
    write_jsonl(folder / RATIONALES, (rationale.as_dict() for rationale in corpus.rationales))
    write_sealed(
        folder / CARD,
        {
            "schema": SCHEMA,
            "hash": corpus.hash,
            "spec": corpus.spec,
            "quality": corpus.quality,
            "resample": corpus.resample,
            "seed": corpus.seed,
        },
    )


def read_corpus(folder: Path) -> Corpus:
    """Read a corpus folder and check its hash.

    Raises:
        UserError: no corpus there, another schema, or rationales that were changed.
    """
    card = folder / CARD
    if not card.exists():
        raise UserError(f"no {CARD}: not a corpus", where=str(folder), code=NO_INPUT)
    data = read_sealed(card, SCHEMA, unsealed=[EARLIER], fix=REPAIR)
    rationales = tuple(
        _rationale(row, f"{folder / RATIONALES}:{n}") for n, row in read_jsonl(folder / RATIONALES)
    )
    found = corpus_hash(rationales)
    if found != data.get("hash"):
        raise UserError(
            "the rationales do not fit the hash on the card: the file was changed",
            where=str(folder / RATIONALES),
            fix=REPAIR,
            code=DATA,
        )
    try:
        spec, quality, seed = dict(data["spec"]), dict(data["quality"]), int(data["seed"])
        return Corpus(rationales, found, spec, quality, bool(data["resample"]), seed)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"not a corpus card ({error})", where=str(card), fix=REPAIR, code=DATA) from error


def _rationale(row: dict[str, Any], where: str) -> Rationale:
    try:
        steps = tuple(Step(**step) for step in row.pop("steps"))
        tokens = tuple(TokenLogprob.of(token) for token in row.pop("tokens"))
        return Rationale(**row, steps=steps, tokens=tokens)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"not a rationale ({error})", where=where, fix=REPAIR, code=DATA) from error
