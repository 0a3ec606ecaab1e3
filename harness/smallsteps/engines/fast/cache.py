"""Key-value cache with room to grow: rows can leave, be replaced, and be carried to a later call.

Nothing of transformers is imported here; `module_cache` makes of it the cache that its models take.

What would replace it: a cache of transformers whose rows can be replaced one by one; its `DynamicCache`
copies everything at each token, its `StaticCache` begins and ends with a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from smallsteps.engines.fast.attention import together
from smallsteps.engines.fast.switches import uses

GROWTH = 32  # slots added at a time; concatenating one slot a step copies the whole cache at each token
States = list[tuple[torch.Tensor, torch.Tensor]]  # keys and values, layer by layer


class RoomyLayer:
    """One layer's `keys` and `values`, (rows, heads, slots, dim): windows on roomy buffers."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        self.is_initialized = False
        self.rows = self.first = self.end = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Begin with buffers of no slots, of the states' other sizes."""
        self.adopt(key_states[:, :, :0], value_states[:, :, :0], 0)

    def adopt(self, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        """Take these for the buffers, their first `end` slots for the window."""
        self._keys, self._values = keys, values
        self.show(len(keys), 0, end)
        self.is_initialized = True

    def show(self, rows: int, first: int, end: int) -> None:
        """Let `keys` and `values` be the window of the first `rows` rows, slots `first` to `end`."""
        self.rows, self.first, self.end = rows, first, end
        self.keys, self.values = self._keys[:rows, :, first:end], self._values[:rows, :, first:end]

    def move(
        self, rows: int, slots: int, capacity: int, chosen: torch.Tensor | None = None, coming: int = 0
    ) -> None:
        """Copy the window (or `chosen` rows of it) into new buffers, its right edge at `slots`.

        Args:
            rows: rows of the buffers; capacity: slots of the buffers.
            coming: slots behind the window that the caller is about to fill.
        """
        keys, values = (
            part if chosen is None else part.index_select(0, chosen) for part in (self.keys, self.values)
        )
        count, start = len(keys), slots - keys.shape[2]
        self._keys, self._values = (
            _moved(part, max(rows, count), start, capacity, coming) for part in (keys, values)
        )
        self.show(count, 0, slots)

    def copy_rows(self, rows: torch.Tensor, places: torch.Tensor) -> None:
        """Copy rows (long indices) to these places."""
        for part in (self._keys, self._values):
            part.index_copy_(0, places, part.index_select(0, rows))

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (rows, heads, slots, dim) along the slots; returns everything in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        length, used = key_states.shape[2], self.get_seq_length()
        if self.end + length > self.capacity:
            self.move(self._keys.shape[0], used, roomy(used + length), coming=length)
        start, end = self.end, self.end + length
        self._keys[: self.rows, :, start:end] = key_states
        self._values[: self.rows, :, start:end] = value_states
        self.show(self.rows, self.first, end)
        return (self.keys, self.values) if used else (key_states, value_states)

    @property
    def capacity(self) -> int:
        """Slots of the buffers."""
        return self._keys.shape[2]

    def whole(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of all slots of the buffers, those outside the window included."""
        return self._keys[: self.rows], self._values[: self.rows]

    def get_seq_length(self) -> int:
        """Slots of the window."""
        return self.end - self.first


class Layers(Protocol):
    """A cache of either kind: its layers are `RoomyLayer`s."""

    @property
    def layers(self) -> list[Any]:
        """From the first to the last."""
        ...

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append to one layer; returns everything in use, see `RoomyLayer.update`."""
        ...


@dataclass(slots=True)
class RoomyCache:
    """The layers, each created at its first update.

    Attributes:
        shared: keys and values that every row begins with, which its own slots do not hold, layer by layer:
            (heads, slots, dim) each.
    """

    layers: list[RoomyLayer] = field(default_factory=list)
    shared: States | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append to one layer; returns everything in use."""
        if layer_idx == len(self.layers):
            self.layers.append(RoomyLayer())
        return self.layers[layer_idx].update(key_states, value_states)


def in_order(states: torch.Tensor) -> torch.Tensor:
    """(rows, heads, slots, dim), in memory in the order that `attend` reads: per slot or per head."""
    if together(states.shape[1], states.shape[3]):
        return states.transpose(1, 2).contiguous().transpose(1, 2)
    return states.contiguous()


def _moved(window: torch.Tensor, rows: int, start: int, capacity: int, coming: int) -> torch.Tensor:
    """A buffer with the window from slot `start` on, and zeros but for `coming` slots behind it.

    What lies outside a window is never attended to, but must be a number.
    """
    count, heads, used, dim = window.shape
    if together(heads, dim):
        moved = window.new_empty((rows, capacity, heads, dim)).transpose(1, 2)
    else:
        moved = window.new_empty((rows, heads, capacity, dim))
    end = start + used
    moved[count:].zero_()
    moved[:count, :, :start].zero_()
    moved[:count, :, start:end] = window
    moved[:count, :, end + coming :].zero_()
    return moved


def roomy(slots: int) -> int:
    """Capacity for these slots and at least one more, in few sizes: oneDNN makes a kernel for each."""
    growth = GROWTH if uses("shapes") else 1
    return (slots // growth + 1) * growth


def fill(cache: Layers, buffers: States, end: int) -> None:
    """Let an empty cache take these for its buffers, their first `end` slots for the window."""
    for index, (keys, values) in enumerate(buffers):
        cache.update(keys[:, :, :0], values[:, :, :0], index)  # makes the layer
        cache.layers[index].adopt(keys, values, end)


def branch(cache: Layers, into: Layers, rows: torch.Tensor, coming: int, first: int = 0) -> None:
    """Let an empty cache begin as copies of another's rows, which may repeat.

    Args:
        rows: (rows of `into`,) long indices.
        coming: slots that the next forward fills; first: slots before this one are left out.
    """
    buffers: States = []
    slots = cache.layers[0].get_seq_length() - first
    for layer in cache.layers:
        parts = (part[:, :, first:].index_select(0, rows) for part in (layer.keys, layer.values))
        keys, values = (_moved(part, len(rows), 0, roomy(slots + coming), coming) for part in parts)
        buffers.append((keys, values))
    fill(into, buffers, slots)


def drop_slots(cache: Layers, count: int) -> None:
    """Leave out the first `count` slots from now on."""
    for layer in cache.layers:
        layer.show(layer.rows, layer.first + count, layer.end)


def select_rows(cache: Layers, chosen: Sequence[int]) -> None:
    """Keep these rows, in place; repeats are allowed. Rows that keep their place are not copied."""
    moved = [place for place, row in enumerate(chosen) if place != row]
    for layer in cache.layers:
        used, device = layer.get_seq_length(), layer.keys.device
        if len(chosen) > layer.rows or roomy(used) < layer.capacity:
            layer.move(len(chosen), used, roomy(used), torch.tensor(list(chosen), device=device))
            continue
        if moved:
            layer.copy_rows(
                *(torch.tensor(rows, device=device) for rows in ([chosen[i] for i in moved], moved))
            )
        layer.show(len(chosen), layer.first, layer.end)


def put_rows(cache: Layers, fresh: Layers, places: torch.Tensor, room: int) -> None:
    """Let the rows of `fresh` take these places, in place, aligned at the last slot.

    Args:
        places: rows to replace, or the ones after the last to append; as many as `fresh` has.
        room: rows that the buffers should have room for when they must be allocated again.
    """
    slots = max(cache.layers[0].get_seq_length(), fresh.layers[0].get_seq_length())
    for layer, new in zip(cache.layers, fresh.layers, strict=True):
        count = max(layer.rows, int(places.max()) + 1)
        if slots > layer.get_seq_length() or count > layer._keys.shape[0]:
            layer.move(max(room, count), slots, roomy(slots))
        for into, part in ((layer._keys, new.keys), (layer._values, new.values)):
            into[:, :, layer.end - part.shape[2] : layer.end].index_copy_(0, places, part)
        layer.show(count, layer.first, layer.end)


def states_of(cache: Layers, chosen: torch.Tensor) -> States:
    """Copies of the keys and values of some rows, layer by layer: (rows x slots, heads, dim) each."""
    return [
        (
            layer.keys.index_select(0, chosen).transpose(1, 2).flatten(0, 1),
            layer.values.index_select(0, chosen).transpose(1, 2).flatten(0, 1),
        )
        for layer in cache.layers
    ]
