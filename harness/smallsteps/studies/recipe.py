"""A recipe: all that makes one student, in one YAML file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from smallsteps.config import Document, Strict, compose, validate
from smallsteps.corpora import CorpusSpec
from smallsteps.engines.prompts import FormatSpec
from smallsteps.errors import NO_INPUT, ConfigError, UserError
from smallsteps.problems.finding import with_benchmark
from smallsteps.resources import shipped_baseline
from smallsteps.schemes import get_scheme
from smallsteps.studies.makers import get_maker
from smallsteps.training import BaseSpec, LoraSpec, Optimisation, TokenizerSpec


class ExamplesSpec(Strict):
    """Examples made by a registered function (`studies.makers`): pretraining mixes, replay of generic data.

    Attributes:
        source: name of the function, which returns a list of `Example`.
        arguments: its keyword arguments.
    """

    source: str
    arguments: dict[str, Any] = {}

    @field_validator("source")
    @classmethod
    def _known_maker(cls, source: str) -> str:
        try:
            get_maker(source)
        except UserError as error:
            raise ValueError(f"{error.message}; {error.fix}") from error
        return source


class ReplaySpec(ExamplesSpec):
    """Generic examples mixed into the training data, so that specialising forgets less.

    Attributes:
        share: share of these examples among all training examples.
    """

    share: float = Field(gt=0, lt=1)


class DecodingSpec(Strict):
    """How the student decodes when it is evaluated.

    Attributes:
        precision: `auto`, or `exact`: float32, whose texts do not depend on the batch.
    """

    precision: Literal["auto", "exact"] = "auto"


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A part that another recipe's student lends: which of its parts, None for the one that fits."""

    recipe: str
    part: str | None


class Recipe(Strict):
    """One student: base, data, scheme, optimisation.

    Attributes:
        recipe: name of the recipe, of its students, and of its folder below `runs/`.
        title: what reports call the student; the name when empty.
        description: a sentence for reports.
        scheme: how reasoning is laid out in training and in answers: one of the shipped schemes (see
            `docs/formats.md`) or one of your own (see `docs/extending.md`).
        base: what the student is made from.
        tokenizer: train a tokenizer on the examples, for a base with random weights.
        corpus: the rationales to learn from. Either this or `examples` is given.
        examples: examples made by a function, instead of a corpus.
        replay: generic examples mixed in.
        optimisation: how it is trained.
        decoding: how it decodes when it is evaluated.
        parts: by the scheme's parts (`decomposer`, `solver`): keys of `optimisation` that differ for a part.
            Or `from`, the name of a recipe of the same study: its student lends this part, which is not
            trained again. It lends the part of the same name, else its last one, or the one named by `part`.
    """

    recipe: str = Field(pattern=r"^[a-z0-9][a-z0-9_.+-]*$")
    title: str = ""
    description: str = ""
    scheme: str
    base: BaseSpec
    tokenizer: TokenizerSpec | None = None
    corpus: CorpusSpec | None = None
    examples: ExamplesSpec | None = None
    replay: ReplaySpec | None = None
    optimisation: Optimisation
    parts: dict[str, dict[str, Any]] = {}
    decoding: DecodingSpec = DecodingSpec()
    lora: LoraSpec | None = Field(default=None, description="train adapters instead of all weights")
    format: FormatSpec = Field(
        default=FormatSpec(), description="plain text, or the chat template of the base's tokenizer"
    )

    @field_validator("scheme")
    @classmethod
    def _known_scheme(cls, name: str) -> str:
        try:
            return get_scheme(name).name
        except UserError as error:
            raise ValueError(f"{error.message}; {error.fix}") from error

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        absent = [self.corpus, self.examples].count(None)
        if absent == 0 or (absent == 2 and any("from" not in self.parts.get(p, {}) for p in self._parts())):
            raise ValueError(
                "give either 'corpus' (rationales of a teacher) or 'examples' (made by a function)"
            )
        if self.base.architecture is not None and (self.base.tokenizer is None) == (self.tokenizer is None):
            raise ValueError(
                "an architecture needs either 'base.tokenizer' (a folder) or 'tokenizer' (to train one)"
            )
        if self.tokenizer is not None and self.format.kind == "chat":
            raise ValueError(
                "'format: {kind: chat}' needs a chat template, which a newly trained tokenizer does not have"
            )
        if self.lora is not None and self.base.path is None:
            raise ValueError("'lora' adapts trained weights: give 'base.path', not an architecture")
        if self.base.path is not None and self.tokenizer is not None:
            raise ValueError("'tokenizer' trains a new one, which the weights of 'base.path' do not know")
        unknown = set(self.parts) - set(get_scheme(self.scheme).parts)
        if unknown:
            known = ", ".join(get_scheme(self.scheme).parts)
            raise ValueError(f"scheme '{self.scheme}' has no part '{min(unknown)}' (it has: {known})")
        for part, own in self.parts.items():
            if "from" not in own:
                self.optimisation_of(part)
            elif further := set(own) - {"from", "part"}:
                raise ValueError(f"part '{part}' is not trained here: '{min(further)}' has no effect")
            elif not all(isinstance(name, str) for name in own.values()):
                raise ValueError(f"part '{part}': 'from' names a recipe, 'part' a part of it")
        return self

    def _parts(self) -> tuple[str, ...]:
        return get_scheme(self.scheme).parts

    def borrowed(self, part: str) -> Borrowed | None:
        """Where a part comes from that is not trained here."""
        own = self.parts.get(part, {})
        return Borrowed(str(own["from"]), own.get("part")) if "from" in own else None

    @property
    def trained(self) -> tuple[str, ...]:
        """The parts that are trained here."""
        return tuple(part for part in self._parts() if self.borrowed(part) is None)

    def optimisation_of(self, part: str) -> Optimisation:
        """The optimisation of one part of the scheme."""
        own = self.parts.get(part, {})
        merged = {**self.optimisation.model_dump(exclude_unset=True), **own}
        if "steps" in own:
            merged.pop("epochs", None)
        if "epochs" in own:
            merged.pop("steps", None)
        return Optimisation.model_validate(merged)


