"""What glibc is told; what it brings is measured by `benchmarks/`."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from smallsteps.memory import give_back_freed_memory, keep_freed_memory

WORK = """
from pathlib import Path
from smallsteps.memory import give_back_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

keep_freed_memory()
before = resident()
pieces = [bytes([1]) * 1_000_000 for _ in range(200)]
del pieces[:-1]  # the last one stands at the end of the heap
kept = resident() - before
give_back_freed_memory()
print(kept, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told")
def test_glibc_takes_both_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    mallopt = ctypes.CDLL(None).mallopt
    taken: list[tuple[int, int]] = []

    def recorded(name: int, value: int) -> None:
        taken.append((name, mallopt(name, value)))

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=recorded))
    keep_freed_memory()
    assert taken == [(-1, 1), (-3, 1)]  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, both accepted


@pytest.mark.parametrize(("system", "library"), [("darwin", None), ("linux", SimpleNamespace())])
def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch, system: str, library: Any) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    keep_freed_memory()
    give_back_freed_memory()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone does this")
def test_what_was_kept_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True).stdout
    kept, left = map(int, told.split())
    assert kept > 150
    assert left < 50
