"""A run that other rules graded is graded anew from its stored answers, without the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import smallsteps.engines.loading
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.scoring import RULES
from smallsteps.files import read_json, sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.outcomes import OutcomeTable, read_outcomes, write_outcomes
from smallsteps.outcomes.run_folder import read_manifest


def outdated(out: Path) -> None:
    """Let a run look as if earlier rules had found everything wrong."""
    table = read_outcomes(out / "outcomes.parquet")
    count = len(table)
    columns = {**table.columns, "score": [0.0] * count, "scorer": ["flexible-1 strict-1"] * count}
    write_outcomes(out / "outcomes.parquet", OutcomeTable(columns))
    manifest = read_manifest(out)
    assert manifest["scorer"] == RULES
    seal(out, {**manifest, "scorer": "flexible-1 strict-1"})


def seal(out: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with the digests of the files as they are now."""
    files = {name: sha256_file(out / name) for name in manifest["files"]}
    write_sealed(out / "manifest.json", {**manifest, "files": files})


def never(*args: object, **kwargs: object) -> None:
    raise AssertionError("loaded again")


@pytest.mark.parametrize("samples", [1, 3])
def test_old_outcomes_are_not_mixed_with_new_ones(
    pair: Path, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: int
) -> None:
    out = tmp_path / "run"
    settings = Settings(("toy", "toy_raw"), samples=samples, temperature=0.9 if samples > 1 else None)
    first = evaluate(pair, settings, out, include=[tasks])
    before = (out / "outcomes.parquet").read_bytes(), (out / "solutions.jsonl").read_bytes()
    outdated(out)
    monkeypatch.setattr(smallsteps.engines.loading, "load_engine", never)
    again = evaluate(pair, settings, out, include=[tasks])
    assert again.columns == first.columns
    assert ((out / "outcomes.parquet").read_bytes(), (out / "solutions.jsonl").read_bytes()) == before
    assert read_json(out / "manifest.json")["scorer"] == RULES
    assert evaluate(pair, settings, out, include=[tasks]).columns == first.columns


def test_likelihoods_are_graded_anew_from_their_stored_sums(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    settings = Settings(("smallsteps_micro_generic_likelihood",), limit=10)
    first = evaluate(repository / "baselines" / "micro" / "base", settings, out)
    outdated(out)
    monkeypatch.setattr(smallsteps.engines.loading, "load_engine", never)
    again = evaluate(repository / "baselines" / "micro" / "base", settings, out)
    assert again.columns == first.columns
    assert sum(again.columns["score"]) > 0


def test_an_answer_to_another_prompt_is_asked_for_again(
    llama: Path, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    evaluate(llama, Settings(("toy",)), out, include=[tasks])
    outdated(out)
    path = next(out.glob("samples_toy_*.jsonl"))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["arguments"]["gen_args_0"]["arg_0"] = "another question"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seal(out, read_manifest(out))
    monkeypatch.setattr(smallsteps.engines.loading, "load_engine", never)
    with pytest.raises(AssertionError, match="loaded again"):
        evaluate(llama, Settings(("toy",)), out, include=[tasks])
