"""The training examples of a recipe's parts, with replay mixed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.corpora import Corpus
from smallsteps.corpora.overlap import without_items
from smallsteps.errors import DATA, UserError
from smallsteps.problems import load_problems
from smallsteps.schemes import Example, code_of_scheme, examples_of, get_scheme
from smallsteps.studies.makers import code_of_maker, make_examples
from smallsteps.studies.recipe import Recipe
from smallsteps.training import Optimisation


@dataclass(frozen=True, slots=True)
class Lesson:
    """The examples of one part, and how it is trained on them; `left_out`: replay that held a test item."""

    optimisation: Optimisation
    examples: list[Example]
    left_out: int = 0


def lesson_of(recipe: Recipe, part: str, corpus: Corpus | None, data: Path | None) -> Lesson:
    """Training examples of one part, replay mixed in, with the optimisation that goes with them.

    Raises:
        UserError: the corpus gives this scheme nothing to learn from.
    """
    optimisation = recipe.optimisation_of(part)
    if recipe.examples is not None:
        return Lesson(
            optimisation, list(make_examples(recipe.examples.source, recipe.examples.arguments, data))
        )
    assert corpus is not None
    spec = recipe.corpus
    assert spec is not None
    problems = {problem.id: problem for problem in load_problems(spec.benchmark, spec.split, data)}
    rationales = list(corpus.rationales)
    if corpus.resample:
        if optimisation.epochs is None:
            raise UserError("'resample' draws again each epoch: give 'epochs' instead of 'steps'", code=DATA)
        rationales = [r for epoch in range(math.ceil(optimisation.epochs)) for r in corpus.epoch(epoch)]
        optimisation = optimisation.model_copy(update={"epochs": 1.0})
    examples = examples_of(get_scheme(recipe.scheme), problems, rationales, spec.thought_marks)[part]
    if not examples:
        raise UserError(
            f"none of {len(rationales)} rationales gives an example for the {part} of '{recipe.scheme}'",
            fix="a scheme with sub-questions needs 'decomposition' in the corpus section",
            code=DATA,
        )
    if recipe.replay is not None:
        share = recipe.replay.share
        wanted = round(len(examples) * share / (1 - share))
        arguments = {**recipe.replay.arguments, "examples": wanted}
        made = list(make_examples(recipe.replay.source, arguments, data))
        kept = _without_items(made, recipe.replay.without, data)
        return Lesson(optimisation, [*examples, *kept], len(made) - len(kept))
    return Lesson(optimisation, list(examples))


def _without_items(examples: list[Example], benchmarks: list[str], data: Path | None) -> list[Example]:
    if not benchmarks:
        return examples
    texts = [example.prompt + example.target for example in examples]
    return [examples[place] for place in without_items(texts, benchmarks, data)]


def own_code(recipe: Recipe) -> dict[str, Any]:
    """Hashes of the user's own code that makes a recipe's examples; nothing where all of it is shipped."""
    sources = [spec.source for spec in (recipe.examples, recipe.replay) if spec is not None]
    makers = {source: code for source in sources if (code := code_of_maker(source)) is not None}
    found = {"own_makers": makers, "own_scheme": code_of_scheme(recipe.scheme)}
    return {name: code for name, code in found.items() if code}
