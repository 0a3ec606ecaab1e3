"""The local teacher: exact log-probabilities, samples that do not depend on the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smallsteps.corpora import CorpusSpec, Store, collect, plan, read_corpus, shape, write_corpus
from smallsteps.corpora.distributions import open_distributions
from smallsteps.corpora.export import export_store, import_store
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sample, Sampling, Status
from smallsteps.teachers.huggingface import HuggingFaceTeacher
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import HuggingFaceSpec

PROBLEMS = [
    Problem(str(i), text, "1", AnswerKind.TEXT)
    for i, text in enumerate(("Once upon a time,", "One day, a dog", "Tim and Sue went to the park. They"))
]


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> str:
    return str(data_dir / "models" / "stories260K" / "hf")


def rows(folder: str, path: Path, sampling: Sampling, samples: int = 1, batch: int = 16) -> list[Sample]:
    teacher = HuggingFaceTeacher(HuggingFaceSpec(kind="huggingface", model=folder, batch=batch))
    with Store(path, durable=False) as store:
        requests = plan(teacher.name, PROBLEMS, Template("t", "{{ question }}"), sampling, samples)
        collect(teacher, requests, store)
        return sorted(store, key=lambda row: (row.problem_id, row.sample))


def test_greedy_text_is_the_published_one(folder: str, tmp_path: Path) -> None:
    row = rows(folder, tmp_path / "s", Sampling(max_tokens=40))[0]
    assert row.text.startswith(
        "there was a little girl named Lily. She loved to play outside in the park. One day,"
    )
    assert row.status is Status.LENGTH
    assert row.completion_tokens == 40


def test_logprobs_equal_a_plain_forward_pass(folder: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sampling = Sampling(max_tokens=12, logprobs=4, temperature=0.9, top_p=0.95, seed=3)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for row in rows(folder, tmp_path / "s", sampling):
        prompt = tokenizer(row.prompt)["input_ids"]
        drawn = [token.token_id for token in row.tokens]
        assert len(drawn) == row.completion_tokens == 12
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *drawn]])).logits[0].float()
        expected = torch.log_softmax(logits, dim=-1)[len(prompt) - 1 : -1]
        for place, token in enumerate(row.tokens):
            assert token.logprob == pytest.approx(float(expected[place, token.token_id]), abs=2e-4)
            best = expected[place].topk(4).values.tolist()
            assert [value for _, value in token.top] == pytest.approx(best, abs=2e-4)
            assert token.top_ids == tuple(expected[place].topk(4).indices.tolist())
            assert len(set(token.top_ids)) == 4


def test_surfaces_spell_the_text(folder: str, tmp_path: Path) -> None:
    """Decoded alone, a SentencePiece token loses the space before it."""
    for row in rows(folder, tmp_path / "s", Sampling(max_tokens=40, logprobs=2)):
        assert "".join(token.token for token in row.tokens).strip() == row.text.strip()
        assert any(surface.startswith(" ") for token in row.tokens for surface, _ in token.top)


def test_ids_of_the_candidates_go_all_the_way(folder: str, tmp_path: Path) -> None:
    first = rows(folder, tmp_path / "s", Sampling(max_tokens=5, logprobs=3))
    for ending in ("parquet", "jsonl"):
        with Store(tmp_path / "s") as store, Store(tmp_path / ending, durable=False) as other:
            export_store(store, tmp_path / f"x.{ending}")
            import_store(other, tmp_path / f"x.{ending}")
            assert other.hash() == store.hash()
            assert sorted(other, key=lambda r: (r.problem_id, r.sample)) == first
    spec = CorpusSpec(benchmark="b", keep="all")
    with Store(tmp_path / "s") as store:
        samples = {row.problem_id: [replace(row, status=Status.OK)] for row in store}
    write_corpus(tmp_path / "c", shape(spec, PROBLEMS, samples))
    back = read_corpus(tmp_path / "c")
    assert back.distributions is not None
    held = list(open_distributions(back.distributions))
    assert [(one.ids >= 0).sum(axis=1).tolist() for one in held] == [[3] * 5] * len(back.rationales)


def test_samples_do_not_depend_on_batch_or_resumption(folder: str, tmp_path: Path) -> None:
    sampling = Sampling(max_tokens=16, temperature=1.0, seed=7)
    together = rows(folder, tmp_path / "a", sampling, samples=3, batch=9)
    alone = rows(folder, tmp_path / "b", sampling, samples=3, batch=1)
    assert [row.text for row in together] == [row.text for row in alone]
    assert len({row.text for row in together}) == 9
    rows(folder, tmp_path / "c", sampling, samples=1)
    assert [r.text for r in rows(folder, tmp_path / "c", sampling, samples=3)] == [r.text for r in together]


def test_stop_strings_end_a_sample(folder: str, tmp_path: Path) -> None:
    row = rows(folder, tmp_path / "s", Sampling(max_tokens=40, stop=("Lily",)))[0]
    assert row.text == "there was a little girl named "
    assert row.status is Status.OK


def test_wrong_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="safetensors weights"):
        HuggingFaceTeacher(HuggingFaceSpec(kind="huggingface", model=str(tmp_path)))


def test_too_long_a_prompt_is_told(folder: str, tmp_path: Path) -> None:
    teacher = HuggingFaceTeacher(HuggingFaceSpec(kind="huggingface", model=folder))
    problem = Problem("1", "a dog and a cat " * 300, "1", AnswerKind.TEXT)
    with Store(tmp_path / "s") as store, pytest.raises(UserError, match="does not fit the model's 512"):
        collect(teacher, plan(teacher.name, [problem], Template("t", "{{ question }}"), Sampling(), 1), store)
