"""Rows from the hub, at the pinned revision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.problems.benchmark import Hub, HubFile


def hub_rows(hub: Hub, file: HubFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """(position, row) of one split on the hub.

    Raises:
        UserError: the hub cannot be reached, or the data set is not there.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(hub.id, file.config, split=file.split, revision=hub.revision)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"cannot load '{hub.id}' (split '{file.split}') from the hub: {str(error).splitlines()[0]}",
            fix="without a network, name an offline data directory with --data DIR or SMALLSTEPS_DATA=DIR",
            code=UNAVAILABLE,
        ) from error
    for number, row in enumerate(loaded, start=1):
        yield f"{hub.id}/{file.split}: row {number}", dict(row)
