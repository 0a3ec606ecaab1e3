"""A recipe: all that makes one student, in one YAML file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from smallsteps.config import Strict, load
from smallsteps.corpora import CorpusSpec
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.resources import shipped
from smallsteps.schemes import get_scheme
from smallsteps.training import BaseSpec, Optimisation, TokenizerSpec


class ExamplesSpec(Strict):
    """Examples made by a function of this package: pretraining mixes and replay of generic data.

    `source` is `module:function`; it is called with `arguments` and returns a list of `Example`.
    """

    source: str
    arguments: dict[str, Any] = {}

    @field_validator("source")
    @classmethod
    def _ours(cls, source: str) -> str:
        module, sign, name = source.partition(":")
        if not (sign and name and module.split(".")[0] == "smallsteps"):
            raise ValueError(f"'{source}' is not of the form smallsteps.module:function")
        return source


class ReplaySpec(ExamplesSpec):
    """Generic examples mixed into the training data, so that specialising forgets less."""

    share: float = Field(gt=0, lt=1, description="share of the mixed training examples")


class DecodingSpec(Strict):
    """How the student decodes: `exact` is float32, whose texts do not depend on the batch."""

    precision: Literal["auto", "exact"] = "auto"


class Recipe(Strict):
    """One student: base, data, scheme, optimisation.

    `parts` overrides keys of `optimisation` for single parts of the scheme (decomposer, solver).
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

    @field_validator("scheme")
    @classmethod
    def _known_scheme(cls, name: str) -> str:
        try:
            return get_scheme(name).name
        except UserError as error:
            raise ValueError(f"{error.message}; {error.fix}") from error

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if (self.corpus is None) == (self.examples is None):
            raise ValueError(
                "give either 'corpus' (rationales of a teacher) or 'examples' (made by a function)"
            )
        if self.base.architecture is not None and (self.base.tokenizer is None) == (self.tokenizer is None):
            raise ValueError(
                "an architecture needs either 'base.tokenizer' (a folder) or 'tokenizer' (to train one)"
            )
        if self.base.path is not None and self.tokenizer is not None:
            raise ValueError("'tokenizer' trains a new one, which the weights of 'base.path' do not know")
        unknown = set(self.parts) - set(get_scheme(self.scheme).parts)
        if unknown:
            known = ", ".join(get_scheme(self.scheme).parts)
            raise ValueError(f"scheme '{self.scheme}' has no part '{min(unknown)}' (it has: {known})")
        for part in self.parts:
            self.optimisation_of(part)
        return self

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
    return load(Recipe, find(path), overrides)


def find(path: Path) -> Path:
    """A configuration file, also one of the shipped ones by its name in the repository (`baselines/...`)."""
    if path.exists():
        return path
    if path.parts[:1] == ("baselines",):
        candidate = shipped("baselines").joinpath(*path.parts[1:])
        if candidate.exists():
            return candidate
    raise UserError(
        "no such file",
        where=str(path),
        fix="'smallsteps recipes ls' lists the studies and recipes that ship with the product",
        code=NO_INPUT,
    )


def resolve_base(spec: BaseSpec, recipe_path: Path, data: Path | None) -> BaseSpec:
    """Turn a base's relative folder into an absolute one: beside the recipe, else in the data directory.

    A path that is neither is left as it is, a hub id; `check_base` says whether it can be one.
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
    return spec.model_copy(update=changes)
