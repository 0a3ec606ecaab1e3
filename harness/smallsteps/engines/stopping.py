"""Stop strings, found on decoded text without decoding every row at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class StopStrings:
    """Finds the first stop string in a growing text.

    A stop string can only be completed by a token whose own text holds one of the strings' last characters
    (or bytes of an unfinished character), so only then is the row decoded and searched.
    """

    def __init__(self, stop: Sequence[str], tokenizer: Any) -> None:
        self.stop = tuple(s for s in stop if s)
        self._tokenizer = tokenizer
        self._last = {s[-1] for s in self.stop}
        self._may_end: dict[int, bool] = {}
        ids = tokenizer("a", add_special_tokens=False)["input_ids"]
        self._anchor: list[int] = ids[-1:]

    def cut(self, ids: Sequence[int]) -> str | None:
        """The text before the earliest stop string, or None while there is none."""
        if not self.stop or not self._may_complete(ids[-1]):
            return None
        text = decode(self._tokenizer, ids)
        places = [place for s in self.stop if (place := text.find(s)) >= 0]
        return text[: min(places)] if places else None

    def _may_complete(self, token: int) -> bool:
        known = self._may_end.get(token)
        if known is None:
            # decoded behind another token, because some tokenizers drop the space of a first token
            before = decode(self._tokenizer, self._anchor)
            piece = decode(self._tokenizer, [*self._anchor, token])[len(before) :]
            known = "�" in piece or any(c in self._last for c in piece)
            self._may_end[token] = known
        return known


def decode(tokenizer: Any, ids: Sequence[int]) -> str:
    """Text of token ids without special tokens."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text
