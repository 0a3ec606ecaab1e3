"""A Hugging Face folder of a Llama written as one GGUF file, with its tokenizer, as llama.cpp does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # kinds of tokens


def write_gguf(source: Path, out: Path, dtype: str = "float32") -> Path:
    """Write `out` from the folder `source`; weights in float32, float16 or Q8_0 (norms always in float32)."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    _write_tokenizer(writer, source)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, weight in load_file(source / "model.safetensors").items():
        part = name.removesuffix(".weight").rsplit(".", 1)[-1]
        values = _permuted(weight, heads[part]) if part in heads else weight
        if weight.ndim == 1 or dtype == "float32":
            writer.add_tensor(_name(name), values.astype(np.float32))
        elif dtype == "float16" or values.shape[-1] % 32:
            writer.add_tensor(_name(name), values.astype(np.float16))
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(
                _name(name), gguf.quants.quantize(values.astype(np.float32), kind), raw_dtype=kind
            )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def _write_tokenizer(writer: object, source: Path) -> None:
    """The vocabulary as SentencePiece has it: a token's score is its rank among the merges."""
    found = json.loads((source / "tokenizer.json").read_text())
    tokens = sorted(found["model"]["vocab"], key=found["model"]["vocab"].get)
    special = {token["content"] for token in found["added_tokens"]}
    kinds = [
        (_UNKNOWN if token == "<unk>" else _CONTROL)
        if token in special
        else _BYTE
        if token.startswith("<0x") and token.endswith(">")
        else _NORMAL
        for token in tokens
    ]
    add = lambda name, *values: getattr(writer, f"add_{name}")(*values)  # noqa: E731
    add("tokenizer_model", "llama")
    add("token_list", tokens)
    add("token_scores", [-float(index) for index in range(len(tokens))])
    add("token_types", kinds)
    add("bos_token_id", 1)
    add("eos_token_id", 2)
    add("unk_token_id", 0)
    add("pad_token_id", 0)


def _name(name: str) -> str:
    name = name.removesuffix(".weight")
    if name in _TOP:
        return f"{_TOP[name]}.weight"
    layer, _, part = name.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{_LAYER[part]}.weight"


def _permuted(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a head in the order of llama.cpp's rotary embedding."""
    rows, columns = weight.shape
    apart = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(apart.swapaxes(1, 2).reshape(rows, columns))
