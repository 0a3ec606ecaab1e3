"""Distributions from the corpus to the student: stored, mapped, trained on; and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_cases import T5, base, optimisation

from smallsteps.corpora.corpus import Corpus, corpus_hash, read_corpus, write_corpus
from smallsteps.corpora.distributions import DISTRIBUTIONS, open_distributions, write_distributions
from smallsteps.corpora.verify import verify
from smallsteps.errors import UserError
from smallsteps.files import read_jsonl
from smallsteps.problems import AnswerKind, Problem, Rationale, TokenLogprob, load_problems
from smallsteps.schemes import Example, examples_of, get_scheme
from smallsteps.teachers.layouts import read_layout
from smallsteps.teachers.model import Sample
from smallsteps.training import BaseSpec, ObjectiveSpec, train


def rationale(number: int, words: list[str], k: int = 3) -> Rationale:
    tokens = tuple(
        TokenLogprob(word, -0.5, tuple([(word, -0.5), ("w1", -1.5), ("w2", -2.5), ("w3", -3.0)][:k]))
        for word in words
    )
    return Rationale(f"p{number}", " ".join(words), "1", True, tokens=tokens)


@pytest.fixture
def taught(examples: list[Example]) -> list[Example]:
    return [
        replace(example, rationale=rationale(number, example.target.split()))
        for number, example in enumerate(examples)
    ]


def rationales(examples: list[Example]) -> list[Rationale]:
    return [example.rationale for example in examples if example.rationale is not None]


def test_a_corpus_keeps_its_distributions_apart_and_its_hash(taught: list[Example], tmp_path: Path) -> None:
    rows = rationales(taught)
    corpus = Corpus(tuple(rows), corpus_hash(rows), {}, {})
    held = write_corpus(tmp_path, corpus)
    again = read_corpus(tmp_path)
    assert held is not None
    assert again.hash == corpus.hash
    assert again.distributions == tmp_path / DISTRIBUTIONS
    assert all(not r.tokens for r in again.rationales)
    for drawn, row in zip(open_distributions(tmp_path / DISTRIBUTIONS), rows, strict=True):
        assert drawn.key == (row.problem_id, row.sample)
        assert [held.texts[i] for i in drawn.tokens] == [t.token for t in row.tokens]
        found = [
            [(held.texts[i], p) for i, p in zip(*pair, strict=True)]
            for pair in zip(drawn.ids.tolist(), drawn.top.tolist(), strict=True)
        ]
        assert found == [list(t.top) for t in row.tokens]
    assert held.bytes_per_token < 60
    other = [replace(rows[0], tokens=rows[0].tokens[:-1]), *rows[1:]]
    assert corpus_hash(other) != corpus.hash


def test_a_corpus_without_distributions_has_no_such_file(tmp_path: Path) -> None:
    rows = [Rationale("p", "text", "1", True, tokens=(TokenLogprob("text", -0.5),))]
    assert write_corpus(tmp_path, Corpus(tuple(rows), corpus_hash(rows), {}, {})) is None
    assert read_corpus(tmp_path).rationales == tuple(rows)
    assert not (tmp_path / DISTRIBUTIONS).exists()


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_changed_file_of_distributions_is_found(taught: list[Example], damage: str, tmp_path: Path) -> None:
    rows = rationales(taught)
    write_corpus(tmp_path, Corpus(tuple(rows), corpus_hash(rows), {}, {}))
    path = tmp_path / DISTRIBUTIONS
    if damage == "change":
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    else:
        path.unlink()
    with pytest.raises(UserError, match=r"distributions (was changed|is missing)"):
        read_corpus(tmp_path)


def test_local_ids_are_kept(tmp_path: Path) -> None:
    tokens = (TokenLogprob("�", -0.1, (("�", -0.1), ("�", -2.0)), 7, (7, 9)),)
    held = write_distributions(tmp_path / "d.parquet", [Rationale("p", "x", "1", True, tokens=tokens)])
    assert held is not None
    assert held.by_id
    (drawn,) = held
    assert drawn.tokens.tolist() == [7]
    assert drawn.ids.tolist() == [[7, 9]]


def fit(taught: list[Example], folder: Path, spec: ObjectiveSpec, out: Path, **changes: Any) -> Any:
    path = out.parent / DISTRIBUTIONS
    write_distributions(path, rationales(taught))
    return train(
        taught,
        base("llama", folder),
        optimisation(**changes),
        seed=1,
        out=out,
        objective=spec,
        distributions=path,
    )


def test_a_student_trains_on_distributions_and_resumes_to_the_byte(
    tokenizer_dir: Path, taught: list[Example], tmp_path: Path
) -> None:
    spec = ObjectiveSpec(kl=0.5)

    class Killed(BaseException):
        pass

    done = fit(taught, tokenizer_dir, spec, tmp_path / "a", steps=8, save_every=4, accumulate=2)

    def kill(now: Any) -> None:
        if now.step == 6:
            raise Killed

    arguments = (taught, base("llama", tokenizer_dir), optimisation(steps=8, save_every=4, accumulate=2))
    options: dict[str, Any] = {
        "seed": 1,
        "out": tmp_path / "b",
        "objective": spec,
        "distributions": tmp_path / DISTRIBUTIONS,
    }
    with pytest.raises(Killed):
        train(*arguments, **options, progress=kill)
    again = train(*arguments, **options)
    for name in ("model.safetensors", "training.json", "loss.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert again.figures.objective["coverage"] == 1
    rows = [row for _, row in read_jsonl(tmp_path / "a" / "loss.jsonl")]
    assert set(rows[0]["losses"]) == {"nll", "kl"}
    assert rows[-1]["losses"]["kl"] < rows[0]["losses"]["kl"]
    assert done.figures.objective["losses"]["kl"] < rows[0]["losses"]["kl"]


def refused(taught: list[Example], folder: Path, spec: ObjectiveSpec, out: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        fit(taught, folder, spec, out)
    assert not out.exists()
    return caught.value


def test_an_objective_without_distributions(
    tokenizer_dir: Path, taught: list[Example], tmp_path: Path
) -> None:
    plain = [replace(e, rationale=replace(e.rationale, tokens=())) for e in taught if e.rationale]
    with pytest.raises(UserError, match="no distributions") as caught:
        train(
            plain,
            base("llama", tokenizer_dir),
            optimisation(),
            seed=1,
            out=tmp_path / "s",
            objective=ObjectiveSpec(kl=1),
        )
    assert "sampling" in str(caught.value.fix)


def test_k_that_differs_between_rationales(
    tokenizer_dir: Path, taught: list[Example], tmp_path: Path
) -> None:
    mixed = [
        replace(e, rationale=rationale(n, e.target.split(), k=2 if n % 10 == 0 else 4))
        for n, e in enumerate(taught)
    ]
    error = refused(mixed, tokenizer_dir, ObjectiveSpec(kl=1), tmp_path / "a")
    assert "2 in 16 rationales, 4 in 144 rationales" in error.message
    assert "at most 2" in str(error.fix)
    error = refused(mixed, tokenizer_dir, ObjectiveSpec(kl=1, top_k=3), tmp_path / "b")
    assert "only 2" in error.message
    fit(mixed, tokenizer_dir, ObjectiveSpec(kl=1, top_k=2), tmp_path / "c", steps=2)


def test_vocabularies_that_cannot_be_aligned(
    tokenizer_dir: Path, taught: list[Example], tmp_path: Path
) -> None:
    foreign = [replace(e, rationale=rationale(n, ["žluť", "úpěl"])) for n, e in enumerate(taught)]
    error = refused(foreign, tokenizer_dir, ObjectiveSpec(kl=1), tmp_path / "s")
    assert "0.0 % can be aligned" in error.message


def test_formats_that_are_not_there(tokenizer_dir: Path, taught: list[Example], tmp_path: Path) -> None:
    labelled = [replace(e, format="label" if n % 2 else "rationale") for n, e in enumerate(taught)]
    error = refused(
        labelled, tokenizer_dir, ObjectiveSpec(weights={"lable": 1, "rationale": 1}), tmp_path / "a"
    )
    assert "lable" in error.message
    assert "label" in str(error.fix)
    error = refused(labelled, tokenizer_dir, ObjectiveSpec(budgets={"label": 1}), tmp_path / "b")
    assert "rationale" in error.message
    assert (
        "one format only"
        in refused(taught, tokenizer_dir, ObjectiveSpec(budgets={"x": 1}), tmp_path / "c").message
    )


def test_unlikelihood_without_a_wrong_rationale(
    tokenizer_dir: Path, taught: list[Example], tmp_path: Path
) -> None:
    error = refused(taught, tokenizer_dir, ObjectiveSpec(unlikelihood=1), tmp_path / "s")
    assert "keep: all" in str(error.fix)


@pytest.mark.parametrize("how", ["bytes", "dtw"])
def test_codex_top_5_trains_a_t5(how: str, data_dir: Path, tmp_path: Path) -> None:
    """The published rows, through the corpus, with T5's real tokenizer."""
    path = data_dir / "teacher" / "codex_gsm8k_train_logprobs.jsonl.gz"
    problems = load_problems("gsm8k", "train", data_dir)
    taught: list[tuple[Problem, Rationale]] = []
    for found in list(read_layout("codex_logprobs", path))[:20]:
        problem = problems[int(found.row)]
        sample = Sample(
            "k", problem.id, "codex", "", "", found.sample, found.status, found.text, tokens=found.tokens
        )
        taught.append((problem, verify(problem, sample)))
    rows = [r for _, r in taught if r.answer is not None]
    write_corpus(tmp_path / "corpus", Corpus(tuple(rows), corpus_hash(rows), {}, {}))
    corpus = read_corpus(tmp_path / "corpus")
    by_id = {problem.id: problem for problem, _ in taught}
    chains = get_scheme("specialise").examples(by_id, corpus.rationales)["model"]
    tokenizer = data_dir / "tokenizers" / "t5"
    done = train(
        chains,
        BaseSpec(architecture={**T5, "dropout_rate": 0.0}, tokenizer=str(tokenizer), eos_token="</s>"),
        optimisation(steps=6, batch_tokens=2048, max_length=512),
        seed=1,
        out=tmp_path / "student",
        objective=ObjectiveSpec(
            kl=1.0, tail="drop" if how == "dtw" else "bucket", alignment=how, coverage=0.5
        ),  # type: ignore[arg-type]
        distributions=corpus.distributions,
    )
    came_to = done.figures.objective
    assert came_to["coverage"] > (0.99 if how == "bytes" else 0.5)
    assert came_to["known_tokens"] / done.figures.supervised_tokens * done.figures.passes > 0.5
    assert np.isfinite(done.figures.final_loss)
    losses = [row["losses"] for _, row in read_jsonl(tmp_path / "student" / "loss.jsonl")]
    apart = [one["kl"] for one in losses if "kl" in one]
    assert apart[-1] < apart[0]


def test_examples_of_a_scheme_know_their_rationale() -> None:
    problem = Problem("p", "1 + 1?", "2", AnswerKind.NUMBER)
    row = Rationale("p", "1 + 1 = 2", "2", True)
    for scheme in ("cot", "ft_cot", "scotd", "multitask", "specialise"):
        made = examples_of(get_scheme(scheme), {"p": problem}, [row])["model"]
        held = [example for example in made if example.rationale is row]
        assert held
        assert all(row.text in example.target for example in held)
    formats = {e.format for e in examples_of(get_scheme("multitask"), {"p": problem}, [row])["model"]}
    assert formats == {"label", "rationale"}
