"""Text of unknown origin on its way out: to a terminal, into Markdown, into XML.

Names, titles, answers and error messages may come from files and servers of other people. A terminal obeys
control sequences in them, a browser markup, and an XML reader refuses whole documents for one character.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TextIO

# C0 and C1 controls (escape sequences begin with one), direction marks and overrides, line separators, other
# invisible format characters, lone surrogates, noncharacters, and the invisible "tag" copies of ASCII.
# Joiners (U+200C, U+200D) stay: several scripts and many emoji need them.
_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e007f"
)
_IN_LINES = re.compile(f"[{_INVISIBLE}]")
_IN_ONE_LINE = re.compile(f"[\t\n{_INVISIBLE}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

_SPACES = re.compile(r"[ \t\r\n]+")
_MARKS = re.compile(r"[\\`*\[\]|~$&]|(?<![^\W_])_|_(?![^\W_])")  # `a_b` is no emphasis, `_a_` is
_NUMBERED = re.compile(r"^(\d{1,9})(?=[.)](?: |$))")


def visible_text(text: str, *, keep_lines: bool = False) -> str:
    r"""Text in which every control, invisible or unencodable character is written out as `\uXXXX`.

    The result can be encoded and sent to a terminal, and showing it twice changes nothing. `\uXXXX` is
    JSON's own escape, so JSON text stays JSON with the same meaning.

    Args:
        text: anything.
        keep_lines: leave tabs and newlines alone; without it they are shown as `\t` and `\n`.
    """
    if text.isascii() and text.isprintable():
        return text
    return (_IN_LINES if keep_lines else _IN_ONE_LINE).sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return _escape(found.group())


@lru_cache(maxsize=4096)
def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    written = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    return _SHORT.get(character, written)


def markdown_text(text: str) -> str:
    """Text that Markdown (also a cell of a table) shows as it is, in one line and without markup or HTML."""
    shown = visible_text(_SPACES.sub(" ", text).strip())
    shown = _MARKS.sub(lambda found: "\\" + found.group(), shown)
    shown = _NUMBERED.sub(r"\1\\", shown)
    if shown[:1] in ("#", "+", "-", "=") and shown[1:2] in ("", " ", shown[0]):
        shown = "\\" + shown
    return shown.replace("<", "&lt;").replace(">", "&gt;")


def xml_text(text: str) -> str:
    """Text with only characters that XML 1.0 can hold; markup is escaped by whoever writes the XML."""
    return visible_text(text, keep_lines=True)


class VisibleStream:
    """A text stream in front of another one that shows control characters instead of sending them.

    The command line puts one before standard output and standard error, so that no verb can forget it.

    Args:
        raw: where the text goes. Progress bars, which move the cursor, write there directly.
        returns: let carriage returns through (progress lines of libraries).
    """

    def __init__(self, raw: TextIO, *, returns: bool = False) -> None:
        self.raw = raw
        self._returns = returns

    def write(self, text: str) -> int:
        """Write the visible form; returns the length of the text given."""
        if not isinstance(text, str):
            raise TypeError(f"expected text, not {type(text).__name__}")
        if self._returns and "\r" in text:
            self.raw.write("\r".join(visible_text(part, keep_lines=True) for part in text.split("\r")))
        else:
            self.raw.write(visible_text(text, keep_lines=True))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.raw, name)


def raw_stream(stream: TextIO) -> TextIO:
    """The stream behind a `VisibleStream`, for progress bars; any other stream itself."""
    return stream.raw if isinstance(stream, VisibleStream) else stream
