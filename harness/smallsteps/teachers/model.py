"""Plain data of collecting: what is asked of a teacher, what came back, and the seam every teacher fits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from smallsteps.config import Strict
from smallsteps.files import to_json
from smallsteps.problems import Problem, TokenLogprob


class Status(StrEnum):
    """What became of one request. `ERROR` is the only status that is asked again."""

    OK = "ok"
    LENGTH = "length"
    FILTERED = "filtered"
    REFUSED = "refused"
    ERROR = "error"


class Sampling(Strict):
    """How a teacher draws its samples. Every field enters the key of a stored sample.

    Attributes:
        temperature: 0 is greedy.
        top_p: nucleus mass.
        max_tokens: budget per sample, in the teacher's tokens.
        stop: strings that end a sample.
        seed: seed of the first sample; sample i draws from seed + i where the teacher takes a seed.
        logprobs: alternatives stored per token (0: none).
    """

    temperature: float = Field(default=0.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1)
    stop: tuple[str, ...] = ()
    seed: int = 0
    logprobs: int = Field(default=0, ge=0, le=100)

    def canonical(self) -> str:
        """Deterministic JSON of all parameters."""
        return _canonical(self)


@lru_cache(maxsize=64)
def _canonical(sampling: Sampling) -> str:
    return to_json(sampling.model_dump(mode="json"), indent=None)


def sample_key(teacher: str, prompt: str, sampling: str, sample: int) -> str:
    """Key of one stored sample: hex sha256 over teacher, rendered prompt, sampling parameters and index."""
    parts = "\x1f".join((teacher, prompt, sampling, str(sample)))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """One sample wanted from a teacher.

    Attributes:
        key: `sample_key` of the fields below.
        problem: the problem it is for.
        prompt: rendered prompt.
        sampling: how it is drawn.
        sample: index among the samples of this prompt.
    """

    key: str
    problem: Problem
    prompt: str
    sampling: Sampling
    sample: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One stored row: a request and what became of it.

    Attributes:
        key: `sample_key`; problem_id, teacher, prompt, sampling (canonical JSON), sample: what was asked.
        status: what became of it.
        text: the completion, as received.
        attempts: requests sent for it, failures included.
        prompt_tokens: tokens of the prompt, as the teacher counts them (0 when unknown).
        completion_tokens: tokens of the completion.
        tokens: token log-probabilities where the teacher gives them.
        error: why it failed, for status `error`.
        extra: everything else the source said (finish reason, fields of an imported file).
    """

    key: str
    problem_id: str
    teacher: str
    prompt: str
    sampling: str
    sample: int
    status: Status
    text: str
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens: tuple[TokenLogprob, ...] = ()
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


Emit = Callable[[Sequence[Sample]], None]


class Teacher(Protocol):
    """Where rationales come from."""

    @property
    def name(self) -> str:
        """Identity in the key: everything about the teacher that changes what it would say."""
        ...

    @property
    def paid(self) -> bool:
        """Whether a lost sample costs money: then every row is flushed to the disk on its own."""
        ...

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Answer the requests in any order; `emit` stores what came back and returns once it is safe."""
        ...


Memory = Callable[[str, str | None], str | None]


@runtime_checkable
class Remembers(Protocol):
    """A teacher that keeps a note in the store, such as the id of a batch job, to resume after a crash."""

    memory: Memory


Say = Callable[[str], None]


@runtime_checkable
class ReportsProgress(Protocol):
    """A teacher whose answers may take hours, and which says how far it is."""

    on_progress: Say


@runtime_checkable
class Announces(Protocol):
    """A teacher with messages that must be seen, such as the reason for a long pause."""

    announce: Say


@runtime_checkable
class ChecksModel(Protocol):
    """A teacher that can stop when an answer names another model than the one asked for."""

    strict_model: bool


def answered(
    request: Request,
    teacher: str,
    text: str,
    status: Status = Status.OK,
    *,
    attempts: int = 1,
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    tokens: tuple[TokenLogprob, ...] = (),
    error: str = "",
    extra: dict[str, Any] | None = None,
) -> Sample:
    """The row of an answered (or failed) request."""
    return Sample(
        key=request.key,
        problem_id=request.problem.id,
        teacher=teacher,
        prompt=request.prompt,
        sampling=request.sampling.canonical(),
        sample=request.sample,
        status=status,
        text=text,
        attempts=attempts,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        tokens=tokens,
        error=error,
        extra=extra or {},
    )
