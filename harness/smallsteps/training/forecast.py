"""A forecast of memory by part, arithmetic and time of a training run on named hardware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smallsteps.errors import UserError

if TYPE_CHECKING:
    from smallsteps.training.cost import Cost
    from smallsteps.training.settings import Optimisation
    from smallsteps.training.team import Strategy

HardwareName = Literal["h100", "h200", "a100", "cpu"]
# Of a GPU's peak: what a packed Llama of 1.2 billion parameters reached on an H200 (docs/speed.md).
# Compiled, it reached 0.44; encoder-decoders and small models stay below.
UTILISATION = 0.32
REMEDY = (
    "set 'devices' and 'strategy: fsdp', or 'strategy: offload'; train adapters ('lora'); take a smaller base"
)
BESIDE = 1 << 30  # bytes of libraries, kernels and buffers, about


@dataclass(frozen=True, slots=True)
class Machine:
    """A device: bytes of memory, and the operations a second that a training is assumed to do on it."""

    name: str
    memory: int
    flops: float


# Dense bf16 peaks and memory of the SXM cards, from NVIDIA's data sheets: 989 TFLOP/s and 80 GB (H100), 989
# and 141 GB (H200), 312 and 80 GB (A100).
MACHINES = {
    "h100": Machine("h100", 80 * 10**9, UTILISATION * 989e12),
    "h200": Machine("h200", 141 * 10**9, UTILISATION * 989e12),
    "a100": Machine("a100", 80 * 10**9, UTILISATION * 312e12),
}
CORE_FLOPS = 2e10  # a processor core in a training, assumed; it differs much between processors


@dataclass(frozen=True, slots=True)
class Teacher:
    """An on-line teacher: its parameters, and bytes of their memory on each device."""

    parameters: int
    memory: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """The estimated needs of a training run.

    Attributes:
        parameters: trained; tokens: at most, padding included; None where epochs over examples not yet made
            decide.
        flops: of all steps; None with `tokens`.
        memory: bytes on each device by part: weights, gradients, optimizer, teacher, activations, other.
        machine: what it was made for; seconds: about, on all devices together.
    """

    parameters: int
    tokens: int | None
    flops: float | None
    memory: dict[str, int]
    machine: Machine
    seconds: float | None

    @property
    def total(self) -> int:
        """Bytes on each device."""
        return sum(self.memory.values())

    def lines(self) -> list[str]:
        """Lines of text."""
        parts = ", ".join(f"{name} {gib(size)}" for name, size in self.memory.items())
        found = [
            f"{self.parameters / 1e6:,.1f} M parameters",
            f"memory of each device: {gib(self.total)} of {gib(self.machine.memory)} ({parts})",
        ]
        if self.tokens is None or self.flops is None or self.seconds is None:
            return [*found, "tokens and time follow from the examples ('epochs'), which are not made yet"]
        return [
            *found,
            f"{self.tokens:,} tokens at most, {self.flops:.2e} operations",
            f"about {_duration(self.seconds)} on {self.machine.name}, at an assumed "
            f"{self.machine.flops / 1e12:,.2f} TFLOP/s a device",
        ]

    def check(self, name: str) -> None:
        """Check that it fits.

        Raises:
            UserError: a device has less memory.
        """
        if self.total <= self.machine.memory:
            return
        largest = max(self.memory, key=lambda part: self.memory[part])
        remedy = (
            "raise 'accumulate', set 'gradient_checkpointing: true' or lower 'batch_tokens'"
            if largest == "activations"
            else REMEDY
        )
        raise UserError(
            f"the training needs about {gib(self.total)} on each device, {self.machine.name} has "
            f"{gib(self.machine.memory)}; {largest} take {gib(self.memory[largest])}",
            where=name,
            fix=remedy,
        )


def forecast(
    cost: Cost,
    optimisation: Optimisation,
    machine: Machine,
    *,
    devices: int = 1,
    strategy: Strategy = "ddp",
    teacher: Teacher | None = None,
) -> Forecast:
    """What a training of this cost needs on `devices` of a machine.

    Weights, gradients and optimizer state are in fp32: 4, 4 and 8 bytes a parameter (Muon: 4 of a hidden
    matrix), or with `bf16_weights` half of that. An on-line teacher adds its weights, and 2 operations a
    parameter and token. `fsdp` divides them among the devices; with `offload` they are in main memory, and a
    device holds what it works on. Gradient checkpointing runs the forward pass twice: 8 operations a
    parameter and token instead of 6.
    """
    parts = {
        "weights": cost.size * cost.parameters,
        "gradients": cost.size * cost.parameters,
        "optimizer": cost.optimizer_bytes,
    }
    if strategy != "ddp":
        parts = {name: -(-size // devices) for name, size in parts.items()}
    if strategy in ("offload", "zero3"):
        # the largest part that is gathered at a time: of the outer matrices, or of a few blocks
        held = cost.size * cost.gathered
        parts = {"weights": held, "gradients": held, "optimizer": 0}
    if teacher is not None:
        parts["teacher"] = teacher.memory
    share = max(optimisation.accumulate, devices) / optimisation.accumulate  # a process reads part of a step
    parts |= {"activations": int(cost.activation_bytes / share), "other": BESIDE}
    if optimisation.steps is None:
        return Forecast(cost.parameters, None, None, parts, machine, None)
    again = 8 / 6 if optimisation.gradient_checkpointing else 1.0
    asked = 0.0 if teacher is None else 2.0 * teacher.parameters * optimisation.batch_tokens
    flops = optimisation.steps * (again * cost.model_flops + cost.optimizer_flops + asked)
    # the optimizer's own arithmetic is divided only with its state
    alone = 0.0 if strategy != "ddp" else optimisation.steps * cost.optimizer_flops
    seconds = ((flops - alone) / devices + alone) / machine.flops
    tokens = optimisation.steps * optimisation.batch_tokens
    return Forecast(cost.parameters, tokens, flops, parts, machine, seconds)


def gib(size: float) -> str:
    """Bytes as text."""
    return f"{size / 2**30:,.1f} GiB" if size >= 1 << 30 else f"{size / 2**20:,.0f} MiB"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s of arithmetic, or less,"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
