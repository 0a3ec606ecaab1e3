"""DROP's published metric: exact match and token F1 over lists of spans (Dua et al. 2019, section 5)."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Sequence

from smallsteps.answers.normal import SPAN_LIST

STOCK_RULE = "lm_eval/drop/em"  # benchmarks with this compatibility rule report `em` and `f1`
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)
_LONGEST = 400  # characters of an answer; anything longer is not an answer, and comparing it would be slow
_MOST_SPANS = 40


def span_form(text: str) -> str:
    """A span as the metric compares it.

    Words are split at spaces and hyphens; case, punctuation and articles do not count, numbers are floats.
    """
    words = (_word(word) for word in re.split(r"[ -]", text.lower()))
    return " ".join(word for word in words if word)


def _word(word: str) -> str:
    number = _number(word) or _number(word := word.translate(_MARKS))
    return " ".join(_ARTICLE.sub(" ", number or word).split())


def _number(word: str) -> str | None:
    try:
        return str(float(word))
    except ValueError:
        return None


def span_metrics(predicted: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of one list of spans against one gold list, both between 0 and 1.

    Exact match needs the same spans in any order. F1 is the mean over the best one-to-one alignment of spans
    of the F1 of their sets of words, over the longer list, to two decimals; a gold span with a number counts
    only against a span with one of its numbers.
    """
    left, right = [span_form(span) for span in predicted], [span_form(span) for span in gold]
    exact = set(left) == set(right) and len(left) == len(right)
    table = [[_word_f1(set(a.split()), set(b.split())) for a in left] for b in right]
    return float(exact), round(_best_sum(table) / max(len(left), len(right)), 2)


def _word_f1(predicted: set[str], gold: set[str]) -> float:
    numbers = {word for word in gold if _number(word)}
    if numbers and not numbers & predicted:
        return 0.0
    common = len(predicted & gold)
    precision = common / len(predicted) if predicted else 1.0
    recall = common / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _best_sum(table: Sequence[Sequence[float]]) -> float:
    """The largest sum of entries of which no two share a row or column."""
    if len(table) == 1 or len(table[0]) == 1:
        return max(value for row in table for value in row)
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(sum(table[i][j] for i, j in zip(rows, columns, strict=True)))


def drop_scores(answer: str | None, packed: str) -> tuple[float, float]:
    """Exact match and F1 of one extracted answer, the best over the accepted ones.

    The metric compares lists of spans; a text may be one or several ("Laos and Siam"): both count.

    Args:
        answer: what the response says, None when unparsed (scores 0).
        packed: the accepted answers, each a list of spans, as JSON.
    """
    if answer is None or len(answer) > _LONGEST:
        return 0.0, 0.0
    parts = _parts(answer)
    best = (0.0, 0.0)
    for gold in _accepted(packed):
        readings = [[answer], parts] if 1 < len(parts) <= _MOST_SPANS else [[answer]]
        if _forms(parts) == _forms(part for span in gold for part in _parts(span)):
            readings.append(gold)  # its spans hold commas of their own
        for reading in readings:
            exact, f1 = span_metrics(reading, gold)
            best = (max(best[0], exact), max(best[1], f1))
    return best


def _parts(text: str) -> list[str]:
    return [part for part in SPAN_LIST.split(text) if part.strip()]


def _forms(parts: Iterable[str]) -> list[str]:
    return sorted(map(span_form, parts))


def stock_exact_match(response: str, packed: str) -> bool:
    """lm-eval's reading: the whole response is one span."""
    return any(span_metrics([response], gold)[0] == 1.0 for gold in _accepted(packed))


def _accepted(packed: str) -> list[list[str]]:
    """Accepted answers; a text that is not a JSON list is one answer with one span."""
    if not packed.startswith("[["):
        return [[packed]]
    return [gold for gold in json.loads(packed) if gold and gold[0].strip()]
