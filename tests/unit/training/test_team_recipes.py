"""`smallsteps distill` in the processes that `accelerate launch` starts: one result, one voice."""

from __future__ import annotations

from pathlib import Path

from team_jobs import finish, start

from smallsteps.students import read_student

RECIPE = """\
recipe: two
scheme: cot
base:
  architecture:
    {model_type: llama, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 32}
tokenizer: {vocabulary: 300}
optimisation: {steps: 3, learning_rate: 1e-3, batch_tokens: 512, max_length: 256, optimizer: adamw}
"""
MADE = "examples: {source: 'smallsteps.microworld.corpus:base_corpus', arguments: {seed: 1, examples: 40}}\n"
FILED = "corpus: {benchmark: micro_problems, limit: 5, teacher: {kind: file, path: rationales.jsonl}}\n"


def test_distill_in_two_processes_makes_one_student(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(RECIPE + MADE)
    command = ["distill", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "out")]
    (first, said), (second, other) = finish(start(command, tmp_path))
    assert (first, second) == (0, 0), said + other
    assert "100 %" in said
    assert "100 %" not in other
    (card,) = (tmp_path / "out").rglob("student.json")
    assert next(iter(read_student(card.parent).training.values()))["steps"] == 3


def test_a_corpus_that_cannot_be_made_ends_both_with_one_error(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(RECIPE + FILED)
    (tmp_path / "rationales.jsonl").write_text("{no json\n")
    ended = finish(start(["distill", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "out")], tmp_path))
    assert all(code not in (0, None) for code, _ in ended)
    said = "".join(text for _, text in ended)
    assert said.count("error:") == 1, said
    assert "rationales.jsonl" in said
    assert "Traceback" not in said
