"""A tokenizer straight from `tokenizer.json`, without importing transformers, where that file suffices.

What would replace it: an `AutoTokenizer` that is imported as quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import UserError
from smallsteps.files import read_json

CLASSES = ("TokenizersBackend", "PreTrainedTokenizerFast")  # tokenizer.json and no rules of their own
PLAIN = {"tokenizer_class", "backend", "clean_up_tokenization_spaces", "is_local", "local_files_only"}
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")
SIDES = {"padding_side", "truncation_side"}
NEUTRAL = {*PLAIN, *SPECIAL, *SIDES, "model_max_length", "model_input_names", "chat_template"}
MORE = ("extra_special_tokens", "additional_special_tokens")  # lists of further ones
EXTRA = ("added_tokens.json", "special_tokens_map.json")  # files that change it


@dataclass(frozen=True, slots=True)
class FileTokenizer:
    """The part of transformers' tokenizers that engines use, with the same results."""

    inner: Any
    bos_token: str | None
    eos_token: str | None
    pad_token: str | None

    def __call__(self, text: str | Sequence[str], add_special_tokens: bool = True) -> dict[str, Any]:
        """`input_ids` of a text, or of several."""
        if isinstance(text, str):
            return {"input_ids": self.inner.encode(text, add_special_tokens=add_special_tokens).ids}
        rows = self.inner.encode_batch_fast(list(text), add_special_tokens=add_special_tokens)
        return {"input_ids": [row.ids for row in rows]}

    def decode(
        self,
        ids: Sequence[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> str:
        """The text of token ids. Spaces are never cleaned up."""
        text: str = self.inner.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def __len__(self) -> int:
        size: int = self.inner.get_vocab_size(with_added_tokens=True)
        return size

    @property
    def bos_token_id(self) -> int | None:
        """Token that begins a text."""
        return self._id(self.bos_token)

    @property
    def eos_token_id(self) -> int | None:
        """Token that ends a text."""
        return self._id(self.eos_token)

    @property
    def pad_token_id(self) -> int | None:
        """Token that fills a row."""
        return self._id(self.pad_token)

    def _id(self, token: str | None) -> int | None:
        found: int | None = None if token is None else self.inner.token_to_id(token)
        return found


def read_tokenizer(folder: Path) -> FileTokenizer | None:
    """The tokenizer in a folder; None where transformers must read it."""
    from tokenizers import Tokenizer

    config = optional_json(folder / "tokenizer_config.json")
    marks = {name: config.get(name) for name in SPECIAL}
    file = folder / "tokenizer.json"
    if (
        config.get("tokenizer_class") not in CLASSES
        or not set(config) <= {*NEUTRAL, *MORE}
        or config.get("clean_up_tokenization_spaces")
        or any(not isinstance(mark, str | None) for mark in marks.values())
        or any((folder / name).exists() for name in EXTRA)
        or not file.exists()
    ):
        return None
    try:
        inner = Tokenizer.from_file(str(file))
    except Exception:  # noqa: BLE001 (tokenizers raises no other kind)
        return None
    special = {token.content for token in inner.get_added_tokens_decoder().values() if token.special}
    further = [config.get(name) or [] for name in MORE]
    if not all(isinstance(names, list) and set(map(str, names)) <= special for names in further):
        return None
    if not {mark for mark in marks.values() if mark is not None} <= special:
        return None  # transformers would add them
    inner.no_truncation()
    inner.no_padding()
    return FileTokenizer(inner, marks["bos_token"], marks["eos_token"], marks["pad_token"])


def optional_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none (transformers says what is wrong)."""
    try:
        found = read_json(path)
    except UserError:
        return {}
    return found if isinstance(found, dict) else {}
