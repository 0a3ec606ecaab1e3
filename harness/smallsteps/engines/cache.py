"""Key-value cache with room to grow: rows can leave, enter and be carried to a later call."""

from __future__ import annotations

from typing import Any, cast

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

GROWTH = 64  # slots added at a time; concatenating one slot a step copies the whole cache at each token


class RoomyLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, (rows, heads, capacity, dim), of which the first `used` slots count."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.used = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        rows, heads, length, _ = key_states.shape
        shape = (rows, heads, length + GROWTH)
        self.keys = key_states.new_empty((*shape, key_states.shape[3]))
        self.values = value_states.new_empty((*shape, value_states.shape[3]))
        self.dtype, self.device = key_states.dtype, key_states.device
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append along the slots; returns views of everything in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.used + key_states.shape[2]
        if end > self.keys.shape[2]:
            self.keys, self.values = (_grown(part, self.used, end) for part in (self.keys, self.values))
        self.keys[:, :, self.used : end] = key_states
        self.values[:, :, self.used : end] = value_states
        self.used = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.used

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.used + query_length, 0

    def get_max_length(self) -> int:
        return -1


def _grown(part: torch.Tensor, used: int, needed: int) -> torch.Tensor:
    rows, heads, _, dim = part.shape
    wider = part.new_empty((rows, heads, needed + GROWTH, dim))
    wider[:, :, :used] = part[:, :, :used]
    return wider


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
        used = layer.used - first
        for name in ("keys", "values"):
            part = getattr(layer, name)
            kept = part.new_empty((len(rows), part.shape[1], used + GROWTH, part.shape[3]))
            torch.index_select(part[:, :, first : layer.used], 0, rows, out=kept[:, :, :used])
            setattr(layer, name, kept)
        layer.used = used


def join(left: Cache, right: Cache) -> None:
    """Put the rows of `right` under those of `left`, in place, aligned at the last slot."""
    slots = max(left.get_seq_length(), right.get_seq_length())
    for ours, theirs in zip(rooms(left), rooms(right), strict=True):
        for name in ("keys", "values"):
            a, b = getattr(ours, name), getattr(theirs, name)
            both = a.new_zeros((a.shape[0] + b.shape[0], a.shape[1], slots + GROWTH, a.shape[3]))
            both[: a.shape[0], :, slots - ours.used : slots] = a[:, :, : ours.used]
            both[a.shape[0] :, :, slots - theirs.used : slots] = b[:, :, : theirs.used]
            setattr(ours, name, both)
        ours.used = slots


def layers_of(cache: Cache, rows: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Copies of the used keys and values of some rows, layer by layer."""
    return [
        (
            layer.keys[:, :, : layer.used].index_select(0, rows),
            layer.values[:, :, : layer.used].index_select(0, rows),
        )
        for layer in rooms(cache)
    ]
