"""Engines over transformers' own models: any causal or encoder-decoder architecture with attention layers."""

from __future__ import annotations

from typing import Any

import torch

from smallsteps.engines.causal import forward_of
from smallsteps.engines.fast import attention
from smallsteps.engines.huggingface import HuggingFaceEngine, token_bytes
from smallsteps.engines.refusals import load_error
from smallsteps.engines.tokens import eos_ids
from smallsteps.errors import DATA, UserError
from smallsteps.students.offline import pretrained

STATEFUL = ("linear_attention", "mamba", "recurrent", "conv")  # layers whose state is no key-value cache


def load_module(
    place: str, dtype: torch.dtype, device: torch.device, *, remember: bool = False, **common: Any
) -> HuggingFaceEngine:
    """An engine over the model in a folder or GGUF file, or on the hub.

    Args:
        remember: as asked; left out for layers that cannot take over prefixes.
        common: what both the model and its tokenizer are loaded with.

    Raises:
        UserError: see `loading.load_engine`.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        source, more = pretrained(place, common.pop("revision", None))
        config = AutoConfig.from_pretrained(source, **more, **common)
        reader, apart = pretrained(place, more.get("revision"), tokenizer=True)
        tokenizer = AutoTokenizer.from_pretrained(reader, **apart, **common)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes transformers raise anything
        raise load_error(place, error) from error
    text = config.get_text_config(decoder=True)
    encoder = bool(getattr(config, "is_encoder_decoder", False))
    _refuse_stateful(text, place)
    if dtype == torch.float16 and "t5" in str(config.model_type):
        raise UserError("T5 overflows in float16", fix="use bfloat16 or float32")
    auto: Any = AutoModelForSeq2SeqLM if encoder else AutoModelForCausalLM
    try:
        model, info = auto.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            output_loading_info=True,
            **more,
            **common,
        )
    except MemoryError:
        raise
    except Exception as error:
        raise load_error(place, error) from error
    _check_complete(place, info, model, tokenizer)
    model = model.to(device).eval()
    if device.type == "cpu":
        attention.use_for(model)
    # taken-over prefixes leave empty slots, which a window counted in slots would count too
    windowed = bool(getattr(text, "sliding_window", None))
    return HuggingFaceEngine(
        forward=None if encoder else forward_of(model),
        model=model,
        device=device,
        token_bytes=_token_bytes(text, dtype),
        tokenizer=tokenizer,
        # T5's positions are relative; nothing breaks beyond the training length
        context=None if encoder else _context(text),
        eos=eos_ids(getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id),
        remember=remember and not windowed,
    )


def _refuse_stateful(config: Any, place: str) -> None:
    kinds = getattr(config, "layer_types", None) or []
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


def _context(config: Any) -> int | None:
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _token_bytes(config: Any, dtype: torch.dtype) -> int:
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = (
        getattr(config, "head_dim", None)
        or getattr(config, "d_kv", None)
        or config.hidden_size // config.num_attention_heads
    )
    layers = getattr(config, "num_decoder_layers", None) or config.num_hidden_layers
    return token_bytes(layers, heads, dim, dtype)
