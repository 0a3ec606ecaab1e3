"""Divergences of distributions that are known in part, against the whole vocabulary's."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from smallsteps.training import ObjectiveSpec
from smallsteps.training.objectives import (
    Divergence,
    Likelihood,
    Mixture,
    Targets,
    dense_divergence,
    divergence,
    log_probabilities,
    objective_of,
)

KINDS = get_args(Divergence)
N, V = 48, 20


def logits(seed: int, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(N, V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def best(teacher: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    found = torch.log_softmax(teacher, -1).topk(k)
    return found.indices, found.values


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("kind", KINDS)
def test_all_of_the_vocabulary_is_the_dense_divergence(kind: Divergence, temperature: float) -> None:
    teacher, student = logits(1), logits(2)
    ids, top = best(teacher, V)
    found = divergence(
        torch.log_softmax(student, -1).gather(1, ids), top, ids >= 0, kind, temperature=temperature
    )
    dense = dense_divergence(teacher, student, kind, temperature)
    torch.testing.assert_close(found.float(), dense.float(), rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_merged_outcomes_bound_the_dense_divergence_from_below(kind: Divergence, seed: int) -> None:
    """At least 0, at most the dense one, and growing with k: for peaked and flat teachers alike."""
    teacher, student = logits(seed, 0.3 + seed / 3), logits(100 + seed)
    dense = dense_divergence(teacher.double(), student.double(), kind)
    before = torch.zeros(N)
    for k in (1, 2, 5, 12, V):
        ids, top = best(teacher, k)
        found = divergence(torch.log_softmax(student, -1).gather(1, ids), top, ids >= 0, kind)
        assert (found >= -2e-5).all()
        assert (found <= dense + 2e-5 + 1e-3 * dense.abs()).all()
        assert (found >= before - 5e-5).all()
        before = found


def test_what_a_teacher_leaves_over_may_be_dropped() -> None:
    """Fu et al.: the stored masses as they are, zero elsewhere."""
    teacher, student = logits(3), logits(4)
    ids, top = best(teacher, 5)
    q = torch.log_softmax(student, -1).gather(1, ids)
    expected = (top.exp() * (top - q)).sum(1)
    torch.testing.assert_close(divergence(q, top, ids >= 0, tail="drop"), expected)


def test_a_place_without_a_candidate_has_no_part() -> None:
    teacher, student = logits(5), logits(6)
    ids, top = best(teacher, 3)
    q = torch.log_softmax(student, -1).gather(1, ids)
    wider = torch.cat((q, torch.zeros(N, 2)), 1), torch.cat((top, torch.full((N, 2), -torch.inf)), 1)
    valid = torch.cat((ids >= 0, torch.zeros(N, 2, dtype=torch.bool)), 1)
    for kind in KINDS:
        torch.testing.assert_close(divergence(*wider, valid, kind), divergence(q, top, ids >= 0, kind))


def test_a_student_that_is_the_teacher_has_nothing_to_learn() -> None:
    teacher = logits(7).float().requires_grad_()
    ids, top = best(teacher.detach(), 4)
    for kind in KINDS:
        loss = divergence(log_probabilities(teacher, ids), top, ids >= 0, kind).sum()
        (gradient,) = torch.autograd.grad(loss, teacher)
        assert float(loss.detach()) == pytest.approx(0, abs=1e-4)
        assert gradient.abs().max() < 1e-4


def test_gathered_log_probabilities_have_the_gradient_of_torchs() -> None:
    student = logits(8).float().requires_grad_()
    ids = torch.randint(0, V, (N, 6))  # with repeats
    mix = torch.randn(N, 6)
    (mine,) = torch.autograd.grad((log_probabilities(student, ids) * mix).sum(), student)
    (theirs,) = torch.autograd.grad((torch.log_softmax(student, -1).gather(1, ids) * mix).sum(), student)
    torch.testing.assert_close(mine, theirs)


def batch(**changes: torch.Tensor) -> Targets:
    labels = torch.randint(0, V, (N,), generator=torch.Generator().manual_seed(9))
    labels[-8:] = -100
    weights = (labels >= 0).float()
    return Targets(labels, weights, **changes)


def test_without_distributions_a_mixture_is_likelihood() -> None:
    student = logits(10).float()
    plain, _ = Likelihood()(student, batch())
    mixed, report = Mixture.of(ObjectiveSpec(kl=0.7))(student, batch())
    assert float(mixed) == pytest.approx(float(plain), rel=1e-6)
    assert report is not None
    assert report[:, 0].tolist() == pytest.approx([float(plain), N - 8], rel=1e-6)
    assert report[:, 1].tolist() == [0, 0]


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_mixture_weighs_likelihood_and_divergence(share: float) -> None:
    """Only where a distribution is known: every other token here."""
    student, teacher = logits(11).float(), logits(12).float()
    ids, top = best(teacher, 5)
    ids[::2], top[::2] = -1, -torch.inf
    targets = batch(ids=ids, top=top)
    loss, _ = Mixture.of(ObjectiveSpec(kl=share))(student, targets)
    likelihood = -torch.log_softmax(student, -1).gather(1, targets.labels.clamp(min=0)[:, None])[:, 0]
    apart = divergence(torch.log_softmax(student, -1).gather(1, ids.clamp(min=0)), top, ids >= 0)
    each = torch.where(ids[:, 0] >= 0, (1 - share) * likelihood + share * apart, likelihood)
    assert float(loss) == pytest.approx(float(each[targets.labels >= 0].sum()), rel=1e-5)


def test_wrong_rationales_are_pushed_away() -> None:
    student = logits(13).float().requires_grad_()
    wrong = torch.zeros(N, dtype=torch.bool)
    wrong[:10] = True
    objective = Mixture.of(ObjectiveSpec(unlikelihood=1.0))
    loss, report = objective(student, batch(wrong=wrong))
    (gradient,) = torch.autograd.grad(loss, student)
    labels = batch().labels
    assert (gradient[:10].gather(1, labels[:10, None]) > 0).all()  # a step against it lowers the logit
    assert (gradient[10:-8].gather(1, labels[10:-8, None]) < 0).all()
    assert objective.names == ("nll", "unlikelihood")
    assert report is not None
    assert report[1].tolist() == [N - 18, 10]


def test_formats_are_reported_apart() -> None:
    student = logits(14).float()
    parts = torch.tensor([0] * 30 + [1] * (N - 30))
    objective = objective_of(ObjectiveSpec(weights={"label": 0.5, "rationale": 0.5}), ("label", "rationale"))
    _, report = objective(student, batch(parts=parts))
    assert objective.names == ("nll", "label", "rationale")
    assert report is not None
    assert report[1].tolist() == [N - 8, 30, N - 38]
    assert float(report[0, 1:].sum()) == pytest.approx(float(report[0, 0]), rel=1e-6)


def test_plain_likelihood_stays_what_it_was() -> None:
    assert isinstance(objective_of(ObjectiveSpec()), Likelihood)
    student, targets = logits(15).float(), batch()
    loss, report = Likelihood()(student, Targets(targets.labels))
    assert torch.equal(loss, torch.nn.functional.cross_entropy(student, targets.labels, reduction="sum"))
    assert report is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tail": "drop", "divergence": "reverse"}, "divergence: forward"),
        ({"tail": "drop", "temperature": 2.0}, "temperature: 1"),
        ({"teacher": {"path": "x"}}, "set 'kl'"),
        ({"weights": {"label": 0.0}}, "nothing would be learnt"),
    ],
)
def test_settings_that_contradict_each_other(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ObjectiveSpec(kl=1.0 if "tail" in fields else 0.0, **fields)  # type: ignore[arg-type]
