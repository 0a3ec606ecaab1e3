"""The base of a student: weights and tokenizer of a folder or the hub, or random weights."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.engines.adapters import forget_quantization
from smallsteps.engines.headers import check_architecture, check_configuration
from smallsteps.engines.tokenizer_check import check_local
from smallsteps.errors import NO_INPUT, UserError, unknown_name
from smallsteps.files import sha256_file
from smallsteps.students.card import check_weights, hash_weights
from smallsteps.students.gguf import apart
from smallsteps.students.offline import is_hub_id, model_folder, not_stored, pretrained
from smallsteps.training.settings import BaseSpec, Optimisation

if TYPE_CHECKING:
    from smallsteps.engines.chat import Chat

_TOKENIZER_FILES = (
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.jinja",
)
# Data-only tokenizers (a bare tokenizer.json) declare no special tokens; these names mean only one thing.
_OWN = {"fused": "eager", "packed": "sdpa"}  # our attention, and what a model is loaded with before it
_END_OF_TEXT = ("</s>", "<|endoftext|>", "<eos>", "<|im_end|>")


@dataclass(frozen=True, slots=True)
class Hardware:
    """The resolved values of `auto` on this machine."""

    device: str
    precision: str
    attention: str


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' warnings and progress bars out of our output; its settings stay as they were."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def hardware(settings: Optimisation) -> Hardware:
    """Device, precision and attention for these settings."""
    import torch

    if torch.cuda.is_available():
        device, multiplies_bf16 = "cuda", torch.cuda.is_bf16_supported()
    else:
        capabilities = torch.cpu.get_capabilities()
        device = "cpu"
        multiplies_bf16 = any(capabilities.get(key) for key in ("avx512_bf16", "amx_bf16", "bf16"))
    precision, attention = settings.precision, settings.attention
    if precision == "auto":
        precision = "bf16" if multiplies_bf16 else "fp32"
    if attention == "auto" or (attention == "fused" and device == "cuda"):
        attention = "sdpa" if device == "cuda" else "eager"
    return Hardware(device, precision, attention)


def identity(base: BaseSpec) -> dict[str, Any]:
    """The identity of a base, for hashing: contents of local folders, names and revisions of hub models.

    Raises:
        UserError: a folder is missing or holds no safetensors.
    """
    found: dict[str, Any] = {"architecture": base.architecture, "eos_token": base.eos_token}
    if base.place is not None:
        folder = _local(base.place, "base", base.revision)
        if folder is None:
            found["base"] = f"{base.place}@{base.revision}"
        else:
            check_weights(folder)
            check_configuration(folder)
            config = [] if folder.is_file() else [sha256_file(folder / "config.json")]
            found["base"] = [hash_weights(folder), *config]
    tokenizer = base.tokenizer or base.place
    if tokenizer is not None:
        folder = _local(tokenizer, "tokenizer", None if base.tokenizer else base.revision)
        if folder is None:
            found["tokenizer"] = f"{tokenizer}@{base.revision}"
        else:
            inside = folder.parent if folder.is_file() else folder
            paths = sorted({path for pattern in _TOKENIZER_FILES for path in inside.glob(pattern)})
            own = [folder] if folder.is_file() else []
            found["tokenizer"] = {path.name: sha256_file(path) for path in [*own, *paths]}
    return found


def load_tokenizer(base: BaseSpec) -> Any:
    """The tokenizer, with end-of-text and padding tokens set.

    Raises:
        UserError: it cannot be read, or `eos_token` is not one of its tokens.
    """
    from transformers import AutoTokenizer

    place = base.tokenizer or base.place
    if place is None:
        raise UserError("the base has an architecture but no tokenizer", fix="give 'tokenizer' beside it")
    revision = None if base.tokenizer else base.revision
    source, options = pretrained(place, revision, tokenizer=True)
    check_local(source)
    with quiet(), _readable(place, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    vocabulary = tokenizer.get_vocab()
    if base.eos_token is not None:
        if base.eos_token not in vocabulary:
            raise unknown_name("token", base.eos_token, [t for t in vocabulary if t.startswith("<")])
        tokenizer.eos_token = base.eos_token
    elif tokenizer.eos_token is None:
        tokenizer.eos_token = next((t for t in _END_OF_TEXT if t in vocabulary), None)
    if tokenizer.pad_token is None:
        # Loss weights, not ids, mark padding here, so a shared id does no harm.
        tokenizer.pad_token = "<pad>" if "<pad>" in vocabulary else tokenizer.eos_token
    return tokenizer


def load_model(base: BaseSpec, tokenizer: Any, chosen: Hardware, seed: int) -> Any:
    """The model, ready for training; random weights are a function of the seed.

    Raises:
        UserError: it cannot be read, lacks weights, or its vocabulary is smaller than the tokenizer's.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, set_seed

    auto: Any

    set_seed(seed)
    dtype = torch.bfloat16 if chosen.precision == "bf16_weights" else torch.float32
    options = {"attn_implementation": _OWN.get(chosen.attention, chosen.attention), "dtype": dtype}
    with quiet():
        if base.architecture is not None:
            config = from_scratch(base.architecture, tokenizer)
            auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            with _readable(str(config.model_type), "architecture"):
                model = auto.from_config(config, trust_remote_code=False, **options)
        else:
            assert base.place is not None
            source, more = pretrained(base.place, base.revision)
            with _readable(base.place, "base"):
                config = AutoConfig.from_pretrained(source, **more)
                auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
                model, info = auto.from_pretrained(
                    source, use_safetensors=True, output_loading_info=True, **options, **more
                )
            forget_quantization(model)
            missing = sorted(info["missing_keys"])
            if missing:
                raise UserError(
                    f"{len(missing)} parameters of the model are not in its weights (first: {missing[0]})",
                    where=base.place,
                    fix="they would start at random; give a folder whose weights belong to its config.json",
                )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise UserError(
            f"the tokenizer has {len(tokenizer)} tokens, the model embeds {rows}",
            where=base.place or "architecture.vocab_size",
            fix="use the tokenizer that belongs to the model, or leave vocab_size out",
        )
    _tell_special_tokens(model, tokenizer)
    return model


