"""The cache as transformers' own models take it."""

from __future__ import annotations

from transformers.cache_utils import Cache, CacheLayerMixin

from smallsteps.engines.fast.cache import RoomyLayer


class ModuleLayer(RoomyLayer, CacheLayerMixin):  # type: ignore[misc, no-untyped-call]
    """A `RoomyLayer` with the methods that transformers' masks call."""

    is_sliding = False

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Slots after the next forward, and the first of them."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """No limit."""
        return -1


def module_cache() -> Cache:
    """An empty cache; layers are added as the model calls them."""
    return Cache(layer_class_to_replicate=ModuleLayer)
