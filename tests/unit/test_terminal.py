"""Hostile text is shown, never obeyed."""

from __future__ import annotations

import io
import json
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import pytest

from smallsteps.terminal import VisibleStream, markdown_text, raw_stream, visible_text, xml_text

HOSTILE = (
    "t\x1b[31m\x1b]0;PWN\x07red \x00 \x9b2J \u202egnp.exe\u2069 \ud800 \ufeff\ufffe\uffff \U000e0041 a\u200bb"
)


def test_no_control_character_is_left() -> None:
    shown = visible_text(HOSTILE)
    assert shown.startswith(
        "t\\u001b[31m\\u001b]0;PWN\\u0007red \\u0000 \\u009b2J \\u202egnp.exe\\u2069 \\ud800"
    )
    assert shown.isprintable()
    shown.encode()


def test_ordinary_text_is_left_alone() -> None:
    for text in ("Größe 5 − 3 = 2", "日本語", "👩‍👧", "ہاں", "a\\b", ""):
        assert visible_text(text) == text


def test_lines_are_kept_when_asked_for() -> None:
    assert visible_text("a\tb\nc\r") == "a\\tb\\nc\\r"
    assert visible_text("a\tb\nc\r", keep_lines=True) == "a\tb\nc\\r"


def test_showing_twice_changes_nothing() -> None:
    assert visible_text(visible_text(HOSTILE)) == visible_text(HOSTILE)


def test_json_stays_json_with_the_same_meaning() -> None:
    text = json.dumps({"name": HOSTILE}, ensure_ascii=False, indent=1)
    assert json.loads(visible_text(text, keep_lines=True)) == {"name": HOSTILE}


def test_markdown_shows_markup_as_text() -> None:
    shown = markdown_text("# <script>x</script> | [a](b) *b* _c_ x_gsm8k `d`\n&amp; \x1b")
    assert shown == (
        "\\# &lt;script&gt;x&lt;/script&gt; \\| \\[a\\](b) \\*b\\* \\_c\\_ x_gsm8k \\`d\\` \\&amp; \\\\u001b"
    )
    assert markdown_text("1. x") == "1\\. x"
    assert markdown_text("- x") == "\\- x"
    assert markdown_text("-1.5 and 1.5") == "-1.5 and 1.5"


def test_every_character_makes_well_formed_xml() -> None:
    text = "".join(map(chr, [*range(0x300), *range(0xD7F0, 0xE010), *range(0xFFE0, 0x10010), 0x1FFFE]))
    document = f'<a b="{escape(xml_text(text), {chr(34): "&quot;"})}">{escape(xml_text(text))}</a>'
    ET.fromstring(document.encode())


@pytest.mark.parametrize("pattern", ["\x1b", "\x1b]0;", "_", "*_", "<", " ", "\ud800", "1", "a\n", "-"])
def test_a_megabyte_takes_linear_time(pattern: str) -> None:
    def seconds(size: int) -> float:
        text = (pattern * (size // len(pattern) + 1))[:size]
        began = time.perf_counter()
        visible_text(text), markdown_text(text), xml_text(text)
        return time.perf_counter() - began

    short = max(seconds(1 << 18), 1e-3)
    assert seconds(1 << 20) < 20 * short + 0.5


def test_the_stream_shows_what_is_written_to_it() -> None:
    below = io.StringIO()
    stream = VisibleStream(below)
    assert stream.write("a\x1b[0m\tb\r\n") == 9
    stream.writelines(["\ud800", "c\n"])
    assert below.getvalue() == "a\\u001b[0m\tb\\r\n\\ud800c\n"
    assert raw_stream(stream) is below
    with pytest.raises(TypeError):
        stream.write(b"bytes")  # type: ignore[arg-type]


def test_the_stream_lets_progress_lines_return() -> None:
    below = io.StringIO()
    VisibleStream(below, returns=True).write("\r50 %\x1b\r")
    assert below.getvalue() == "\r50 %\\u001b\r"