def base_dtype(base: BaseSpec) -> Any:
    """The type of a base's weights, as its configuration names it; None for random or dequantised weights."""
    import torch
    from transformers import AutoConfig

    if base.path is None or base.gguf_file is not None:
        return None
    source = str(model_folder(base.path, base.revision) or base.path)
    with quiet(), _readable(base.path, "base"):
        config = AutoConfig.from_pretrained(source, revision=base.revision, trust_remote_code=False)
    found = getattr(config, "dtype", None)
    found = getattr(torch, found, None) if isinstance(found, str) else found
    # fp16 has too narrow a range for weights that were trained in fp32
    return found if found in (torch.bfloat16, torch.float32) else None


def from_scratch(fields: dict[str, Any], tokenizer: Any) -> Any:
    """A transformers configuration from a recipe's fields; vocabulary and special tokens from the tokenizer.

    Raises:
        UserError: unknown model type or field (transformers itself would keep it silently).
    """
    # a missing one is said too, or the family's default id would name some ordinary token
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    return configuration(fields, {"vocab_size": len(tokenizer), **ids})


def configuration(fields: dict[str, Any], usual: dict[str, Any]) -> Any:
    """A transformers configuration from a recipe's fields, over `usual` ones.

    Raises:
        UserError: unknown model type or field (transformers itself would keep it silently).
    """
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    check_architecture(fields)
    fields = dict(fields)
    kind = fields.pop("model_type")
    if kind not in CONFIG_MAPPING:
        raise unknown_name("model_type", str(kind), CONFIG_MAPPING.keys(), where="architecture")
    with _readable(str(kind), "architecture"):
        default = AutoConfig.for_model(kind)
    known = {*default.to_dict(), *default.attribute_map, *(f.name for f in _dataclass_fields(default))}
    known |= {"rope_theta"}
    for name in fields:
        if name not in known:
            raise unknown_name(f"field of {kind}", name, known, where="architecture")
    if default.is_encoder_decoder and "pad_token_id" in usual:
        usual = {**usual, "decoder_start_token_id": usual["pad_token_id"]}
    with _readable(str(kind), "architecture"):
        return AutoConfig.for_model(kind, **{**usual, **fields})


def _dataclass_fields(config: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(config) if dataclasses.is_dataclass(config) else ()


def _tell_special_tokens(model: Any, tokenizer: Any) -> None:
    """Write the ids that training uses into the configuration, so that inference stops and pads alike."""
    for config in (model.config, model.generation_config):
        if config is None:
            continue
        config.eos_token_id = tokenizer.eos_token_id
        if config.pad_token_id is None:
            config.pad_token_id = tokenizer.pad_token_id
    if model.config.is_encoder_decoder and getattr(model.config, "decoder_start_token_id", None) is None:
        model.config.decoder_start_token_id = model.config.pad_token_id


def learn_end(model: Any, chat: Chat) -> None:
    """Let inference stop at the end of a turn, and at the end of a text as before."""
    for config in (model.config, model.generation_config):
        if config is not None:
            before = config.eos_token_id
            ends = before if isinstance(before, list) else [before]
            ends = list(dict.fromkeys([chat.end_id, *(end for end in ends if end is not None)]))
            config.eos_token_id = ends[0] if len(ends) == 1 else ends


def _local(place: str, what: str, revision: str | None) -> Path | None:
    """The folder, or None for what can only be a hub id (`name` or `owner/name`)."""
    folder = model_folder(place, revision)
    if folder is not None:
        needed = "config.json" if what == "base" else "tokenizer*"
        if apart(place)[1] is not None:
            check_weights(folder)
        elif not any(folder.glob(needed)) and not any(folder.glob("*.model")):
            raise UserError(f"no {needed}: not a Hugging Face folder", where=place, code=NO_INPUT)
        return folder
    if not is_hub_id(apart(place)[0]) or Path(place).expanduser().exists():
        raise UserError(f"no such folder ({what})", where=place, code=NO_INPUT)
    return None


@contextlib.contextmanager
def _readable(place: str, what: str) -> Iterator[None]:
    """Turn transformers' exceptions into a user's error."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, StrictDataclassError) as error:
        _, fix = not_stored(place)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise UserError(
            f"cannot load the {what}: {lines[0]}",
            where=place,
            fix=f"give a folder written by save_pretrained, or a hub id with access to the hub; {fix}",
            code=NO_INPUT,
        ) from error
