"""The cost of a training run, from the shapes of a base's weights: arithmetic and memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.files import read_object
from smallsteps.training.settings import BaseSpec, Optimisation

ITERATIONS = 5  # of Muon's Newton-Schulz, torch's default
NOTABLE = 0.2  # share of a step's arithmetic from which the optimizer's is said
_ACTIVATIONS = 48  # bytes a token, layer and unit of width that are kept for the backward pass, about
_OUTER = ("embed", "wte", "wpe", "shared", "lm_head", "relative_attention_bias")
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Arithmetic and memory of a training, estimated.

    Attributes:
        parameters: trained.
        model_flops: of forward and backward pass in a step of `batch_tokens`, 6 a parameter and token (Kaplan
            et al. 2020); optimizer_flops: of the optimizer in a step.
        memory: bytes at the peak, with bf16 activations.
        size: bytes of a weight, or of a number of the optimizer: 4, with `bf16_weights` 2.
        optimizer_bytes, activation_bytes: shares of it, the activations those of one micro-batch.
        gathered: parameters that stand on a device at a time where they are kept in main memory, about: those
            outside of the blocks, and two blocks.
    """

    parameters: int
    model_flops: float
    optimizer_flops: float
    memory: int
    optimizer_bytes: int = 0
    activation_bytes: int = 0
    gathered: int = 0
    size: int = 4

    @property
    def share(self) -> float:
        """The optimizer's share of a step's arithmetic."""
        total = self.model_flops + self.optimizer_flops
        return self.optimizer_flops / total if total else 0.0

    def words(self, optimisation: Optimisation) -> str:
        """One line of text."""
        text = f"{self.parameters / 1e6:.0f} M parameters, about {self.memory / 2**30:.1f} GiB a training"
        if self.share >= NOTABLE:
            text += (
                f"; {optimisation.optimizer} takes {100 * self.share:.0f} % of each step's arithmetic: "
                "'optimizer: adamw' takes next to none, larger 'batch_tokens' make it less"
            )
        return text


def cost(shapes: Mapping[str, Shape], config: Mapping[str, Any], optimisation: Optimisation) -> Cost:
    """The cost of training weights of these shapes, by their names."""
    parameters = sum(_size(shape) for shape in shapes.values())
    hidden = [shape for name, shape in shapes.items() if len(shape) == 2 and not _is_outer(name)]
    muon = optimisation.optimizer == "muon"
    held = sum(map(_size, hidden)) if muon else 0  # one number a parameter, where AdamW has two
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or config.get("num_layers") or 1)
    width = int(config.get("hidden_size") or config.get("n_embd") or config.get("d_model") or 1)
    tokens = optimisation.batch_tokens / optimisation.accumulate
    depth = 2 if optimisation.gradient_checkpointing else layers
    activations = _ACTIVATIONS * width * depth * tokens
    size = 2 if optimisation.precision == "bf16_weights" else 4
    memory = size * (4 * parameters - held) + activations + (1 << 30)
    flops = muon_flops(hidden) if muon else 0.0
    model = 6.0 * parameters * optimisation.batch_tokens
    inner = sum(_size(shape) for name, shape in shapes.items() if not _is_outer(name))
    gathered = parameters - inner + 2 * inner // layers
    optimizer = size * (2 * parameters - held)
    return Cost(parameters, model, flops, int(memory), optimizer, int(activations), gathered, size)


def muon_flops(shapes: Iterable[Shape]) -> float:
    """Of one step: for each iteration and matrix, m <= n, its Gram matrix, that squared, and a product."""
    total = 0.0
    for shape in shapes:
        m, n = sorted(shape)
        total += ITERATIONS * (4.0 * m * m * n + 2.0 * m**3)
    return total


def cost_of(base: BaseSpec, optimisation: Optimisation) -> Cost | None:
    """The cost of a base in a folder of this machine; None where its weights are elsewhere or random."""
    from safetensors import safe_open

    from smallsteps.students.offline import model_folder

    plain = base.path is not None and base.gguf_file is None
    folder = model_folder(base.path or "", base.revision) if plain else None
    files = sorted(Path(folder).glob("*.safetensors")) if folder is not None else []
    if folder is None or not files:
        return None
    shapes: dict[str, Shape] = {}
    for path in files:
        with safe_open(path, framework="numpy") as file:
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return cost(shapes, read_object(Path(folder) / "config.json"), optimisation)


def cost_of_random(base: BaseSpec, optimisation: Optimisation, vocabulary: int) -> Cost:
    """The cost of an architecture with random weights, of which only the shapes are made.

    Args:
        base: with an architecture.
        vocabulary: tokens, where the architecture does not say.

    Raises:
        UserError: an unknown model type or field.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    from smallsteps.training.models import configuration, quiet

    assert base.architecture is not None
    auto: Any
    with quiet(), torch.device("meta"):
        config = configuration(base.architecture, {"vocab_size": vocabulary})
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = auto.from_config(config, trust_remote_code=False)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    return cost(shapes, config.to_dict(), optimisation)


def _size(shape: Shape) -> int:
    size = 1
    for each in shape:
        size *= each
    return size


def _is_outer(name: str) -> bool:
    return any(mark in name for mark in _OUTER)
