"""Token ids line by line: each turn of a dialogue repeats all lines of the turns before it.

Only for tokenizers that are known to treat lines apart; of others texts are tokenized whole.

What would replace it: a cache of pieces in `tokenizers` that spans calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_KNOWN = 1 << 16  # lines remembered; then all are forgotten
# A newline goes with what follows it. Behind white space it might belong to that.
_LINE = re.compile(r"(?<=[!-~])(?=\n)")
# In these no piece that starts before such a newline reaches it, and none looks to the left.
_APART: tuple[Mapping[str, Any], ...] = (
    {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
    {  # that of microworld.tokenizer
        "type": "Split",
        "pattern": {"Regex": r"\n|▁?[0-9]|▁?[A-Za-z]+|▁?[^\sA-Za-z0-9▁]|▁"},
        "behavior": "Isolated",
        "invert": False,
    },
)
_BEFORE: tuple[Mapping[str, Any], ...] = (  # these change or cut single characters
    {"type": "Digits", "individual_digits": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False},
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Token ids of texts by way of their lines.

    Attributes:
        inner: a `tokenizers.Tokenizer` of which `lines_apart` is true.
    """

    inner: Any
    _ids: dict[str, list[int]] = field(default_factory=dict)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, the same as of the whole text."""
        split = [_LINE.split(text) for text in texts]
        if len(self._ids) > _KNOWN:
            self._ids.clear()
        new = list(dict.fromkeys(line for lines in split for line in lines if line not in self._ids))
        for line, row in zip(new, self.inner.encode_batch_fast(new, add_special_tokens=False), strict=True):
            self._ids[line] = row.ids
        return [[token for line in lines for token in self._ids[line]] for lines in split]


def lines_apart(inner: Any, content: Mapping[str, Any]) -> bool:
    """Whether the tokens of a text are those of its lines.

    Args:
        inner: the tokenizer; content: its tokenizer.json.
    """
    steps = content.get("pre_tokenizer") or {}
    *before, last = steps.get("pretokenizers") or [steps]
    return (
        content.get("normalizer") is None
        and inner.num_special_tokens_to_add(False) == 0
        and all(any(known.items() <= step.items() for known in _BEFORE) for step in before)
        and any(known.items() <= last.items() for known in _APART)
        and not any(
            mark.lstrip or mark.rstrip or mark.single_word or any(c.isspace() for c in mark.content)
            for mark in inner.get_added_tokens_decoder().values()
        )
    )
