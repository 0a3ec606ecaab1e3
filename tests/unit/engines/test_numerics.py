"""What `auto` means is resolved once, and `exact` texts do not depend on the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.fast import fits
from smallsteps.engines.loading import load_engine
from smallsteps.engines.numerics import Numerics, resolve
from smallsteps.errors import UserError


def test_auto_is_what_torch_says_of_this_processor() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("of processors only")
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    assert resolve() == Numerics("auto", "bfloat16" if fast else "float32", "cpu", 1024)


@pytest.mark.parametrize(("flags", "dtype"), [("sse avx512_bf16", "bfloat16"), ("sse avx2", "float32")])
def test_auto_follows_the_processor(flags: str, dtype: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(fits, "_CPUINFO", tmp_path / "cpuinfo")
    fits.computes_bfloat16.cache_clear()
    try:
        assert resolve(device="cpu").dtype == dtype
    finally:
        fits.computes_bfloat16.cache_clear()


def test_only_what_shapes_texts_names_a_run() -> None:
    assert resolve("float32", "cpu", 8).identity() == {"dtype": "float32", "device": "cpu", "batch_size": 8}
    exact = resolve(device="cpu", batch_size=8, precision="exact")
    assert exact.identity() == {"dtype": "float32", "device": "cpu"}
    assert exact.as_dict()["batch_size"] == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bf16"}, "unknown dtype 'bf16'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": "cuda:x"}, "unknown device 'cuda:x'"),
        ({"batch_size": 0}, "not positive"),
        ({"precision": "high"}, "unknown precision 'high'"),
        ({"precision": "exact", "dtype": "bfloat16"}, "computes in float32, not in bfloat16"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve(**options)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_exact_texts_do_not_depend_on_the_batch(models: Any, prompts: list[str], name: str) -> None:
    decoding = Decoding(max_new_tokens=30)
    found = [
        load_engine(models(name), device="cpu", precision="exact", batch_size=size).generate(
            prompts, decoding
        )
        for size in (1, 3, 64)
    ]
    assert found[0] == found[1] == found[2]
