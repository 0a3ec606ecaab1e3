"""The arithmetic of an evaluation: data type, device and batch, resolved before a model is loaded.

Texts of a 16-bit model depend on the data type and on what is decoded side by side. So a run is named by the
values that were used, not by the word `auto`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from smallsteps.engines.fast.fits import computes_bfloat16
from smallsteps.engines.fast.switches import left_out
from smallsteps.errors import UNAVAILABLE, USAGE, UserError
from smallsteps.memory import has_gpu

DTYPES = ("auto", "float32", "bfloat16", "float16")
PRECISIONS = ("auto", "exact")
ROWS = 1024  # texts decoded side by side where nobody says otherwise


@dataclass(frozen=True, slots=True)
class Numerics:
    """The arithmetic of a model.

    Attributes:
        precision: `auto`, or `exact`: float32 throughout, whose texts do not depend on the batch.
        dtype: `float32`, `bfloat16` or `float16`.
        device: `cpu`, `cuda` or `cuda:N`.
        batch_size: most texts decoded side by side.
    """

    precision: str
    dtype: str
    device: str
    batch_size: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for manifests."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """The values that affect texts; in `exact` the batch does not."""
        found: dict[str, Any] = {"dtype": self.dtype, "device": self.device.partition(":")[0]}
        if left_out():
            found["plain"] = sorted(left_out())
        return found if self.precision == "exact" else {**found, "batch_size": self.batch_size}


def resolve(
    dtype: str = "auto", device: str = "auto", batch_size: int | None = None, precision: str = "auto"
) -> Numerics:
    """The options resolved for this machine. Imports torch only where there may be a GPU.

    Args:
        dtype: `auto` is bfloat16 where the processor computes in it, else float32.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_size: None is 1,024.
        precision: `exact` is float32.

    Raises:
        UserError: an unknown name, options that contradict each other, no such device.
    """
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision '{precision}'", fix=f"known: {', '.join(PRECISIONS)}")
    if dtype not in DTYPES:
        raise UserError(f"unknown dtype '{dtype}'", fix=f"known: {', '.join(DTYPES)}")
    if precision == "exact" and dtype not in ("auto", "float32"):
        raise UserError(f"precision 'exact' computes in float32, not in {dtype}", fix="leave out --dtype")
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch size {batch_size} is not positive", fix="give 1 or more")
    place = _device(device)
    if precision == "exact":
        dtype = "float32"
    elif dtype == "auto":
        dtype = "bfloat16" if computes_bfloat16(place) else "float32"
    return Numerics(precision, dtype, place, ROWS if batch_size is None else batch_size)


def _device(device: str) -> str:
    kind, sign, number = device.partition(":")
    if device != "auto" and (kind not in ("cpu", "cuda") or (sign and not number.isdigit())):
        raise UserError(f"unknown device '{device}'", fix="known: auto, cpu, cuda, cuda:N", code=USAGE)
    if device == "auto":
        return "cuda" if _has_cuda() else "cpu"
    if kind == "cuda":
        if not _has_cuda():
            raise UserError("no CUDA device is available", fix="use device=cpu", code=UNAVAILABLE)
        if sign:
            import torch

            if int(number) >= torch.cuda.device_count():
                raise UserError(
                    f"no device '{device}': this machine has {torch.cuda.device_count()}",
                    fix=f"the last one is cuda:{torch.cuda.device_count() - 1}",
                    code=UNAVAILABLE,
                )
    return "cpu" if kind == "cpu" else device


@lru_cache(maxsize=1)
def _has_cuda() -> bool:
    if not has_gpu():
        return False
    import torch

    return torch.cuda.is_available()
