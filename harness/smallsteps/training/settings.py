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
        batch_tokens: token budget of an optimiser step, padding included; encoder and decoder tokens count.
        accumulate: micro-batches per step; affects memory, not gradients.
        prompt_weight: loss weight of a prompt token, relative to 1 for a target token (decoder-only models).
        precision: `auto` is bf16 autocast where the hardware computes in bf16, else fp32. Weights stay fp32,
            unless it is `bf16_weights`: 8 bytes a parameter instead of 16, and updates that are small beside
            a weight are lost in rounding.
        attention: `auto` is `packed` on a GPU for the decoders that can have it, else SDPA; on a CPU, where
            bf16 SDPA has a very slow backward, `fused` for Llamas and eager for others. `packed` lays
            examples end to end, each attending to itself alone, instead of padding them. `fused` is eager
            with hand-written backward passes (on a GPU: SDPA).
        max_length: longest example in tokens (encoder-decoder: longest side); see `too_long`.
        too_long: `error`, or `drop` longer examples; the figures say how many.
        gradient_checkpointing: keep only the inputs of each block for the backward pass and compute the block
            again there: about a third more time, and memory that no longer grows with depth.
        loss_chunk: positions whose logits are in memory at a time; 0 is all of a micro-batch. `auto` takes
            pieces where the logits of a micro-batch would pass 128 MiB.
        save_weights: type of the weights that a student is stored with: that of its `base`, or `fp32`, in
            which it is trained. A base with random weights is stored in fp32.
        compile: torch.compile; pays on a GPU or over many thousand steps.
        save_every: steps between the checkpoints an interrupted training resumes from; 0 keeps none.
    """

    steps: Annotated[int, Field(gt=0, le=10**9)] | None = None
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
    precision: Literal["auto", "fp32", "bf16", "bf16_weights"] = "auto"
    attention: Literal["auto", "eager", "sdpa", "fused", "packed"] = "auto"
    max_length: Positive = 512
    too_long: Literal["error", "drop"] = "error"
    gradient_checkpointing: bool = False
    loss_chunk: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    save_weights: Literal["base", "fp32"] = "base"
    compile: bool = False
    save_every: Annotated[int, Field(ge=0)] = 200

    def identity(self) -> dict[str, Any]:
        """The settings that affect the weights."""
        return self.model_dump(mode="json", exclude={"save_every", "gradient_checkpointing", *self.unsaid()})

    def unsaid(self) -> set[str]:
        """Keys of later versions at their defaults, which hashes leave out so that they stay the same."""
        later = ("gradient_checkpointing", "loss_chunk", "save_weights")
        return {name for name in later if getattr(self, name) == type(self).model_fields[name].default}

    @model_validator(mode="after")
    def _one_duration(self) -> Optimisation:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give exactly one of 'steps' and 'epochs'")
        return self


class TeacherModel(Strict):
    """A model that is loaded beside the student and gives its distribution at every token.

    Attributes:
        path: Hugging Face folder, or hub id. It reads the student's prompts and targets as they are.
        revision: hub revision.
        dtype: of its weights and arithmetic.
    """

    path: str
    revision: str | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"


class ObjectiveSpec(Strict):
    """What is minimised: the likelihood of targets, their teacher's distributions, or both
    (docs/objectives.md).

    Attributes:
        kl: share of the divergence from the teacher in the loss of a token whose distribution is known; the
            rest is its negative log-likelihood. 0 reads no distributions.
        divergence: `forward` KL(teacher, student), `reverse` KL(student, teacher), or `jensen_shannon`.
        tail: the mass outside of the teacher's k candidates: one more outcome (`bucket`), or left out
            without renormalising (`drop`, forward only; Fu et al. 2023).
        temperature: both distributions are taken to the power 1 / temperature, and the divergence times its
            square (Hinton et al. 2015).
        top_k: most probable candidates used of those stored, or of an on-line teacher of another vocabulary
            (default there: 32). By default all that are stored.
        teacher: an on-line teacher, instead of the corpus's stored distributions.
        alignment: how tokens of another vocabulary are aligned: over their `bytes`, or by `dtw`, dynamic time
            warping of token texts, where only equal single tokens take over a distribution (Fu et al. 2023).
        coverage: smallest share of the rationales' bytes that must be aligned; less is an error.
        weights: weight of each format's mean token loss, `{label: 0.5, rationale: 0.5}` for `multitask`. By
            default every token counts alike.
        budgets: share of the training's tokens by format; by default as the examples have them.
        unlikelihood: weight of wrong rationales' tokens, whose probability is then lowered (Welleck et al.
            2020, 1908.04319); 0 trains on them like on others. Needs `keep: all` in the corpus section.
    """

    kl: Annotated[float, Field(ge=0, le=1)] = 0.0
    divergence: Literal["forward", "reverse", "jensen_shannon"] = "forward"
    tail: Literal["bucket", "drop"] = "bucket"
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    top_k: Positive | None = None
    teacher: TeacherModel | None = None
    alignment: Literal["bytes", "dtw"] = "bytes"
    coverage: Annotated[float, Field(ge=0, le=1)] = 0.9
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    budgets: dict[str, Annotated[float, Field(gt=0)]] = {}
    unlikelihood: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> ObjectiveSpec:
        if self.tail == "drop" and self.divergence != "forward":
            raise ValueError(
                "'tail: drop' leaves no distribution to compare: it goes with 'divergence: forward'"
            )
        if self.tail == "drop" and self.temperature != 1:
            raise ValueError("'tail: drop' leaves no distribution to temper: it goes with 'temperature: 1'")
        if self.teacher is not None and self.kl == 0:
            raise ValueError("'teacher' is asked for distributions, which 'kl: 0' does not use: set 'kl'")
        if self.weights and not any(self.weights.values()):
            raise ValueError("all 'weights' are 0: nothing would be learnt")
        return self

    @property
    def is_plain(self) -> bool:
        """Likelihood alone, every token alike."""
        return self.kl == 0 and not self.unlikelihood and not self.weights


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
    """The base of a student: trained weights, or an architecture with random ones.

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
