"""Memory of a GPU is divided among the processes that share it."""

from __future__ import annotations

import pytest

from smallsteps.engines.loading import _on_gpu
from smallsteps.memory import SHARERS

GIB = 1 << 30


@pytest.mark.parametrize(
    ("sharers", "free", "cache", "kept"), [(1, 80, 40, 4), (1, 20, 10, 2.5), (10, 80, 4, 1), (10, 6, 3, 0.75)]
)
def test_processes_share_the_memory_of_a_gpu(
    sharers: int, free: int, cache: float, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARERS, str(sharers))
    limits = _on_gpu(free * GIB, 80 * GIB)
    assert (limits.cache_bytes, limits.memory_bytes) == (cache * GIB, kept * GIB)
