"""Loss and gradients of a step do not depend on micro-batches or pieces, for every objective and family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import STILL, base, optimisation

from smallsteps.corpora.distributions import write_distributions
from smallsteps.problems import Rationale, TokenLogprob
from smallsteps.schemes import Example
from smallsteps.training import ObjectiveSpec
from smallsteps.training.lessons import Lessons, lessons
from smallsteps.training.models import Hardware, load_model, quiet
from smallsteps.training.monitor import Monitor
from smallsteps.training.trainer import StudentTrainer

CPU = Hardware("cpu", "fp32", "eager")
SPECS = {
    "kl": ObjectiveSpec(kl=1.0),
    "half": ObjectiveSpec(kl=0.5, divergence="reverse", temperature=2.0),
    "formats": ObjectiveSpec(kl=0.5, divergence="jensen_shannon", weights={"label": 0.3, "rationale": 0.7}),
    "wrong": ObjectiveSpec(kl=0.5, unlikelihood=0.5),
}


@pytest.fixture(scope="module")
def taught(examples: list[Example]) -> list[Example]:
    """Every third example is a label; every fifth rationale is wrong; words have three candidates each."""

    def one(number: int, example: Example) -> Example:
        if number % 3 == 0:
            return Example(example.prompt, example.target, "label")
        words = example.target.split()
        tokens = tuple(
            TokenLogprob(word, -0.7, ((word, -0.7), (f"w{(number + place) % 60}x", -1.6), ("w7", -2.2)))
            for place, word in enumerate(words)
        )
        return Example(
            example.prompt,
            example.target,
            "rationale",
            Rationale(f"p{number}", example.target.strip(), "1", number % 5 != 0, tokens=tokens),
        )

    return [one(number, example) for number, example in enumerate(examples)]


def make(
    kind: str,
    spec: ObjectiveSpec,
    folder: Path,
    tokenizer: Any,
    taught: list[Example],
    work: Path,
    **changes: Any,
) -> tuple[StudentTrainer, Lessons]:
    settings = optimisation(**changes)
    model = load_model(base(kind, folder, **STILL[kind]), tokenizer, CPU, 1)
    path = work / "distributions.parquet"
    write_distributions(path, [e.rationale for e in taught if e.rationale is not None])
    given = lessons(
        taught,
        tokenizer,
        model,
        settings,
        spec,
        seed=1,
        device="cpu",
        folder=work / "targets",
        distributions=path,
    )
    totals = given.plan.totals(given.encoded.lengths)
    monitor = Monitor(totals, totals, 0, None, given.objective.names)
    with quiet():
        trainer = StudentTrainer(
            model,
            given.plan,
            given.collator,
            settings,
            CPU,
            monitor,
            seed=1,
            work=work,
            objective=given.objective,
        )
    return trainer, given


def gradients(trainer: StudentTrainer, rows: list[int]) -> tuple[float, dict[str, torch.Tensor]]:
    loss = trainer.training_step(trainer.model, trainer.data_collator(rows))  # type: ignore[arg-type]
    return float(loss), {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("kind", ["llama", "t5", "gpt2"])
def test_accumulation_and_pieces_change_nothing(
    kind: str, name: str, tokenizer_dir: Path, tokenizer: Any, taught: list[Example], tmp_path: Path
) -> None:
    """In fp32: the loss to 1e-6, every gradient to 1e-4 of itself or 1e-7."""
    found = {}
    for accumulate, chunk in ((1, 0), (2, 0), (4, 0), (1, 64)):
        work = tmp_path / f"{accumulate}-{chunk}"
        work.mkdir()
        trainer, _ = make(
            kind,
            SPECS[name],
            tokenizer_dir,
            tokenizer,
            taught,
            work,
            accumulate=accumulate,
            loss_chunk=chunk,
            prompt_weight=0.0 if kind == "t5" else 0.1,
        )
        found[accumulate, chunk] = gradients(trainer, list(range(13)))
    loss, reference = found[1, 0]
    assert loss > 0
    for again, other in list(found.values())[1:]:
        assert again == pytest.approx(loss, rel=1e-6)
        assert other.keys() == reference.keys()
        for parameter, gradient in reference.items():
            torch.testing.assert_close(other[parameter], gradient, rtol=1e-4, atol=1e-7, msg=parameter)


def test_distributions_stand_at_the_tokens_they_belong_to(
    tokenizer_dir: Path, tokenizer: Any, taught: list[Example], tmp_path: Path
) -> None:
    """The first candidate is the word itself; labels and ends have none; a word unknown here is left out."""
    _, given = make("llama", SPECS["kl"], tokenizer_dir, tokenizer, taught, tmp_path)
    for micro in given.collator(list(range(13))):
        ids = micro.targets.ids
        assert ids is not None
        ends = micro.labels == tokenizer.eos_token_id
        label = torch.tensor([taught[micro.rows[row]].format == "label" for row in micro.places[0]])
        real = micro.labels[: len(label)] >= 0
        known = (ids[: len(label)] >= 0).any(1)
        assert torch.equal(known, real & ~label & ~ends[: len(label)])
        assert torch.equal(ids[: len(label)][known, 0], micro.labels[: len(label)][known])
        assert (ids[: len(label)][known, 1] == -1).all()
        assert (ids[: len(label)][known, 2] == tokenizer.get_vocab()["w7"]).sum() > 0
    assert given.extras is not None
    assert given.extras.stored is not None
    assert given.extras.stored.coverage == 1.0


def test_weights_of_formats_are_shares_of_the_training(
    tokenizer_dir: Path, tokenizer: Any, taught: list[Example], tmp_path: Path
) -> None:
    """Summed over every step's tokens, each format has its weight, whatever the steps hold of it."""
    _, given = make("llama", SPECS["formats"], tokenizer_dir, tokenizer, taught, tmp_path)
    assert given.extras is not None
    read = [int(row) for rows in given.plan.steps for row in rows]
    sums = {"label": 0.0, "rationale": 0.0}
    for row in read:
        name = given.extras.names[given.extras.formats[row]]
        sums[name] += float(given.extras.weights[row]) * int(given.encoded.supervised[row])
    total = sum(sums.values())
    assert sums["label"] / total == pytest.approx(0.3, rel=1e-5)
    assert total == pytest.approx(float(given.encoded.supervised[read].sum()), rel=1e-5)


def test_budgets_of_formats_are_shares_of_the_tokens(
    tokenizer_dir: Path, tokenizer: Any, taught: list[Example], tmp_path: Path
) -> None:
    """Three quarters labels, of which the examples hold a third."""
    spec = ObjectiveSpec(budgets={"label": 3, "rationale": 1})
    _, given = make("llama", spec, tokenizer_dir, tokenizer, taught, tmp_path, steps=40)
    tokens = given.figures({})["tokens"]
    assert tokens["label"] / (tokens["label"] + tokens["rationale"]) == pytest.approx(0.75, abs=0.03)
    assert max(int(cost) for cost in given.plan.padded) <= 512
