"""Imports without the collector, and what must not be imported before the first token."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from smallsteps.startup import importing


def test_the_collector_is_on_again_even_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(ImportError), importing(), importing():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("smallsteps.cli.main", ("numpy", "pydantic", "yaml", "lm_eval", "torch")),
        ("smallsteps.cli.eval", ("numpy", "lm_eval", "torch", "transformers", "scipy")),
        ("smallsteps.cli.lm_eval", ("numpy", "lm_eval", "torch", "transformers", "scipy")),
        ("smallsteps.cli.tasks", ("numpy", "lm_eval", "torch", "transformers", "scipy")),
        ("smallsteps.cli.score", ("pydantic", "numpy", "lm_eval", "torch", "transformers", "scipy")),
        ("smallsteps.evaluation.system", ("lm_eval", "torch", "transformers", "scipy")),
        ("smallsteps.evaluation.summary", ("torch", "transformers", "scipy")),
        ("smallsteps.gate.layout", ("scipy.stats", "scipy.optimize", "lm_eval", "torch")),
        ("smallsteps.evaluation.manager", ("lm_eval", "torch", "transformers", "scipy", "datasets")),
    ],
)
def test_modules_that_must_start_quickly_import_no_heavy_library(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*(n for n in {heavy!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
