"""The noise floor counts items whose verdict changes, and a run is named by what it was computed with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcome_tables import table
from smallsteps.errors import UserError
from smallsteps.evaluation.noise import measure_noise_floor, noise_floor
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.files import read_json


def test_flips_are_counted_both_ways_and_by_task() -> None:
    run = table({"a": [1.0, 0.0, 1.0, 0.0]}, "svamp")
    exact = table({"a": [1.0, 1.0, 0.0, 0.0]}, "svamp")
    found = noise_floor(run, exact)
    assert (found["items"], found["flips"], found["share"], found["difference"]) == (4, 2, 0.5, 0.0)
    assert found["tasks"]["svamp"]["flips"] == 2
    assert noise_floor(run, run)["share"] == 0.0


def test_an_item_that_the_run_lacks_is_an_error() -> None:
    with pytest.raises(UserError, match="was not answered by the run"):
        noise_floor(table({"a": [1.0]}, "svamp"), table({"a": [1.0, 0.0]}, "svamp"))


def test_a_run_with_other_numerics_is_another_run(llama: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = Settings(("toy",), limit=4, dtype="bfloat16", batch_size=2)
    evaluate(llama, settings, out, include=[tasks])
    manifest = read_json(out / "manifest.json")
    assert manifest["numerics"] == {
        "precision": "auto",
        "dtype": "bfloat16",
        "device": "cpu",
        "batch_size": 2,
    }
    for change, message in (
        ({"dtype": "float32"}, "dtype bfloat16 there, float32 here"),
        ({"batch_size": 3}, "batch_size 2 there, 3 here"),
        ({"dtype": "auto", "precision": "exact"}, "precision auto there, exact here"),
    ):
        with pytest.raises(UserError, match=message):
            evaluate(llama, replace(settings, **change), out, include=[tasks])


def test_auto_and_what_it_means_here_are_one_run(
    llama: Path, tasks: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """And `auto` on a machine where it means something else is not: the cached run is not reused."""
    import smallsteps.engines.numerics as numerics

    out = tmp_path / "run"
    evaluate(llama, Settings(("toy",), limit=4), out, include=[tasks])
    used = read_json(out / "manifest.json")["numerics"]["dtype"]
    evaluate(llama, Settings(("toy",), limit=4, dtype=used), out, include=[tasks])
    other = {"bfloat16": False, "float32": True}[used]
    monkeypatch.setattr(numerics, "computes_bfloat16", lambda device: other)
    with pytest.raises(UserError, match=f"dtype {used} there"):
        evaluate(llama, Settings(("toy",), limit=4), out, include=[tasks])


def test_exact_runs_are_one_run_whatever_the_batch(llama: Path, tasks: Path, tmp_path: Path) -> None:
    settings = Settings(("toy",), limit=6, precision="exact", batch_size=1)
    first = evaluate(llama, settings, tmp_path / "one", include=[tasks])
    again = evaluate(llama, replace(settings, batch_size=64), tmp_path / "one", include=[tasks])
    assert again.columns == first.columns
    other = evaluate(llama, replace(settings, batch_size=64), tmp_path / "other", include=[tasks])
    assert other.columns == first.columns


def test_the_measured_floor_is_in_the_manifest(llama: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = Settings(("toy",), dtype="bfloat16")
    evaluate(llama, settings, out, include=[tasks])
    before = read_json(out / "manifest.json")
    found = measure_noise_floor(llama, settings, out, 10, include=[tasks])
    after = read_json(out / "manifest.json")
    assert after.pop("noise_floor") == found
    assert {**after, "digest": ""} == {**before, "digest": ""}
    assert found["items"] == 10
    assert found["run"]["dtype"] == "bfloat16"
    assert found["against"]["precision"] == "exact"
    evaluate(llama, settings, out, include=[tasks])  # the run is still known as itself
    assert measure_noise_floor(llama, settings, out, 10, include=[tasks]) == found
