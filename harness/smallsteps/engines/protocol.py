"""The interface between schemes and models: prompts in, texts with token counts and stop reasons out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

StopReason = Literal["eos", "stop", "length"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How texts are drawn.

    Attributes:
        max_new_tokens: budget per text, in tokens; reaching it is the stop reason `length`.
        temperature: 0 is greedy.
        top_p: nucleus mass, used only when sampling.
        samples: texts drawn per prompt.
        stop: strings that end a text; the string itself is cut off.
        seed: seed of the sampling, used only when sampling.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    samples: int = 1
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """One generated text.

    Attributes:
        text: the text without special tokens, cut before the stop string.
        tokens: tokens generated, the end-of-sequence token included.
        prompt_tokens: tokens of the prompt.
        stop: why it ended: `eos`, `stop` (a stop string) or `length` (budget spent: truncated).
    """

    text: str
    tokens: int
    prompt_tokens: int
    stop: StopReason


class Engine(Protocol):
    """A model that continues prompts."""

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        """Draw `decoding.samples` texts for each prompt, in the order of the prompts."""
        ...

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Natural-log likelihood of each continuation given its context, and whether it is the greedy one."""
        ...
