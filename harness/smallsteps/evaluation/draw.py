"""The items that a limited suite evaluates: a fixed draw from each task, spread evenly over its subtasks.

The first items of a file often belong to its first subtask alone. A draw depends on the items alone, so all
students answer the same ones; a larger limit keeps the items of a smaller one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DRAW = "draw-1"  # raised when other items would be drawn; in the key of limited runs only


def drawn(docs: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Places of `count` documents, in their own order.

    Within a subtask, items are ordered by a hash, and the r-th of n gets the value (r - 1/2)/n. The
    documents with the smallest values are taken: proportional allocation, to within one item a subtask.

    Args:
        docs: of one task. `subtask` is the stratum and `item` the item's key, where a document has them.
        count: how many; all are taken where there are no more.
    """
    return sorted(place for _, place in _order(docs)[:count])


def _order(docs: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Strata and places of all documents, those first that are drawn first."""
    strata: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, doc in enumerate(docs):
        item = str(doc.get("item") or place)
        mark = hashlib.sha256(f"{DRAW}:{item}".encode("utf-8", "backslashreplace")).hexdigest()
        strata[str(doc.get("subtask") or "")].append((mark, place))
    order = [
        ((rank + 0.5) / len(rows), mark, place, stratum)
        for stratum, rows in strata.items()
        for rank, (mark, place) in enumerate(sorted(rows))
    ]
    return [(stratum, place) for _, _, place, stratum in sorted(order)]


@dataclass(frozen=True, slots=True)
class Thin:
    """Parts of a task of which a limit leaves fewer than two items, and the least limit that leaves two."""

    parts: tuple[str, ...]
    enough: int


def thin(docs: Sequence[Mapping[str, Any]], count: int) -> Thin | None:
    """Where a draw leaves fewer than two items of a part that has more; None where it leaves enough.

    One item has no standard error, so that nothing can be tested on a suite with such a part.
    """
    second: dict[str, int] = {}  # how many items must be drawn for two of a part
    seen: dict[str, int] = {}
    for number, (stratum, _) in enumerate(_order(docs), start=1):
        seen[stratum] = seen.get(stratum, 0) + 1
        if seen[stratum] == 2:
            second[stratum] = number
    parts = tuple(sorted(stratum for stratum, number in second.items() if number > count))
    return Thin(parts, max(second.values())) if parts else None


def drawn_of(tasks: Iterable[Any], count: int) -> dict[str, list[int]]:
    """Places by task, for lm-eval's `samples`; groups are replaced by their tasks."""
    return {task.config.task: drawn(list(task.eval_docs), count) for task in _leaves(tasks)}


def _leaves(tasks: Iterable[Any]) -> Iterable[Any]:
    for task in tasks:
        children = task.get_all_tasks() if hasattr(task, "get_all_tasks") else [task]
        yield from children


def words(count: int) -> str:
    """The rule in words, for plans and reports."""
    return f"{count:,} items of each task, drawn evenly from its subtasks and the same for all students"
