"""Checks of a model's configuration against the header of its weights, before anything is built from it.

A configuration of 10^9 layers would use up the machine's memory; the sizes of the weights on disk bound
those of a valid configuration. A safetensors file (github.com/huggingface/safetensors) begins with eight
bytes of length, then JSON that maps tensor names to `dtype`, `shape` and `data_offsets`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object

LONGEST_HEADER = 100_000_000  # bytes, the bound of the format itself
LONGEST_CONTEXT = 1 << 27  # tokens; ten times what any published model claims
_DECODER = ("num_hidden_layers", "num_layers", "num_decoder_layers", "n_layer", "n_layers")
_BOTH = ("encoder_layers", "decoder_layers")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_SIZES = ("vocab_size", "hidden_size", "intermediate_size", "d_model", "d_ff", "d_kv", "n_embd", "head_dim")
_HEADS = ("num_attention_heads", "num_key_value_heads", "num_heads", "n_head", "encoder_ffn_dim")
COUNTS = (*_DECODER, *_BOTH)
WIDTHS = (*_SIZES, *_HEADS, *_EXPERTS)
CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")
NESTED = ("text_config", "encoder", "decoder")
_REPAIR = "the folder is damaged or not what it says; copy or save the model again"


@dataclass(frozen=True, slots=True)
class Header:
    """The number of tensors in weights files, and the largest dimension among them."""

    tensors: int
    largest: int


def check_configuration(folder: Path) -> None:
    """Compare `config.json` with the weights in the same folder. A GGUF file has its sizes in itself.

    Raises:
        UserError: no readable configuration, a damaged header, or sizes that the weights cannot have.
    """
    if folder.is_file():
        return
    config = read_object(folder / "config.json")
    headers = [read_header(path) for path in sorted(folder.glob("*.safetensors"))]
    found = Header(sum(h.tensors for h in headers), max((h.largest for h in headers), default=0))
    packed = 16 if config.get("quantization_config") else 1  # packed weights have smaller dimensions
    for where, section in (
        ("", config),
        *((f"{n}.", config[n]) for n in NESTED if isinstance(config.get(n), dict)),
    ):
        bounds = {
            **dict.fromkeys(COUNTS, (found.tensors, "tensors in the weights")),
            **dict.fromkeys(WIDTHS, (found.largest * packed, "as the largest dimension of the weights")),
            **dict.fromkeys(CONTEXTS, (LONGEST_CONTEXT, "tokens, the longest context that is read")),
        }
        for name, (bound, meaning) in bounds.items():
            value = section.get(name)
            if value is not None:
                _check(f"{where}{name}", value, bound, meaning, folder / "config.json")


def _check(name: str, value: Any, bound: int, meaning: str, place: Path) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, list) or (value == 0 and "experts" in name):  # one value a layer; a dense model
        return
    if not whole or value < 1:
        shown = json.dumps(value)[:40]
        raise UserError(
            f"'{name}' is {shown}, not a positive whole number", where=str(place), fix=_REPAIR, code=DATA
        )
    if value > bound:
        raise UserError(
            f"'{name}' is {value:.0e}, more than {bound:,} {meaning}"
            if value >= 1e6
            else f"'{name}' is {value}, more than {bound:,} {meaning}",
            where=str(place),
            fix=_REPAIR,
            code=DATA,
        )


def check_architecture(fields: Mapping[str, Any]) -> None:
    """Refuse an architecture with random weights that no machine could hold.

    Raises:
        UserError: a field is no positive whole number, or absurdly large.
    """
    for names, bound in ((COUNTS, 10_000), (WIDTHS, 10_000_000), (CONTEXTS, LONGEST_CONTEXT)):
        for name in names:
            if fields.get(name) is not None:
                _check(name, fields[name], bound, "allowed", Path("architecture"))


def read_header(path: Path) -> Header:
    """The header of one safetensors file.

    Raises:
        UserError: it is damaged, or the file is shorter than it says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise _damaged(path, "the length of its header cannot be true")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        if not isinstance(header, dict):
            raise ValueError("no object")
        tensors: dict[str, Mapping[str, Any]] = {
            name: t for name, t in header.items() if name != "__metadata__"
        }
        ends = [int(tensor["data_offsets"][1]) for tensor in tensors.values()]
        shapes = [tuple(map(int, tensor["shape"])) for tensor in tensors.values()]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, AttributeError) as error:
        raise _damaged(path, "its header is not that of a safetensors file") from error
    if max(ends, default=0) != size - 8 - length:
        raise _damaged(
            path, f"it has {size:,} bytes, where its header says {8 + length + max(ends, default=0):,}"
        )
    if any(math.prod(shape) > size * 8 for shape in shapes):
        raise _damaged(path, "a tensor is larger than the file")
    return Header(len(tensors), max((max(shape, default=1) for shape in shapes), default=0))


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"damaged weights: {reason}", where=str(path), fix=_REPAIR, code=DATA)
