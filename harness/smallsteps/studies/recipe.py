"""A recipe: everything that makes one student, in one YAML file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from smallsteps.config import Document, Strict, compose, validate
from smallsteps.corpora import CorpusSpec
from smallsteps.corpora.mixing import Mixing
from smallsteps.engines.prompts import FormatSpec
from smallsteps.errors import ConfigError, UserError
from smallsteps.problems import load_benchmark
from smallsteps.problems.finding import with_benchmark
from smallsteps.schemes import abilities_of, get_scheme
from smallsteps.studies.makers import get_maker
from smallsteps.studies.places import find
from smallsteps.studies.selection import SelectionSpec
from smallsteps.teachers.spec import EndpointSpec, FileSpec, OracleSpec
from smallsteps.training import BaseSpec, LoraSpec, ObjectiveSpec, Optimisation, TokenizerSpec
from smallsteps.training.team import Strategy
from smallsteps.training.trackers import Tracker


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
        without: benchmarks whose test items must not be among them: an example that holds one, exactly or
            nearly, is left out and not replaced; the report says how many.
    """

    later: ClassVar[tuple[str, ...]] = ("without",)
    share: float = Field(gt=0, lt=1)
    without: list[str] = []

    @field_validator("without")
    @classmethod
    def _known_benchmarks(cls, names: list[str]) -> list[str]:
        for name in names:
            try:
                load_benchmark(name)
            except UserError as error:
                raise ValueError(f"{error.message}; {error.fix}") from error
        return names


class DecodingSpec(Strict):
    """How the student decodes when it is evaluated.

    Attributes:
        precision: `auto`, or `exact`: float32, whose texts do not depend on the batch.
        votes: texts drawn for each item, whose most frequent answer counts (self-consistency, Wang et al.
            2022, 2203.11171). Its tokens are those of all texts. Likelihood tasks are asked once.
        temperature: of these texts.
        max_tokens: longest text; by default what the task says. Several chains in one text need more.
    """

    later: ClassVar[tuple[str, ...]] = ("votes", "temperature", "max_tokens")
    precision: Literal["auto", "exact"] = "auto"
    votes: int = Field(default=1, ge=1)
    temperature: float | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _drawn(self) -> DecodingSpec:
        if (self.votes > 1) != (self.temperature is not None):
            raise ValueError("'votes' above 1 and 'temperature' go together: greedy texts would all be alike")
        return self


