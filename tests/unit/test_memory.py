"""What glibc is told; what it brings is measured by `benchmarks/`."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from smallsteps.memory import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told")
def test_glibc_takes_both_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    mallopt = ctypes.CDLL(None).mallopt
    taken: list[tuple[int, int]] = []

    def recorded(name: int, value: int) -> None:
        taken.append((name, mallopt(name, value)))

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=recorded))
    keep_freed_memory()
    assert taken == [(-1, 1), (-3, 1)]  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, both accepted


@pytest.mark.parametrize(("platform", "library"), [("darwin", None), ("linux", SimpleNamespace())])
def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch, platform: str, library: Any) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    keep_freed_memory()
