"""Loading a model from a folder or the hub: safetensors only, no code from the model's repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from smallsteps.engines.headers import check_configuration
from smallsteps.engines.huggingface import HuggingFaceEngine, Limits
from smallsteps.engines.llama_files import read_llama
from smallsteps.engines.modules import load_module
from smallsteps.errors import NO_INPUT, UNAVAILABLE, USAGE, UserError
from smallsteps.memory import keep_freed_memory
from smallsteps.students.card import check_weights

DTYPES = ("auto", "float32", "bfloat16", "float16")


def load_engine(
    source: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    remember: bool = False,
) -> HuggingFaceEngine:
    """An engine over a causal or encoder-decoder model.

    Args:
        source: folder written by `save_pretrained`, or hub id.
        revision: hub revision; a local folder has none.
        dtype: `auto` is bfloat16 where the processor computes in it, else float32.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_size: most texts decoded side by side; None chooses by device.
        remember: reuse the last call's prefixes (dialogues).

    Raises:
        UserError: not found, offline, pickled weights, missing weights or tokenizer, unknown architecture.
    """
    place, common = _place(source, revision)
    target = torch.device(_device(device))
    kind = _dtype(dtype, target)
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch size {batch_size} is not positive", fix="give 1 or more")
    if target.type == "cpu":
        keep_freed_memory()
    engine = read_llama(Path(place), kind, target) if Path(place).is_dir() else None
    if engine is None:
        engine = load_module(place, kind, target, remember=remember, **common)
    else:
        engine.remember = remember
    limits = Limits()
    if target.type == "cuda":
        limits = Limits(limits.rows, 32768, torch.cuda.mem_get_info(target)[0] // 2, 4 << 30)
    engine.limits = limits if batch_size is None else replace(limits, rows=batch_size)
    return engine


def _place(source: str | Path, revision: str | None) -> tuple[str, dict[str, Any]]:
    folder = Path(source)
    if folder.is_dir():
        check_weights(folder)
        check_configuration(folder)
        return str(folder), {"local_files_only": True, "trust_remote_code": False}
    name = str(source)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError("no such folder", where=name, fix="check the path", code=NO_INPUT)
    return name, {"revision": revision, "trust_remote_code": False}


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("no CUDA device is available", fix="use device=cpu", code=UNAVAILABLE)
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise UserError(f"unknown device '{device}'", fix="known: auto, cpu, cuda, cuda:N", code=USAGE)
    return device


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype not in DTYPES:
        raise UserError(f"unknown dtype '{dtype}'", fix=f"known: {', '.join(DTYPES)}")
    if dtype != "auto":
        named: torch.dtype = getattr(torch, dtype)
        return named
    if device.type == "cpu":
        # without these instructions bfloat16 is emulated and several times slower than float32
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