class LocalPart(Strict):
    """A part that is an existing model, without training.

    Attributes:
        model: folder (relative to the recipe or to the data directory) or hub id; revision: of a hub id.
    """

    model: str
    revision: str | None = None


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
        corpora: further sections whose rationales are mixed with those of `corpus`: each names the keys that
            differ from it (another `prompt`, another `teacher`).
        mixing: `all` of them, or `adaptive`: a teacher's rationale only where no student of the study solves
            the problem with the same strategy.
        examples: examples made by a function, instead of a corpus.
        replay: generic examples mixed in.
        optimisation: how it is trained.
        decoding: how it decodes when it is evaluated.
        parts: by the scheme's parts (`decomposer`, `solver`): keys of `optimisation` that differ for a part.
            Or `from`, the name of a recipe of the same study: its student lends this part, which is not
            trained again. It lends the part of the same name, else its last one, or the one named by `part`.
            Or `model` (and `revision`): a model that is taken as it is. Or `endpoint`: an OpenAI-compatible
            endpoint with the keys of a teacher's (`model`, `base_url`, `key_env`, ...) and `budget_usd`.
    """

    recipe: str = Field(pattern=r"^[a-z0-9][a-z0-9_.+-]*$")
    title: str = ""
    description: str = ""
    scheme: str
    base: BaseSpec
    tokenizer: TokenizerSpec | None = None
    corpus: CorpusSpec | None = None
    corpora: list[dict[str, Any]] = []
    mixing: Mixing = "all"
    examples: ExamplesSpec | None = None
    replay: ReplaySpec | None = None
    optimisation: Optimisation
    parts: dict[str, dict[str, Any]] = {}
    decoding: DecodingSpec = DecodingSpec()
    selection: SelectionSpec | None = Field(
        default=None, description="which checkpoint becomes the student; by default the last"
    )
    report_to: list[Tracker] = Field(
        default=[], description="trackers that follow the training; `loss.jsonl` is always written"
    )
    objective: ObjectiveSpec = Field(
        default=ObjectiveSpec(), description="what is minimised; by default the likelihood of the targets"
    )
    lora: LoraSpec | None = Field(default=None, description="train adapters instead of all weights")
    format: FormatSpec = Field(
        default=FormatSpec(), description="plain text, or the chat template of the base's tokenizer"
    )
    devices: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="GPUs of this machine (without one: processes) that train the student",
    )
    strategy: Strategy = Field(
        default="ddp",
        description="`ddp`: each device holds the model; `fsdp`: they divide it; `offload`: the same, with "
        "weights and optimizer state in main memory, also on one device; `zero3` is refused (see "
        "docs/devices.md)",
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
        if absent == 0 or (absent == 2 and any(not self.given(p) for p in self._parts())):
            raise ValueError(
                "give either 'corpus' (rationales of a teacher) or 'examples' (made by a function)"
            )
        if (self.corpora or self.mixing != "all") and self.corpus is None:
            raise ValueError("'corpora' and 'mixing' go with 'corpus'")
        if self.corpora and self.objective.kl and self.objective.teacher is None:
            raise ValueError("stored distributions are those of one section: leave 'corpora' out, or kl at 0")
        self.sections  # noqa: B018  (each is validated)
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
        if self.corpus is not None and self.corpus.thoughts == "learn":
            if not abilities_of(get_scheme(self.scheme)).thoughts:
                raise ValueError(
                    f"'thoughts: learn' needs a scheme that makes one text of a rationale, such as cot;"
                    f" '{self.scheme}' does not (set 'thoughts: keep' or 'drop')"
                )
            if self.format.thinking == "off":
                raise ValueError("'thinking: off' asks for no thoughts, 'thoughts: learn' teaches them")
        if self.base.path is not None and self.tokenizer is not None:
            raise ValueError("'tokenizer' trains a new one, which the weights of 'base.path' do not know")
        if self.selection is not None and len(self._parts()) > 1:
            raise ValueError(
                f"'selection' needs a scheme of one model: no part of '{self.scheme}' answers by itself"
            )
        self._check_objective()
        unknown = set(self.parts) - set(get_scheme(self.scheme).parts)
        if unknown:
            known = ", ".join(get_scheme(self.scheme).parts)
            raise ValueError(f"scheme '{self.scheme}' has no part '{min(unknown)}' (it has: {known})")
        for part, own in self.parts.items():
            if "endpoint" in own:
                if len(own) > 1:
                    further = min({*own} - {"endpoint"})
                    raise ValueError(f"part '{part}' is an endpoint: '{further}' has no effect")
                self.endpoint(part)
            elif "model" in own:
                self.local(part)
            elif "from" not in own:
                self.optimisation_of(part)
            elif others := set(own) - {"from", "part"}:
                raise ValueError(f"part '{part}' is not trained here: '{min(others)}' has no effect")
            elif not all(isinstance(name, str) for name in own.values()):
                raise ValueError(f"part '{part}': 'from' names a recipe, 'part' a part of it")
        return self

    def _check_objective(self) -> None:
        """Check what an objective needs of the corpus and the scheme, before anything is collected.

        Raises:
            ValueError: the corpus cannot give it.
        """
        objective, corpus = self.objective, self.corpus
        if objective.kl and objective.teacher is None:
            if corpus is None or isinstance(corpus.teacher, OracleSpec):
                raise ValueError(
                    "'objective.kl' trains on a teacher's distributions, which the oracle and made examples "
                    "have not: name an on-line teacher in 'objective.teacher', or set kl to 0"
                )
            if not isinstance(corpus.teacher, FileSpec) and not corpus.sampling.logprobs:
                raise ValueError(
                    "'objective.kl' trains on distributions, which 'sampling.logprobs: 0' in the "
                    "corpus section does not store: set it to 5 or more"
                )
        if objective.unlikelihood and (corpus is None or corpus.keep != "all"):
            raise ValueError(
                "'objective.unlikelihood' needs wrong rationales: set 'keep: all' in the corpus section"
            )
        formats = tuple(getattr(get_scheme(self.scheme), "formats", ()))
        for key in ("weights", "budgets"):
            named = set(getattr(objective, key))
            if self.replay is None and self.examples is None and named and named != set(formats):
                raise ValueError(
                    f"'objective.{key}' names {_shown(named)}; "
                    + (
                        f"the formats of '{self.scheme}' are {_shown(formats)}"
                        if formats
                        else f"'{self.scheme}' has one format only"
                    )
                )

    @property
    def sections(self) -> tuple[CorpusSpec, ...]:
        """`corpus`, and the further ones filled in from it.

        Raises:
            ValueError: a section is wrong, or of another benchmark or split.
        """
        if self.corpus is None:
            return ()
        found = [self.corpus]
        for number, own in enumerate(self.corpora):
            if others := {"benchmark", "split"} & set(own):
                raise ValueError(f"corpora.{number}: '{min(others)}' is that of 'corpus'")
            merged = {**self.corpus.model_dump(exclude_unset=True), **own}
            try:
                found.append(CorpusSpec.model_validate(merged))
            except ValidationError as error:
                first = error.errors()[0]
                key = ".".join(map(str, (number, *first["loc"])))
                raise ValueError(f"corpora.{key}: {first['msg']}") from error
        return tuple(found)

    def _parts(self) -> tuple[str, ...]:
        return get_scheme(self.scheme).parts

    def borrowed(self, part: str) -> Borrowed | None:
        """The source of a part that is not trained here."""
        own = self.parts.get(part, {})
        return Borrowed(str(own["from"]), own.get("part")) if "from" in own else None

    def endpoint(self, part: str) -> EndpointSpec | None:
        """The endpoint that a part is."""
        own = self.parts.get(part, {})
        return EndpointSpec.model_validate(own["endpoint"]) if "endpoint" in own else None

    def local(self, part: str) -> LocalPart | None:
        """The model that a part is without training."""
        own = self.parts.get(part, {})
        return LocalPart.model_validate(own) if "model" in own else None

    def given(self, part: str) -> bool:
        """Whether a part is lent, taken as it is, or an endpoint."""
        return bool({"from", "model", "endpoint"} & self.parts.get(part, {}).keys())

    @property
    def trained(self) -> tuple[str, ...]:
        """The parts that are trained here."""
        return tuple(part for part in self._parts() if not self.given(part))

    def optimisation_of(self, part: str) -> Optimisation:
        """The optimisation of one part of the scheme."""
        own = {} if self.given(part) else self.parts.get(part, {})
        merged = {**self.optimisation.model_dump(exclude_unset=True), **own}
        if "steps" in own:
            merged.pop("epochs", None)
        if "epochs" in own:
            merged.pop("steps", None)
        return Optimisation.model_validate(merged)


def _shown(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


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
