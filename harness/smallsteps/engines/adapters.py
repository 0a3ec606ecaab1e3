"""LoRA adapters: folders of weight differences from a base, merged into it when the model is loaded.

Merging gives a plain model that every engine can read, the fast one included.
The arithmetic is that of training: W + (alpha / rank) B A in float32 (Hu et al. 2021, arXiv 2106.09685).
"""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.engines.adapter_check import CONFIG, check_adapter_config
from smallsteps.engines.headers import check_configuration
from smallsteps.engines.refusals import load_error
from smallsteps.engines.tokenizer_check import check_local
from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, UserError
from smallsteps.files import read_object, write_json
from smallsteps.students.card import check_weights, hash_weights
from smallsteps.students.offline import is_hub_id, model_folder, not_stored, pretrained

BASE = "base.json"
SCHEMA = "smallsteps.adapter-base/1"


@dataclass(frozen=True, slots=True)
class AdapterBase:
    """The base of an adapter.

    Attributes:
        base: folder, GGUF file or hub id; revision: of a hub id.
        weights: sha256 of its weights; empty where it was not on the disk.
    """

    base: str
    revision: str | None = None
    weights: str = ""


def is_adapter(place: Path) -> bool:
    """Whether a folder is an adapter, not a model."""
    return (place / CONFIG).exists() and not (place / "config.json").exists()


def require_peft() -> None:
    """Raises: UserError: the extra is not installed."""
    if importlib.util.find_spec("peft") is None:
        raise UserError(
            "LoRA needs peft, which is not installed",
            fix='pip install "smallsteps[lora]"',
            code=UNAVAILABLE,
        )


def write_base(folder: Path, base: AdapterBase) -> None:
    """Record the base of an adapter beside it."""
    write_json(folder / BASE, {"schema": SCHEMA, **asdict(base)})


def read_base(folder: Path) -> AdapterBase:
    """The base of an adapter, from our record or from peft's configuration.

    Raises:
        UserError: neither says it.
    """
    if (folder / BASE).exists():
        data = read_object(folder / BASE, SCHEMA)
        return AdapterBase(str(data.get("base")), data.get("revision"), str(data.get("weights") or ""))
    name = read_object(folder / CONFIG).get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise UserError(
            "the adapter does not say which base it belongs to", where=str(folder / CONFIG), code=DATA
        )
    return AdapterBase(name, read_object(folder / CONFIG).get("revision"))


def check_adapter(folder: Path) -> AdapterBase:
    """The base of an adapter, checked to be present and the right one; loads nothing.

    Raises:
        UserError: peft or the base is missing, or the base has other weights than the one it was trained on.
    """
    require_peft()
    check_adapter_config(folder)
    base = read_base(folder)
    place = model_folder(base.base, base.revision)
    if place is None:
        if not is_hub_id(base.base):
            raise UserError(
                f"the base of this adapter is missing: {base.base}",
                where=str(folder),
                fix="restore it, or keep merged students ('lora: {keep: merged}')",
                code=NO_INPUT,
            )
        return base
    if base.weights and hash_weights(place) != base.weights:
        raise UserError(
            f"an adapter for another base: '{base.base}' has other weights than the one it was trained on",
            where=str(folder),
            fix=f"give the base whose weights have sha256 {base.weights[:16]}...",
            code=DATA,
        )
    return base


def weights_of(folder: Path) -> str:
    """Identity of the weights in a folder; an adapter's are those of its base too."""
    if not is_adapter(folder):
        return hash_weights(folder)
    base = check_adapter(folder)
    place = model_folder(base.base, base.revision)
    below = hash_weights(place) if place is not None else f"{base.base}@{base.revision or 'main'}"
    return f"{hash_weights(folder)}+{below}"


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Without progress bars, and without the warnings that peft causes in transformers."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def forget_quantization(model: Any) -> None:
    """Drop the GGUF quantization from the configuration: loaded weights are plain, and saved as such."""
    found = getattr(model.config, "quantization_config", None)
    kind = found.get("quant_method") if isinstance(found, dict) else getattr(found, "quant_method", None)
    if kind == "gguf":
        del model.config.quantization_config
        model.hf_quantizer, model.is_quantized = None, False


@contextlib.contextmanager
def merged(folder: Path) -> Iterator[Path]:
    """A folder with the merged model, for as long as the context lasts.

    Raises:
        UserError: see `check_adapter`; or the adapter does not fit the base.
    """
    base = check_adapter(folder)
    with tempfile.TemporaryDirectory(prefix="smallsteps-merged-") as scratch:
        with quiet_peft():
            _write_merged(folder, base, Path(scratch))
        yield Path(scratch)


def _write_merged(folder: Path, base: AdapterBase, out: Path) -> None:
    """The merged model with its tokenizer: the adapter's own, where it has one, else the base's."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = model_folder(base.base, base.revision)
    if place is not None:
        check_weights(place)
        check_configuration(place)
    source, options = pretrained(base.base, base.revision)
    own = (folder / "tokenizer_config.json").exists()
    reader, more = pretrained(folder if own else base.base, None if own else base.revision, tokenizer=True)
    check_local(reader)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            source, dtype="float32", use_safetensors=True, **options
        )
        forget_quantization(model)
        tokenizer = AutoTokenizer.from_pretrained(reader, **more)
    except (OSError, ValueError) as error:
        raise load_error(base.base, error) from error
    try:
        wrapped = PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()[:200]
        raise UserError(
            f"an adapter for another base: it does not fit '{base.base}' ({reason})",
            where=str(folder),
            fix=not_stored(base.base)[1] if is_hub_id(base.base) else "give the base it was trained on",
            code=DATA,
        ) from error
    plain: Any = wrapped.merge_and_unload()
    generation = folder / "generation_config.json"
    ends = read_object(generation) if generation.exists() else {}
    for name in ("eos_token_id", "pad_token_id"):
        if ends.get(name) is not None:
            setattr(plain.config, name, ends[name])
            setattr(plain.generation_config, name, ends[name])
    plain.save_pretrained(out)
    tokenizer.save_pretrained(out)
