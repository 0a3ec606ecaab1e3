"""Loading a model from a folder or the hub: safetensors only, no code from the model's repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smallsteps.engines import attention
from smallsteps.engines.causal import forward_of
from smallsteps.engines.huggingface import HuggingFaceEngine, Limits
from smallsteps.engines.refusals import load_error
from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, USAGE, UserError
from smallsteps.students.card import check_weights

DTYPES = ("auto", "float32", "bfloat16", "float16")
STATEFUL = ("linear_attention", "mamba", "recurrent", "conv")  # layers whose state is no key-value cache


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
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    place, common = _place(source, revision)
    target = _device(device)
    try:
        config = AutoConfig.from_pretrained(place, **common)
        tokenizer = AutoTokenizer.from_pretrained(place, **common)
    except (OSError, ValueError) as error:
        raise load_error(place, error) from error
    encoder = bool(getattr(config, "is_encoder_decoder", False))
    _refuse_stateful(config, place)
    auto: Any = AutoModelForSeq2SeqLM if encoder else AutoModelForCausalLM
    try:
        model, info = auto.from_pretrained(
            place,
            config=config,
            dtype=_dtype(dtype, target, config),
            use_safetensors=True,
            output_loading_info=True,
            **common,
        )
    except (OSError, ValueError) as error:
        raise load_error(place, error) from error
    _check_complete(place, info, model, tokenizer)
    model = model.to(torch.device(target)).eval()
    if target == "cpu":
        attention.use_for(model)
    if getattr(config.get_text_config(decoder=True), "sliding_window", None):
        remember = (
            False  # taken-over prefixes leave empty slots, which a window counted in slots would count too
        )
    rows = batch_size if batch_size is not None else 256
    if rows < 1:
        raise UserError(f"batch size {rows} is not positive", fix="give 1 or more")
    limits = Limits(rows=rows) if target == "cpu" else Limits(rows, 32768, _free_bytes(target) // 2, 4 << 30)
    return HuggingFaceEngine(
        model,
        forward_of(model),
        tokenizer,
        encoder,
        _context(config, encoder),
        _eos(model, tokenizer),
        limits,
        remember,
    )


def _place(source: str | Path, revision: str | None) -> tuple[str, dict[str, Any]]:
    folder = Path(source)
    if folder.is_dir():
        check_weights(folder)
        return str(folder), {"local_files_only": True, "trust_remote_code": False}
    name = str(source)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError("no such folder", where=name, fix="check the path", code=NO_INPUT)
    return name, {"revision": revision, "trust_remote_code": False}


def _refuse_stateful(config: Any, place: str) -> None:
    kinds = getattr(config.get_text_config(decoder=True), "layer_types", None) or []
    for kind in kinds:
        if any(name in kind for name in STATEFUL):
            raise UserError(
                f"layers of type '{kind}' keep a state that this engine cannot move between batches",
                where=place,
                fix="use a model with attention layers only",
                code=DATA,
            )


def _check_complete(place: str, info: dict[str, Any], model: Any, tokenizer: Any) -> None:
    missing = sorted(info.get("missing_keys", ()))
    if missing:
        raise UserError(
            f"{len(missing)} weights are missing, for example {missing[0]}",
            where=place,
            fix="save the whole model again; with random weights in their place results would mean nothing",
            code=DATA,
        )
    known = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > known:
        raise UserError(
            f"the tokenizer has {len(tokenizer)} tokens, the model only {known} embeddings",
            where=place,
            fix="the tokenizer belongs to another model: save the right one into the folder",
            code=DATA,
        )


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("no CUDA device is available", fix="use device=cpu", code=UNAVAILABLE)
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise UserError(f"unknown device '{device}'", fix="known: auto, cpu, cuda, cuda:N", code=USAGE)
    return device


def _dtype(dtype: str, device: str, config: Any) -> Any:
    import torch

    if dtype not in DTYPES:
        raise UserError(f"unknown dtype '{dtype}'", fix=f"known: {', '.join(DTYPES)}")
    if dtype == "float16" and "t5" in str(getattr(config, "model_type", "")):
        raise UserError("T5 overflows in float16", fix="use bfloat16 or float32")
    if dtype != "auto":
        return getattr(torch, dtype)
    if device == "cpu":
        # without these instructions bfloat16 is emulated and several times slower than float32
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32


def _free_bytes(device: str) -> int:
    import torch

    return int(torch.cuda.mem_get_info(torch.device(device))[0])


def _context(config: Any, encoder: bool) -> int | None:
    if encoder:  # T5's positions are relative; nothing breaks beyond the training length
        return None
    text = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:
    found: set[int] = set()
    for value in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        if isinstance(value, int):
            found.add(value)
        elif isinstance(value, (list, tuple)):
            found.update(value)
    return frozenset(found)
