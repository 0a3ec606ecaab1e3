"""Weights on the disk in the type that a student is stored with, while the model goes on training in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from smallsteps.files import read_object, write_json


def save_weights(model: Any, folder: Path, dtype: torch.dtype | None) -> None:
    """Write a model; `dtype` None keeps its own type. The model itself is left as it is."""
    if dtype is None or dtype == model.dtype:
        model.save_pretrained(folder)
        return
    seen: dict[int, torch.Tensor] = {}  # tied weights stay tied, by the address of their storage

    def converted(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor
        return seen.setdefault(tensor.data_ptr(), tensor.to(dtype))

    model.save_pretrained(
        folder, state_dict={name: converted(tensor) for name, tensor in model.state_dict().items()}
    )
    config = folder / "config.json"
    write_json(config, {**read_object(config), "dtype": str(dtype).removeprefix("torch.")})
