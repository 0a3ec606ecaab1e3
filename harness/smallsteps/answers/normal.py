"""Normal forms of free text: what is ignored when two texts are compared."""

from __future__ import annotations

import re
import string
import unicodedata

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans({mark: " " for mark in string.punctuation + "“”‘’«»…–—"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def normal_text(text: str) -> str:
    """Lower-case words without punctuation, articles and accents' encodings, joined by single spaces.

    A text of punctuation alone (brackets, say) keeps its marks without white space. An article alone stays.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'s ", "s ").replace("’s ", "s ")
    words = _THOUSANDS.sub("", folded).translate(_PUNCTUATION)
    if not words.strip():
        return "".join(folded.split()).rstrip(".")
    kept = _ARTICLES.sub(" ", words).split() or words.split()
    return " ".join(kept)


def tokens_within(part: str, whole: str) -> bool:
    """Whether the words of `part` stand next to each other in `whole` (both in normal form)."""
    return bool(part) and f" {part} " in f" {whole} "


def tidy(text: str) -> str:
    """An answer text without surrounding quotes, bold marks, white space and final stop."""
    text = re.sub(r"\*\*|__|`", "", text)
    text = " ".join(text.split())
    previous = None
    while previous != text:
        previous = text
        text = text.strip().strip("\"“”'‘’")
        if re.search(r"\w[.,;:!]$", text) and not re.search(r"\b[A-Z]\.[A-Z]\.$", text):
            text = text[:-1]
        elif re.search(r"[\])}>\"”]\.$", text):
            text = text[:-1]
    return text
