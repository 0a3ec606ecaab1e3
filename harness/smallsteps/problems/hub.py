"""Rows from the hub, at the pinned revision."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.problems.benchmark import Hub, HubFile


def network_errors() -> tuple[type[Exception], ...]:
    """What a failed connection raises: huggingface_hub 1.x uses httpx, 2.x httpx2, neither raises OSError."""
    found: list[type[Exception]] = [OSError]
    for name in ("httpx2", "httpx"):
        with contextlib.suppress(ImportError):
            found.append(importlib.import_module(name).HTTPError)
    return tuple(found)


def hub_rows(hub: Hub, file: HubFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """(position, row) of one split on the hub.

    Raises:
        UserError: the hub cannot be reached, or the data set is not there.
    """
    import datasets
    import huggingface_hub

    try:
        if not huggingface_hub.constants.HF_HUB_OFFLINE:
            # One question with a short patience first: the loader itself retries for half a minute.
            huggingface_hub.HfApi().dataset_info(hub.id, revision=hub.revision, timeout=10)
        loaded = datasets.load_dataset(hub.id, file.config, split=file.split, revision=hub.revision)
    except (*network_errors(), ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"cannot load '{hub.id}' (split '{file.split}') from the hub: {str(error).splitlines()[0]}",
            fix="without a network, name an offline data directory with --data DIR or SMALLSTEPS_DATA=DIR",
            code=UNAVAILABLE,
        ) from error
    for number, row in enumerate(loaded, start=1):
        yield f"{hub.id}/{file.split}: row {number}", dict(row)


def hub_commit(hub: Hub) -> str | None:
    """The commit that the hub's main branch is at, for sets without a pinned revision."""
    import huggingface_hub

    return huggingface_hub.HfApi().dataset_info(hub.id, timeout=10).sha
