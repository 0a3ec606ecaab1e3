"""A corpus on disk: rationales, their hash, what made them and how good they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from smallsteps.corpora.distributions import DISTRIBUTIONS, Distributions, write_distributions
from smallsteps.corpora.filters import rng_for
from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_jsonl, sha256_file, to_json, write_jsonl
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
        distributions: file with the teacher's distributions, where it gave any. The rationales of a corpus
            that was read from a folder then have no `tokens`.
    """

    rationales: tuple[Rationale, ...]
    hash: str
    spec: dict[str, Any]
    quality: dict[str, Any]
    resample: bool = False
    seed: int = 0
    distributions: Path | None = None

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
    return _hash(_digest(_without_tokens(r), _tokens_digest(r)) for r in rationales)


def _hash(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _digest(rationale: Rationale, tokens: str) -> bytes:
    text = to_json(rationale.as_dict(), indent=None) + tokens
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _tokens_digest(rationale: Rationale) -> str:
    """sha256 of distributions, which have a file of their own; empty where there are none."""
    if not any(token.top for token in rationale.tokens):
        return ""
    text = to_json([asdict(token) for token in rationale.tokens], indent=None)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _without_tokens(rationale: Rationale) -> Rationale:
    return replace(rationale, tokens=()) if _tokens_digest(rationale) else rationale


def write_corpus(folder: Path, corpus: Corpus) -> Distributions | None:
    """Write the rationales and the teacher's distributions, then the card that makes the folder a corpus."""
    write_jsonl(folder / RATIONALES, map(_row, corpus.rationales))
    found = write_distributions(folder / DISTRIBUTIONS, corpus.rationales)
    card = {
        "schema": SCHEMA,
        "hash": corpus.hash,
        "spec": corpus.spec,
        "quality": corpus.quality,
        "resample": corpus.resample,
        "seed": corpus.seed,
    }
    if found is not None:
        about = {"k": found.k, "tokens": found.tokens, "bytes": found.path.stat().st_size}
        card["distributions"] = {**about, "sha256": sha256_file(found.path)}
    write_sealed(folder / CARD, card)
    return found


def _row(rationale: Rationale) -> dict[str, Any]:
    digest = _tokens_digest(rationale)
    return {**_without_tokens(rationale).as_dict(), **({"distribution": digest} if digest else {})}


def read_corpus(folder: Path) -> Corpus:
    """Read a corpus folder and check its hash.

    Raises:
        UserError: no corpus there, another schema, or files that were changed.
    """
    card = folder / CARD
    if not card.exists():
        raise UserError(f"no {CARD}: not a corpus", where=str(folder), code=NO_INPUT)
    data = read_sealed(card, SCHEMA, unsealed=[EARLIER], fix=REPAIR)
    rationales, digests = [], []
    for n, row in read_jsonl(folder / RATIONALES):
        tokens = str(row.pop("distribution", ""))
        rationales.append(_rationale(row, f"{folder / RATIONALES}:{n}"))
        digests.append(_digest(rationales[-1], tokens))
    found = _hash(digests)
    if found != data.get("hash"):
        raise UserError(
            "the rationales do not fit the hash on the card: the file was changed",
            where=str(folder / RATIONALES),
            fix=REPAIR,
            code=DATA,
        )
    try:
        spec, quality, seed = dict(data["spec"]), dict(data["quality"]), int(data["seed"])
        held = _distributions(folder, data.get("distributions"))
        return Corpus(tuple(rationales), found, spec, quality, bool(data["resample"]), seed, held)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"not a corpus card ({error})", where=str(card), fix=REPAIR, code=DATA) from error


def _distributions(folder: Path, about: Any) -> Path | None:
    """The file of distributions that a card speaks of.

    Raises:
        UserError: it is missing or was changed.
    """
    if about is None:
        return None
    path = folder / DISTRIBUTIONS
    if not path.exists() or sha256_file(path) != about["sha256"]:
        what = "was changed: it does not fit the digest on the card" if path.exists() else "is missing"
        raise UserError(f"the file of distributions {what}", where=str(path), fix=REPAIR, code=DATA)
    return path


def _rationale(row: dict[str, Any], where: str) -> Rationale:
    try:
        steps = tuple(Step(**step) for step in row.pop("steps"))
        tokens = tuple(TokenLogprob.of(token) for token in row.pop("tokens"))
        return Rationale(**row, steps=steps, tokens=tokens)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"not a rationale ({error})", where=where, fix=REPAIR, code=DATA) from error
