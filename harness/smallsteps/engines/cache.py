"""Key-value cache with room to grow: rows can leave, enter and be carried to a later call."""

from __future__ import annotations

from typing import Any, cast

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

GROWTH = 64  # slots added at a time; concatenating one slot a step copies the whole cache at each token


class RoomyLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's `keys` and `values`, (rows, heads, slots, dim): views of buffers that have room for more."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.used = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        rows, _, length, _ = key_states.shape
        self.make_room(key_states, value_states, rows, length)
        self.is_initialized = True

    def make_room(self, keys: torch.Tensor, values: torch.Tensor, rows: int, slots: int) -> None:
        """New buffers like `keys` and `values`, for that many rows and at least that many slots."""
        self._keys, self._values = (
            part.new_empty((rows, part.shape[1], slots + GROWTH, part.shape[3])) for part in (keys, values)
        )

    def show(self, used: int) -> None:
        """Let `keys` and `values` be the first `used` slots of the buffers."""
        self.used = used
        self.keys, self.values = self._keys[:, :, :used], self._values[:, :, :used]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append along the slots; returns everything in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, end = self.used, self.used + key_states.shape[2]
        if end > self._keys.shape[2]:
            keys, values = self.keys, self.values
            self.make_room(keys, values, keys.shape[0], end)
            self._keys[:, :, :start], self._values[:, :, :start] = keys, values
        self._keys[:, :, start:end] = key_states
        self._values[:, :, start:end] = value_states
        self.show(end)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.used

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.used + query_length, 0

    def get_max_length(self) -> int:
        return -1


def new_cache() -> Cache:
    """An empty cache; layers are added as the model calls them."""
    return Cache(layer_class_to_replicate=RoomyLayer)


def rooms(cache: Cache) -> list[RoomyLayer]:
    """The layers of a cache made by `new_cache`."""
    return cast(list[RoomyLayer], cache.layers)


def cache_from(layers: list[tuple[torch.Tensor, torch.Tensor]]) -> Cache:
    """A cache that already holds these keys and values, each (rows, heads, slots, dim)."""
    cache = new_cache()
    for index, (keys, values) in enumerate(layers):
        cache.update(keys, values, index)
    return cache


def select_rows(cache: Cache, rows: torch.Tensor, first: int = 0) -> None:
    """Keep `rows` (long indices, repeats allowed) and drop the slots before `first`, in place."""
    for layer in rooms(cache):
        keys, values, used = layer.keys, layer.values, layer.used - first
        layer.make_room(keys, values, len(rows), used)
        layer._keys[:, :, :used] = keys[:, :, first:].index_select(0, rows)
        layer._values[:, :, :used] = values[:, :, first:].index_select(0, rows)
        layer.show(used)


def join(left: Cache, right: Cache) -> None:
    """Put the rows of `right` under those of `left`, in place, aligned at the last slot."""
    slots = max(left.get_seq_length(), right.get_seq_length())
    for ours, theirs in zip(rooms(left), rooms(right), strict=True):
        both = ((ours.keys, ours.values), (theirs.keys, theirs.values))
        count = len(ours.keys)
        ours.make_room(*both[0], count + len(theirs.keys), slots)
        for rows, pair in ((slice(0, count), both[0]), (slice(count, None), both[1])):
            for into, part in zip((ours._keys, ours._values), pair, strict=True):
                start = slots - part.shape[2]
                into[rows, :, :start] = 0  # never attended to, but whatever lay there could be no number
                into[rows, :, start:slots] = part
        ours.show(slots)


def layers_of(cache: Cache, rows: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Copies of the keys and values of some rows, layer by layer."""
    return [(layer.keys.index_select(0, rows), layer.values.index_select(0, rows)) for layer in rooms(cache)]
