"""Every item of a benchmark with the students that solve it, as a compressed block opened on demand."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from smallsteps.files import to_json

if TYPE_CHECKING:
    from smallsteps.leaderboard.details import Solved

STEPS = 9  # a score of 0 to 1 as one digit, 0 to 9


def item_block(
    solved: Solved, titles: Mapping[str, str], texts: Sequence[tuple[str, str]] | None = None
) -> str:
    """Base64 of the gzip of the JSON that `board_items.js` reads.

    `students` are `[entry, title]`; `items` are `[key, question, right answer, verdicts]`, one digit a
    student: 0 wrong, 9 right, between them the mean over seeds and samples. Question and right answer are
    empty where the benchmark's texts are not shown.

    Args:
        solved: scores of all students.
        titles: of entries.
        texts: question and right answer of every item; None leaves them out.
    """
    # what is neither all right nor all wrong stays between the two
    scaled = np.where(solved.scores >= 1, STEPS, np.clip(np.ceil(solved.scores * STEPS), 0, STEPS - 1))
    digits = (scaled.astype(np.uint8) + ord("0")).T.tobytes().decode("ascii")
    width = len(solved.entries)
    rows = [
        [key, *(("", "") if texts is None else texts[i]), digits[i * width : (i + 1) * width]]
        for i, (_, key) in enumerate(solved.keys)
    ]
    content = {"students": [[name, titles[name]] for name in solved.entries], "items": rows}
    raw = to_json(content, indent=None).encode("utf-8", "backslashreplace")
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode("ascii")
