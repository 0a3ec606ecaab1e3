"""Checks of regular expressions in untrusted tokenizers and adapters: nested repetition is refused.

`(a+)+` takes time that doubles with every character. The engine behind fast tokenizers gives up after ten
million steps at one place, Python's own never does. No published tokenizer has a pattern refused here.
"""

from __future__ import annotations

import re

LONGEST = 10_000  # characters of one pattern
_TOKEN = re.compile(
    r"\\.|(?P<open>\((?:\?(?:[:=!>|~]|<[=!]|<\w+>|[a-zA-Z-]+:?)?)?)|(?P<close>\))"
    r"|(?P<many>[*+]|\{\d*,\d*\})|(?P<fixed>\{\d+\})|(?P<set>\[)|.",
    re.DOTALL,
)


def takes_forever(pattern: str) -> bool:
    """Whether a group that repeats something is repeated itself, or the pattern is too long."""
    if len(pattern) > LONGEST:
        return True
    repeats = [False]  # of the open groups, whether they repeat something
    closed = False  # whether what stands just before is a group that does
    place = 0
    while place < len(pattern):
        found = _TOKEN.match(pattern, place)
        assert found is not None
        place = found.end()
        inner, closed = closed, False
        if found["set"]:
            place = _end_of_set(pattern, place)
        elif found["open"]:
            repeats.append(False)
        elif found["close"] and len(repeats) > 1:
            closed = repeats.pop()
            repeats[-1] |= closed
        elif found["many"]:
            if inner:
                return True
            repeats[-1] = True
        elif found["fixed"]:
            closed = inner
    return False


def _end_of_set(pattern: str, place: int) -> int:
    """Place behind a `[...]`, which may hold sets (`[a-z&&[^b]]`) and a bracket in front (`[]a]`)."""
    place += pattern.startswith("^", place)
    depth, first = 1, True
    while place < len(pattern) and depth:
        character = pattern[place]
        if character == "\\":
            place += 1
        elif character == "[":
            depth += 1
        elif character == "]" and not first:
            depth -= 1
        place, first = place + 1, False
    return place
