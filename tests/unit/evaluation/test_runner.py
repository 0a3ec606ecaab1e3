"""The runner: what it writes, what it keeps, what it does a second time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.answers import majority
from smallsteps.errors import UserError
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.summary import summary
from smallsteps.files import read_json
from smallsteps.outcomes import read_outcomes
from smallsteps.problems import AnswerKind


def test_several_samples_vote_and_ties_are_reported(
    llama: Path, tasks: Path, tmp_path: Path, lines: Any
) -> None:
    name = "smallsteps_micro_problems"
    settings = Settings((name,), samples=4, temperature=1.0, limit=6, max_new_tokens=6)
    table = evaluate(llama, settings, tmp_path / "run")
    (row,) = summary(table)
    assert (row.items, row.samples, len(table)) == (6, 4, 24)
    assert row.majority is not None
    assert row.tied is not None
    assert "majority of 4" in row.line()
    results = read_json(next((tmp_path / "run").glob("results_*.json")))["results"][name]
    by_item: dict[str, list[str]] = {}
    for item, answer in zip(table.columns["item"], table.columns["extracted"], strict=True):
        by_item.setdefault(item, []).append(answer)
    tied = [len(majority(answers, AnswerKind.NUMBER).tied) > 1 for answers in by_item.values()]
    assert results["tied,vote"] == pytest.approx(sum(tied) / 6)
    samples = lines(next((tmp_path / "run").glob("samples_*.jsonl")))
    assert [len(row["filtered_resps"][0]) for row in samples] == [4] * 6


def test_run_directory_of_a_plain_folder(llama: Path, tasks: Path, tmp_path: Path, lines) -> None:
    out = tmp_path / "run"
    table = evaluate(llama, Settings(("toy", "toy_raw")), out, label="micro", include=[tasks])
    assert len(table) == 46
    assert set(table.columns["student"]) == {"micro"}
    assert read_outcomes(out / "outcomes.parquet").columns == table.columns
    names = sorted(path.name for path in out.iterdir())
    assert [n.split("_")[0] for n in names] == [
        "manifest.json",
        "outcomes.parquet",
        "results",
        "samples",
        "samples",
        "solutions.jsonl",
    ]
    samples = lines(next(out.glob("samples_toy_*.jsonl")))
    assert {"doc_id", "resps", "filtered_resps", "doc_hash"} <= set(samples[0])
    solutions = lines(out / "solutions.jsonl")
    assert len(solutions) == 46
    assert solutions[0]["response"] == samples[0]["resps"][0][0]
    results = next(out.glob("results_*.json")).read_text()
    source = json.loads(results)["configs"]["toy"]["metadata"]["config_source"]
    assert source.startswith(f"{tasks.name}/")
    assert str(tasks) not in results


def test_socratic_pair_writes_its_dialogue(pair: Path, tasks: Path, tmp_path: Path, lines) -> None:
    out = tmp_path / "run"
    table = evaluate(pair, Settings(("toy",), samples=2, temperature=0.8), out, include=[tasks])
    assert len(table) == 46
    assert set(table.columns["seed"]) == {7}
    rows = lines(out / "solutions.jsonl")
    assert {row["sample"] for row in rows} == {0, 1}
    assert any(row["turns"] for row in rows)
    assert all({"question", "reply", "stop", "tokens"} == set(t) for row in rows for t in row["turns"])


def test_gold_plans_ask_the_gold_questions(pair: Path, tasks: Path, tmp_path: Path, lines) -> None:
    out = tmp_path / "run"
    evaluate(pair, Settings(("toy",), plans="gold"), out, label="gold", include=[tasks])
    for row in lines(out / "solutions.jsonl"):
        assert [turn["question"] for turn in row["turns"]] == ["how many had?", "how many now?"]


def test_same_inputs_same_bytes(pair: Path, tasks: Path, tmp_path: Path) -> None:
    settings = Settings(("toy",), samples=2, temperature=1.0)
    for name in "ab":
        evaluate(pair, settings, tmp_path / name, include=[tasks])
    for name in ("outcomes.parquet", "solutions.jsonl", "manifest.json"):
        first, second = ((tmp_path / run / name).read_bytes() for run in "ab")
        if name != "manifest.json":
            assert first == second, name


def test_prompts_cut_by_the_context_are_counted(llama: Path, tasks: Path, tmp_path: Path) -> None:
    """Context 256, budget 250: a quarter stays for the answer, the rest of a long prompt fits or is cut."""
    evaluate(llama, Settings(("toy_long",), max_new_tokens=250), tmp_path / "run", include=[tasks])
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["cut_prompts"] == 23
    evaluate(llama, Settings(("toy",)), tmp_path / "short", include=[tasks])
    assert json.loads((tmp_path / "short" / "manifest.json").read_text())["cut_prompts"] == 0


def test_second_call_loads_no_model(llama: Path, tasks: Path, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "run"
    first = evaluate(llama, Settings(("toy",)), out, include=[tasks])
    import smallsteps.engines.loading

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(smallsteps.engines.loading, "load_engine", never)
    assert evaluate(llama, Settings(("toy",)), out, include=[tasks]).columns == first.columns
    with pytest.raises(UserError, match="limit None there, 3 here"):
        evaluate(llama, Settings(("toy",), limit=3), out, include=[tasks])


def test_killed_run_goes_on(pair: Path, tasks: Path, tmp_path: Path, monkeypatch) -> None:
    import smallsteps.evaluation.model as model

    monkeypatch.setattr(model, "CHUNK", 8)
    settings = Settings(("toy",))
    whole = evaluate(pair, settings, tmp_path / "whole", include=[tasks])

    class Killed(BaseException):
        pass

    def kill(done: int, total: int, tokens: int) -> None:
        if done >= 16:
            raise Killed

    out = tmp_path / "killed"
    with pytest.raises(Killed):
        evaluate(pair, settings, out, include=[tasks], progress=kill)
    kept = {path: path.stat().st_mtime_ns for path in (out / "responses").iterdir()}
    assert len(kept) == 2
    victim = next(iter(kept))
    victim.write_bytes(victim.read_bytes()[:20])
    seen: list[int] = []
    again = evaluate(
        pair, settings, out, include=[tasks], progress=lambda done, total, tokens: seen.append(done)
    )
    assert again.columns == whole.columns
    assert (out / "outcomes.parquet").read_bytes() == (tmp_path / "whole" / "outcomes.parquet").read_bytes()
    assert not (out / "responses").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(("toi",)), "did you mean 'toy'"),
        (Settings(("toy",), scheme="socratic"), "needs the part 'decomposer'"),
        (Settings(("toy",), scheme="cott"), "did you mean 'cot'"),
        (Settings(("toy",), plans="gold"), "asks no sub-questions"),
        (Settings(()), "no tasks given"),
    ],
)
def test_mistakes(llama: Path, tasks: Path, tmp_path: Path, settings: Settings, message: str) -> None:
    with pytest.raises(UserError) as caught:
        evaluate(llama, settings, tmp_path / "run", include=[tasks])
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()
