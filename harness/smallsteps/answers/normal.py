"""Normal forms of free text: what is ignored when two texts are compared."""

from __future__ import annotations

import re
import string
import unicodedata

_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "“”‘’«»…–—", " "))
# between the spans of a list; no thousands comma
SPAN_LIST = re.compile(r"\s*(?:,(?!(?<=\d,)\d{3}(?!\d))|;|\n|/|&|\band\b)\s*", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation, articles kept."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("'s ", "s ")
    return _THOUSANDS.sub("", folded).translate(_PUNCTUATION).split()


def normal_text(text: str) -> str:
    """Lower-case words without punctuation and articles, joined by single spaces.

    A text of punctuation alone (brackets, say) keeps its marks without white space. An article alone stays.
    """
    words = words_of(text)
    if not words:
        return "".join(text.split()).rstrip(".")
    return " ".join([word for word in words if word not in ("a", "an", "the")] or words)


def tokens_within(part: str, whole: str) -> bool:
    """Whether `whole` contains the words of `part` in a row (both in normal form)."""
    return bool(part) and f" {part} " in f" {whole} "


def tidy(text: str) -> str:
    """An answer text without surrounding quotes, bold marks, white space and final stop."""
    text = " ".join(re.sub(r"\*\*|__|`", "", text).split())
    for _ in range(8):  # layers such as **"fnel."**
        text = text.strip().strip("\"“”'‘’")
        stop = re.search(r"\w[.,;:!]$|[\])}>\"”]\.$", text)
        if stop and not re.search(r"\b[A-Z]\.[A-Z]\.$", text):
            text = text[:-1]
    return text
