"""Source files that are not in the layout of the data directory, turned into rows without changing values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from smallsteps.errors import DATA, UserError
from smallsteps.problems.benchmark import DataFile

Row = dict[str, Any]


def converted(file: DataFile, parts: dict[str, bytes]) -> bytes:
    """The unpacked bytes of a file in the layout of the data directory.

    Args:
        file: what is to be written.
        parts: the downloaded bytes by member name; the shape `splits` has several, others one without a name.

    Raises:
        UserError: the download has another layout than it is said to have.
    """
    try:
        if file.shape == "same":
            return parts[""]
        if file.shape == "splits":
            return lines([row for name, raw in parts.items() for row in _split_rows(name, raw)])
        if file.shape == "asdiv_xml":
            return lines(_asdiv(parts[""]))
        if file.shape == "tsv":
            return lines(_table(parts[""])[file.skip :])
        return lines(_json_rows(file, json.loads(parts[""]))[file.skip :])
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as error:
        raise UserError(
            f"the source's file is not in the expected layout ({type(error).__name__}: {error})",
            where=file.url or file.path,
            code=DATA,
        ) from error


def lines(rows: Iterable[Row]) -> bytes:
    """JSON lines, UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _json_rows(file: DataFile, content: Any) -> list[Row]:
    if file.keyed is not None:
        return [{file.keyed: name, **row} for name, row in content.items()]
    if isinstance(content, dict):
        content = content[file.records or "examples"]
    return [dict(row) for row in content]


def _split_rows(name: str, raw: bytes) -> list[Row]:
    dataset, _, scheme = name.partition("__")
    return [
        {"dataset": dataset, "scheme": scheme, "split": split, "indices": indices}
        for split, indices in json.loads(raw).items()
    ]


def _table(raw: bytes) -> list[Row]:
    """Tab-separated values without quoting, as the source writes them."""
    header, *cells = [line.split("\t") for line in raw.decode().splitlines() if line.strip()]
    return [dict(zip(header, row, strict=True)) for row in cells]


def _asdiv(raw: bytes) -> list[Row]:
    rows = []
    for problem in ElementTree.fromstring(raw).iter("Problem"):
        row: Row = dict(problem.attrib)
        for child in problem:
            row[child.tag] = (child.text or "").strip()
            if child.attrib:
                row[f"{child.tag}.attributes"] = dict(child.attrib)
        rows.append(row)
    return rows
