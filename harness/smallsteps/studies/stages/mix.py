"""Mixtures: the corpora of several sections as one corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.corpora import Corpus, corpus_hash, read_corpus, write_corpus
from smallsteps.corpora.mixing import Mixing, Mixture, Share, mixed
from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, write_json
from smallsteps.schemes import get_scheme, strategy_of
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.stages.base import Report, Size, Stage
from smallsteps.studies.stages.corpus import CorpusStage

MIXTURE = "mixture.json"
SCHEMA = "smallsteps.mixture/1"


@dataclass(frozen=True, kw_only=True)
class MixStage(Stage):
    """Mixes the rationales of a recipe's sections.

    Attributes:
        sections: the corpora, in the order of the recipe.
        rule: see `smallsteps.corpora.mixing.mixed`.
        scheme: says which strategy a rationale follows.
    """

    kind: ClassVar[str] = "mixture"
    plural: ClassVar[str] = "corpora"
    verb: ClassVar[str] = "mix"

    sections: tuple[CorpusStage, ...]
    rule: Mixing
    scheme: str

    def version(self) -> int:
        """Raised when other rationales are mixed."""
        return 1

    def content(self) -> dict[str, Any]:
        """The corpora and the rule."""
        return {"corpora": [one.key for one in self.sections], "rule": self.rule, "scheme": self.scheme}

    def inputs(self) -> tuple[Stage, ...]:
        """The corpora."""
        return self.sections

    def size(self) -> Size:
        """Number of sections."""
        return Size(f"{len(self.sections)} corpora")

    def work(self, out: Path, report: Report) -> None:
        """Write the mixture as a corpus.

        Raises:
            UserError: nothing is left.
        """
        corpora = [read_corpus(one.folder(out)) for one in self.sections]
        shares = [
            Share(corpus.rationales, own=section.teacher is not None)
            for corpus, section in zip(corpora, self.sections, strict=True)
        ]
        scheme = get_scheme(self.scheme)
        found = mixed(shares, self.rule, lambda rationale: strategy_of(scheme, rationale))
        if not found.rationales:
            raise UserError("no rationale is left of the mixture", where=self.label, code=DATA)
        folder, first = self.folder(out), corpora[0]
        quality = {"samples": sum(len(c.rationales) for c in corpora), "kept": len(found.rationales)}
        spec = {**first.spec, "mixed": [corpus.hash for corpus in corpora], "rule": self.rule}
        write_corpus(folder, Corpus(found.rationales, corpus_hash(found.rationales), spec, quality))
        write_json(folder / MIXTURE, {"schema": SCHEMA, **_counts(found)})

    def note(self, out: Path) -> str:
        """One sentence for the report."""
        found = read_object(self.folder(out) / MIXTURE, SCHEMA)
        return (
            f"{self.name} learns from {found['own']} rationales of a student of this study and "
            f"{found['taught']} of another teacher ({found['share']:.0%}; {self.rule}); left out: "
            f"{found['solved']} that the student solves itself, {found['repeats']} repeats"
        )


def _counts(found: Mixture) -> dict[str, Any]:
    return {
        "own": found.own,
        "taught": found.taught,
        "share": found.share,
        "solved": found.solved,
        "repeats": found.repeats,
    }


def one_corpus(name: str, sections: Sequence[CorpusStage], recipe: Recipe) -> CorpusStage | MixStage | None:
    """The stage whose corpus a recipe's students learn from; None without a section."""
    if len(sections) < 2:
        return sections[0] if sections else None
    return MixStage(name=name, sections=tuple(sections), rule=recipe.mixing, scheme=recipe.scheme)
