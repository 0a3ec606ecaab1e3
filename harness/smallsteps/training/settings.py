"""The `optimisation:` and `base:` sections of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from smallsteps.config import Strict
from smallsteps.students.gguf import PATTERN, joined

Positive = Annotated[int, Field(gt=0)]


class Optimisation(Strict):
    """How a student is optimised.

    Attributes:
        steps: optimiser steps. Exactly one of `steps` and `epochs` is given.
        epochs: passes over the examples; may be a fraction.
        learning_rate: peak rate of the matrices (`muon`) or of every parameter (`adamw`).
        optimizer: `muon` is Muon on the hidden matrices and AdamW on embeddings, output head, norms and
            biases.
        weight_decay: decoupled, on every parameter with two or more dimensions.
        embedding_lr_scale: rate of Muon's AdamW share, as a fraction of `learning_rate`.
        betas: AdamW's.
        momentum: Muon's.
        warmup: share of the steps over which the rate rises linearly.
        schedule: what follows the warm-up.
        clip: largest global gradient norm; 0 does not clip.
        batch_tokens: budget of one optimiser step, padding included; encoder and decoder tokens both count.
        accumulate: micro-batches a step is split in; changes memory, not gradients.
        prompt_weight: loss weight of a prompt token, where a target token has 1 (decoder-only models).
        precision: `auto` is bf16 autocast where the hardware multiplies bf16, else fp32. Weights stay fp32.
        attention: `auto` is SDPA on a GPU; on a CPU, where bf16 SDPA has a very slow backward, `fused` for
            Llamas and eager for others. `fused` is eager with hand-written backward passes (on a GPU: SDPA).
        max_length: longest example in tokens (encoder-decoder: longest side); see `too_long`.
        too_long: `error`, or `drop` longer examples; the figures say how many.
        compile: torch.compile; pays on a GPU or over many thousand steps.
        save_every: steps between the checkpoints an interrupted training resumes from; 0 keeps none.
    """

    steps: Positive | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    learning_rate: Annotated[float, Field(gt=0)]
    optimizer: Literal["muon", "adamw"] = "muon"
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    embedding_lr_scale: Annotated[float, Field(gt=0)] = 0.3
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    clip: Annotated[float, Field(ge=0)] = 1.0
    batch_tokens: Positive = 2048
    accumulate: Positive = 1
    prompt_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    attention: Literal["auto", "eager", "sdpa", "fused"] = "auto"
    max_length: Positive = 512
    too_long: Literal["error", "drop"] = "error"
    compile: bool = False
    save_every: Annotated[int, Field(ge=0)] = 200

    @model_validator(mode="after")
    def _one_duration(self) -> Optimisation:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give exactly one of 'steps' and 'epochs'")
        return self


class LoraSpec(Strict):
    """Low-rank adapters instead of all weights (Hu et al. 2021, arXiv 2106.09685); needs the extra `lora`.

    Attributes:
        rank: of each adapter.
        alpha: the adapter is scaled by alpha / rank.
        dropout: on the adapter's input, in training.
        targets: names of the layers that get one, or `all-linear`: all but the output head.
        keep: a student of `merged` weights, or the `adapter` alone, which needs its base to be loaded.
    """

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["all-linear"] | list[str] = "all-linear"
    keep: Literal["merged", "adapter"] = "merged"


class BaseSpec(Strict):
    """What a student is made from: trained weights, or an architecture with random ones.

    Attributes:
        path: Hugging Face folder, or hub id.
        revision: hub revision (a commit makes the study repeatable).
        architecture: fields of a transformers configuration, `model_type` among them; random weights.
        tokenizer: folder or hub id of the tokenizer; by default that of `path`. An architecture needs one,
            unless the recipe trains one.
        eos_token: end-of-text token of a tokenizer that declares none.
        gguf_file: GGUF file in `path` with the weights, instead of safetensors; needs the extra `gguf`.
    """

    later: ClassVar[tuple[str, ...]] = ("gguf_file",)
    path: str | None = None
    revision: str | None = None
    architecture: dict[str, Any] | None = None
    tokenizer: str | None = None
    eos_token: str | None = None
    gguf_file: str | None = Field(default=None, pattern=PATTERN)

    @property
    def place(self) -> str | None:
        """Where the weights are: folder, GGUF file or hub id; None for random ones."""
        return None if self.path is None else joined(self.path, self.gguf_file)

    @model_validator(mode="after")
    def _one_source(self) -> BaseSpec:
        if (self.path is None) == (self.architecture is None):
            raise ValueError("give exactly one of 'path' and 'architecture'")
        if self.gguf_file is not None and self.path is None:
            raise ValueError("'gguf_file' is a file in 'path'")
        if self.architecture is not None and "model_type" not in self.architecture:
            raise ValueError("'architecture' needs 'model_type', for example llama, gpt2 or t5")
        return self