def load_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read and validate a recipe.

    Raises:
        ConfigError: everything that is wrong with it, at once.
    """
    document, errors = with_benchmark(
        compose(find(path), overrides), ("corpus", "benchmark"), ("corpus", "split")
    )
    return validated(document, errors)


def validated(document: Document, errors: list[UserError]) -> Recipe:
    """The recipe in a document.

    Raises:
        ConfigError: everything that is wrong with it, at once, behind the errors that were found before.
    """
    try:
        recipe = validate(Recipe, document)
    except ConfigError as error:
        raise ConfigError([*errors, *error.errors]) from error
    if errors:
        raise ConfigError(errors)
    return recipe


def find(path: Path) -> Path:
    """A configuration file, also one of the shipped ones by its name in the repository (`baselines/...`)."""
    found = shipped_baseline(str(path))
    if found is not None:
        return found
    raise UserError(
        "no such file",
        where=str(path),
        fix="'smallsteps recipes ls' lists the studies and recipes that ship with the product",
        code=NO_INPUT,
    )


def resolve_base(spec: BaseSpec, recipe_path: Path, data: Path | None) -> BaseSpec:
    """Turn a base's relative folder into an absolute one: next to the recipe, else in the data directory.

    `baselines/...` is also found among the shipped baselines. Any other path is left
    unchanged, as a hub id; `check_base` says whether it can be one.
    """
    changes: dict[str, Any] = {}
    for name in ("path", "tokenizer"):
        value = getattr(spec, name)
        if value is None:
            continue
        for root in (recipe_path.parent, data):
            if root is not None and (root / value).is_dir():
                changes[name] = str((root / value).resolve())
                break
        else:
            place = shipped_baseline(value)
            if place is not None and place.is_dir():
                changes[name] = str(place.resolve())
    return spec.model_copy(update=changes)
