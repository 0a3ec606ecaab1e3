"""A corpus on disk: rationales, their hash, what made them and how good they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.corpora.filters import rng_for
from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, read_jsonl, to_json, write_json, write_jsonl
from smallsteps.problems import Rationale, Step, TokenLogprob

SCHEMA = "smallsteps.corpus/1"
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
        """The rationales of one epoch: all of them, or with `resample` one per problem drawn anew."""
        if not self.resample:
            return list(self.rationales)
        groups: dict[str, list[Rationale]] = {}
        for rationale in self.rationales:
            groups.setdefault(rationale.problem_id, []).append(rationale)
        return [rng_for(self.seed, f"{number}\x1f{name}").choice(group) for name, group in groups.items()]


def corpus_hash(rationales: Sequence[Rationale]) -> str:
    """sha256 over the rationales' content, whatever their order."""
    digests = sorted(
        hashlib.sha256(to_json(asdict(r), indent=None).encode("utf-8", "surrogatepass")).digest()
        for r in rationales
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


def write_corpus(folder: Path, corpus: Corpus) -> None:
    """Write the rationales, then the card that makes the folder a corpus."""
    write_jsonl(folder / RATIONALES, (asdict(rationale) for rationale in corpus.rationales))
    write_json(
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
    data = read_json(card)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UserError(f"expected schema {SCHEMA!r}", where=str(card), code=DATA)
    rationales = tuple(_rationale(row) for _, row in read_jsonl(folder / RATIONALES))
    found = corpus_hash(rationales)
    if found != data["hash"]:
        raise UserError(
            "the rationales do not fit the hash on the card: the file was changed",
            where=str(folder / RATIONALES),
            fix="build the corpus again",
            code=DATA,
        )
    return Corpus(rationales, found, data["spec"], data["quality"], bool(data["resample"]), int(data["seed"]))


def _rationale(row: dict[str, Any]) -> Rationale:
    steps = tuple(Step(**step) for step in row.pop("steps"))
    tokens = tuple(TokenLogprob.of(token) for token in row.pop("tokens"))
    return Rationale(**row, steps=steps, tokens=tokens)
