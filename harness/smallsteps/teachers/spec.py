"""The `teacher:` section of a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from smallsteps.config import Strict
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.students.gguf import PATTERN, joined


class OracleSpec(Strict):
    """The oracle of the micro-world, which knows the right steps of its problems.

    Attributes:
        kind: `oracle`.
        error_rate: share of samples with a deliberate slip.
    """

    kind: Literal["oracle"] = "oracle"
    error_rate: float = Field(default=0.0, ge=0, le=1)


class FileSpec(Strict):
    """Stored rationales, matched to the problems by question or id.

    Attributes:
        kind: `file`.
        path: the file, relative to the recipe's folder or to the data directory.
        format: its layout; without it, the layout is recognised by the first record. `plain` is the one for
            your own files: an object a line with `question` and `rationale`.
    """

    kind: Literal["file"]
    path: str
    format: str | None = None


class LimitsSpec(Strict):
    """What the endpoint allows, where its headers do not say.

    Attributes:
        requests_per_minute, tokens_per_minute: by default learned from the server's headers, else unlimited.
        concurrency: most requests in flight; the collector finds its own level below.
        timeout: seconds for one request.
        retries: requests that may be repeated over the whole run, as a share of all requests.
        attempts: requests sent for one sample at most, in one run.
    """

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    concurrency: int = Field(default=64, ge=1, le=2000)
    timeout: float = Field(default=120.0, gt=0)
    retries: float = Field(default=0.5, ge=0)
    attempts: int = Field(default=6, ge=1)


# fields of a request that other keys set
OWN_FIELDS = {
    *("model", "messages", "prompt", "temperature", "top_p", "stop", "seed", "n", "logprobs", "top_logprobs"),
    *("max_tokens", "max_completion_tokens", "stream"),
}


class OpenAISpec(Strict):
    """An OpenAI-compatible endpoint.

    Attributes:
        kind: `openai`.
        model: name of the model, as the endpoint knows it.
        base_url: the endpoint; by default OpenAI's own.
        key_env: environment variable that holds the key. The key itself is never configured or stored.
        api: `chat` or `completions`.
        batch: hand the requests in as one batch job (half the price, up to a day), not one by one.
        system: system message, for `chat`.
        parameters: further fields of the request, passed on as they are, such as `reasoning_effort`.
        limits: rates, retries and time-outs.
        prices: a YAML file of prices; by default the shipped, dated one.
    """

    later: ClassVar[tuple[str, ...]] = ("parameters",)
    kind: Literal["openai"]
    model: str
    base_url: str | None = None
    key_env: str = "OPENAI_API_KEY"
    api: Literal["chat", "completions"] = "chat"
    batch: bool = False
    system: str = ""
    parameters: dict[str, Any] = {}
    limits: LimitsSpec = LimitsSpec()
    prices: str | None = None

    @model_validator(mode="after")
    def _own_parameters(self) -> OpenAISpec:
        taken = sorted(OWN_FIELDS & self.parameters.keys())
        if taken:
            raise ValueError(f"'{taken[0]}' is set by 'sampling', 'prompt' or 'model', not by 'parameters'")
        return self


class EndpointSpec(OpenAISpec):
    """An endpoint as a part of a student.

    Attributes:
        budget_usd: dollars that this part may cost in one run; without it, no bound.
    """

    later: ClassVar[tuple[str, ...]] = ("parameters", "budget_usd")
    kind: Literal["openai"] = "openai"
    budget_usd: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_by_one(self) -> EndpointSpec:
        if self.batch:
            raise ValueError("a part of a student answers at once: 'batch' is for teachers")
        return self


def endpoint_name(spec: OpenAISpec) -> str:
    """Identity in the key: model, interface, system message and parameters. Not the address: it may move."""
    system = f":system={hashlib.sha256(spec.system.encode()).hexdigest()[:12]}" if spec.system else ""
    further = ""
    if spec.parameters:
        content = json.dumps(spec.parameters, sort_keys=True)
        further = f":parameters={hashlib.sha256(content.encode()).hexdigest()[:12]}"
    return f"openai:{spec.api}:{spec.model}{system}{further}"


class HuggingFaceSpec(Strict):
    """A local causal model with exact log-probabilities.

    Attributes:
        kind: `huggingface`.
        model: folder or hub id.
        revision: revision on the hub (a commit makes the corpus repeatable).
        batch: prompts generated together.
        chat: wrap prompts in the tokenizer's chat template.
        system: system message of the chat.
        thinking: `on` or `off`, for the template as `enable_thinking`.
        dtype: weights and arithmetic.
        gguf_file: GGUF file in `model` with the weights, instead of safetensors; needs the extra `gguf`.
    """

    later: ClassVar[tuple[str, ...]] = ("gguf_file",)
    kind: Literal["huggingface"]
    model: str
    revision: str | None = None
    batch: int = Field(default=16, ge=1)
    chat: bool = False
    system: str = ""
    thinking: Literal["on", "off"] | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    gguf_file: str | None = Field(default=None, pattern=PATTERN)

    @property
    def place(self) -> str:
        """Where the weights are: folder, GGUF file or hub id."""
        return joined(self.model, self.gguf_file)

    @model_validator(mode="after")
    def _of_a_chat(self) -> HuggingFaceSpec:
        if not self.chat and (self.system or self.thinking):
            raise ValueError("'system' and 'thinking' need 'chat: true'")
        return self


class StudentSpec(Strict):
    """A student of the same study, asked in the layout of its own scheme.

    Attributes:
        kind: `student`.
        recipe: name of its recipe.
        seed: its training seed; by default the study's first. `own` is that of the student that learns, so
            that every seed has a teacher of its own.
        strategy: which strategy it follows, of a scheme that has several.
    """

    later: ClassVar[tuple[str, ...]] = ("strategy",)
    kind: Literal["student"]
    recipe: str
    seed: int | Literal["own"] | None = None
    strategy: str | None = None


TeacherSpec = Annotated[
    OracleSpec | FileSpec | OpenAISpec | HuggingFaceSpec | StudentSpec,
    Field(discriminator="kind"),
]


def find(name: str, folders: Sequence[Path]) -> Path:
    """The first existing file of that name among the folders (an absolute or existing path as it is)."""
    for candidate in (Path(name), *(folder / name for folder in folders)):
        if candidate.exists():
            return candidate
    looked = ", ".join(str(folder) for folder in folders) or "the current folder"
    raise UserError("no such file", where=name, fix=f"looked in {looked}", code=NO_INPUT)
