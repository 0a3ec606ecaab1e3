"""Overlaps: test items among a recipe's training examples, searched for before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.corpora import read_corpus
from smallsteps.corpora.overlap import overlap
from smallsteps.files import write_json
from smallsteps.problems.finding import own_content
from smallsteps.studies.lessons import lesson_of, own_code
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.stages.base import Report, Stage, left_out_when_empty
from smallsteps.studies.stages.corpus import CorpusStage
from smallsteps.studies.stages.mix import MixStage
from smallsteps.studies.study import Study

OVERLAP = "overlap.json"
_SHAPING = {"scheme", "corpus", "examples", "replay"}


@dataclass(frozen=True, kw_only=True)
class OverlapStage(Stage):
    """Looks for test items among the training examples of a recipe.

    Attributes:
        benchmarks: those whose test sets are compared.
        limit: share of a test set that may be among the examples; allowed: benchmarks without a limit.
        own: hashes of the user's own code and benchmarks, as they go into the key.
    """

    kind: ClassVar[str] = "overlap"
    plural: ClassVar[str] = "overlaps"
    verb: ClassVar[str] = "compare with tests"

    recipe: Recipe
    corpus: CorpusStage | MixStage | None
    benchmarks: tuple[str, ...]
    limit: float
    allowed: tuple[str, ...]
    own: Mapping[str, Any]
    data: Path | None

    def version(self) -> int:
        """Raised when the comparison finds other items."""
        return 1

    def content(self) -> dict[str, Any]:
        """Everything that affects the examples, and what they are compared with."""
        return {
            "recipe": self.recipe.model_dump(mode="json", include=_SHAPING),
            "corpus": self.corpus.key if self.corpus else None,
            "benchmarks": list(self.benchmarks),
            "limit": self.limit,
            "allowed": list(self.allowed),
            **self.own,
        }

    def inputs(self) -> tuple[Stage, ...]:
        """The corpus."""
        return (self.corpus,) if self.corpus else ()

    def work(self, out: Path, report: Report) -> None:
        """Write what was found.

        Raises:
            ConfigError: more of a test set is among the examples than the study allows.
        """
        corpus = read_corpus(self.corpus.folder(out)) if self.corpus else None
        lessons = [lesson_of(self.recipe, part, corpus, self.data) for part in self.recipe.trained]
        texts = dict.fromkeys(
            example.prompt + example.target for lesson in lessons for example in lesson.examples
        )
        found = overlap(texts, list(self.benchmarks), self.data)
        replay = self.recipe.replay
        left_out = (
            {"left_out": sum(lesson.left_out for lesson in lessons)} if replay and replay.without else {}
        )
        write_json(self.folder(out) / OVERLAP, {**found.data(), **left_out})
        found.check(self.limit, list(self.allowed))


def overlap_stage(
    study: Study,
    recipe: Recipe,
    benchmarks: Sequence[str],
    data: Path | None,
    corpus: CorpusStage | MixStage | None,
    name: str = "",
) -> OverlapStage:
    """The stage that compares one recipe's examples with the test sets of a study."""
    return OverlapStage(
        name=name or recipe.recipe,
        recipe=recipe,
        corpus=corpus,
        benchmarks=tuple(benchmarks),
        limit=study.overlap_limit,
        allowed=tuple(study.allow_overlap),
        own={**own_code(recipe), **left_out_when_empty("own_benchmarks", own_content(benchmarks))},
        data=data,
    )
