"""Loading a model from a folder or the hub: safetensors only, no code from the model's repository."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from smallsteps.engines.adapters import is_adapter, merged
from smallsteps.engines.fast.files import read_llama
from smallsteps.engines.fast.switches import uses
from smallsteps.engines.headers import check_configuration
from smallsteps.engines.huggingface import HuggingFaceEngine, Limits
from smallsteps.engines.modules import load_module
from smallsteps.engines.numerics import resolve
from smallsteps.engines.tokenizer_check import check_local
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.memory import SHARERS
from smallsteps.students.card import check_weights
from smallsteps.students.gguf import apart
from smallsteps.students.offline import is_hub_id, model_folder


def load_engine(
    source: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    precision: str = "auto",
    remember: bool = False,
) -> HuggingFaceEngine:
    """An engine over a causal or encoder-decoder model.

    Args:
        source: folder written by `save_pretrained`, GGUF file, or hub id (see `students.offline`).
        revision: hub revision; a local folder has none.
        dtype, device, batch_size, precision: see `numerics.resolve`.
        remember: reuse the last call's prefixes (dialogues).

    Raises:
        UserError: not found, offline, pickled weights, missing weights or tokenizer, unknown architecture.
    """
    folder = model_folder(source, revision)
    if folder is not None and is_adapter(folder):
        check_weights(folder)
        with merged(folder) as whole:
            return load_engine(
                whole,
                dtype=dtype,
                device=device,
                batch_size=batch_size,
                precision=precision,
                remember=remember,
            )
    place, common = _place(source, revision)
    numerics = resolve(dtype, device, batch_size, precision)
    target = torch.device(numerics.device)
    kind: torch.dtype = getattr(torch, numerics.dtype)
    if precision == "exact":
        torch.set_float32_matmul_precision("highest")
    plain = Path(place).is_dir() and uses("files") and uses("llama")
    engine = read_llama(Path(place), kind, target) if plain else None
    if engine is None:
        engine = load_module(place, kind, target, remember=remember, **common)
    else:
        engine.remember = remember
    limits = Limits()
    if target.type == "cuda":
        limits = _on_gpu(*torch.cuda.mem_get_info(target))
    engine.limits = replace(limits, rows=numerics.batch_size)
    return engine


def _on_gpu(free: int, total: int) -> Limits:
    """Limits on a GPU of `total` bytes, `free` of them, among the processes that share it."""
    sharers = int(os.environ.get(SHARERS, "1"))
    cache = min(free // 2, total // (2 * sharers))
    return Limits(prefill_tokens=32768, cache_bytes=cache, memory_bytes=min(4 << 30, cache // 4))


def _place(source: str | Path, revision: str | None) -> tuple[str, dict[str, Any]]:
    folder = model_folder(source, revision)
    if folder is not None:
        check_weights(folder)
        check_configuration(folder)
        check_local(str(folder))
        return str(folder), {"local_files_only": True}
    name = str(source)
    if not is_hub_id(apart(name)[0]):
        raise UserError("no such folder", where=name, fix="check the path", code=NO_INPUT)
    return name, {"revision": revision}
