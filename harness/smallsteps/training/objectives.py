"""The objectives at each target token, from the student's logits: likelihood, divergence, unlikelihood."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from smallsteps.training.settings import ObjectiveSpec

FLOOR = 1e-6  # least mass of a teacher's outcome that the student is divided by, and of a tail that counts
_NONE = (
    -1e4
)  # log-probability of what has no mass: its exponential is 0 at every temperature, and it is finite
Divergence = Literal["forward", "reverse", "jensen_shannon"]
Tail = Literal["bucket", "drop"]


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a loss at n positions, some of which are padding.

    Attributes:
        labels: token to predict, shape (n,); -100 at padding.
        weights: loss weight of each, shape (n,), 0 at padding; None when all are 1.
        ids, top: the teacher's candidates (-1 is none) and their log-probabilities, shape (n, k).
        hidden: inputs of an on-line teacher's output head, shape (n, its width), instead of `ids` and `top`.
        wrong: positions of wrong rationales, shape (n,).
        parts: index of each position's format, shape (n,), where formats are reported apart.
    """

    labels: torch.Tensor
    weights: torch.Tensor | None = None
    ids: torch.Tensor | None = None
    top: torch.Tensor | None = None
    hidden: torch.Tensor | None = None
    wrong: torch.Tensor | None = None
    parts: torch.Tensor | None = None

    def part(self, begin: int, end: int) -> Targets:
        """Some of the positions."""
        return self.each(lambda tensor: tensor[begin:end])

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return self.each(lambda tensor: tensor.to(device, non_blocking=True))

    def each(self, change: Any) -> Targets:
        """The same with every tensor changed."""
        made = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: change(tensor) for name, tensor in made.items() if tensor is not None})


class Objective(Protocol):
    """A loss of token positions. `names` are the losses that are reported apart."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __call__(self, logits: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Loss of some positions.

        Args:
            logits: of the student, shape (n, vocabulary).
            targets: of the same positions.

        Returns:
            Sum of the weighted token losses, a scalar to differentiate; and, detached, the sums of the losses
            reported apart with the number of their tokens, shape (2, names), or None where there are no
            names.
        """
        ...


class Likelihood:
    """Negative log-likelihood of the target tokens, in nats."""

    names: tuple[str, ...] = ()

    def __call__(self, logits: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor | None]:
        reduction = "sum" if targets.weights is None else "none"
        losses = functional.cross_entropy(logits.float(), targets.labels, reduction=reduction)
        return (losses if targets.weights is None else losses @ targets.weights), None


@dataclass(frozen=True, slots=True)
class Mixture:
    """(1 - kl) NLL + kl D(teacher, student) where the teacher's distribution is known, else NLL.

    Tokens of wrong rationales are pushed away instead: -log(1 - q) of the label.

    Attributes:
        spec: shares, divergence, tail and temperature.
        names: `nll`, `kl`, `unlikelihood` as they occur, then the formats, which are so many.
        head: output head of an on-line teacher of the same vocabulary.
    """

    spec: ObjectiveSpec
    names: tuple[str, ...]
    formats: int = 0
    head: torch.nn.Module | None = None

    @staticmethod
    def of(
        spec: ObjectiveSpec, formats: tuple[str, ...] = (), head: torch.nn.Module | None = None
    ) -> Mixture:
        """With names of what occurs; formats are reported apart where there are several."""
        terms = ["nll", *(["kl"] if spec.kl else []), *(["unlikelihood"] if spec.unlikelihood else [])]
        several = formats if len(formats) > 1 else ()
        return Mixture(spec, (*terms, *(name or "other" for name in several)), len(several), head)

    def __call__(self, logits: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor | None]:
        real = targets.labels >= 0
        label = targets.labels.clamp(min=0)[:, None]
        ids = label if targets.ids is None else torch.cat((label, targets.ids.clamp(min=0)), 1)
        found = log_probabilities(logits, ids)  # (n, 1 + k)
        likelihood = -found[:, 0]
        losses, counted = likelihood, {"nll": (likelihood, real)}
        if self.spec.kl and (targets.ids is not None or targets.hidden is not None):
            apart, known = self._divergence(logits, found[:, 1:], targets)
            mixed = torch.lerp(likelihood, apart, self.spec.kl)
            losses = torch.where(known, mixed, likelihood)
            counted["kl"] = (apart, known & real)
        if targets.wrong is not None:
            away = -log1m_exp(found[:, 0])
            losses = torch.where(targets.wrong, away, losses)
            counted = {name: (loss, where & ~targets.wrong) for name, (loss, where) in counted.items()}
            counted["unlikelihood"] = (away, targets.wrong & real)
        weights = real.to(losses.dtype) if targets.weights is None else targets.weights
        # padding may be infinite: it is left out, not multiplied by 0
        total = torch.where(real, losses, 0.0) @ weights
        return total, self._report(losses.detach(), real, counted, targets.parts)

    def _divergence(
        self, logits: torch.Tensor, candidates: torch.Tensor, targets: Targets
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Divergence at each position, and where it is known."""
        spec = self.spec
        if targets.hidden is not None:
            assert self.head is not None
            with torch.no_grad():
                teacher = self.head(targets.hidden)
            shared = min(teacher.shape[-1], logits.shape[-1])  # what one embeds beyond is no token
            losses = dense_divergence(
                teacher[:, :shared], logits[:, :shared], spec.divergence, spec.temperature
            )
            return losses, torch.ones_like(targets.labels, dtype=torch.bool)
        assert targets.ids is not None
        assert targets.top is not None
        valid = targets.ids >= 0
        losses = divergence(candidates, targets.top, valid, spec.divergence, spec.tail, spec.temperature)
        return losses, valid.any(1)

    def _report(
        self,
        losses: torch.Tensor,
        real: torch.Tensor,
        counted: dict[str, tuple[torch.Tensor, torch.Tensor]],
        parts: torch.Tensor | None,
    ) -> torch.Tensor:
        report = losses.new_zeros(2, len(self.names))
        for column, name in enumerate(self.names[: len(self.names) - self.formats]):
            if name in counted:
                loss, where = counted[name]
                report[0, column] = torch.where(where, loss.detach(), 0.0).sum()
                report[1, column] = where.sum()
        if self.formats and parts is not None:
            first = len(self.names) - self.formats
            report[0, first:].index_add_(0, parts, torch.where(real, losses, 0.0))
            report[1, first:].index_add_(0, parts, real.to(losses.dtype))
        return report


def objective_of(
    spec: ObjectiveSpec, formats: tuple[str, ...] = (), head: torch.nn.Module | None = None
) -> Objective:
    """The objective of a recipe; `head` as in `Mixture`."""
    if spec.is_plain and len(formats) < 2:
        return Likelihood()
    return Mixture.of(spec, formats, head)


class _Gathered(torch.autograd.Function):
    """Log-probabilities of some ids a row; the gradient is made in one tensor of the logits' shape."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        every = torch.log_softmax(logits.float(), -1)
        ctx.save_for_backward(every, ids)
        ctx.dtype = logits.dtype
        return every.gather(1, ids)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        every, ids = ctx.saved_tensors
        found = every.exp().mul_(-gradient.sum(1, keepdim=True))
        return found.scatter_add_(1, ids, gradient).to(ctx.dtype), None


def log_probabilities(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """log softmax(logits) at `ids`, in fp32; shapes (n, vocabulary), (n, m) -> (n, m)."""
    return _Gathered.apply(logits, ids)  # type: ignore[no-any-return, no-untyped-call]


def log1m_exp(x: torch.Tensor) -> torch.Tensor:
    """log(1 - exp(x)) of log-probabilities x, kept finite at 0: a mass below 1e-6 counts as that."""
    return torch.log(-torch.expm1(x.clamp(max=-FLOOR)))


def divergence(
    student: torch.Tensor,
    teacher: torch.Tensor,
    valid: torch.Tensor,
    kind: Divergence = "forward",
    tail: Tail = "bucket",
    temperature: float = 1.0,
) -> torch.Tensor:
    """Divergence of two distributions of which k outcomes are known, shape (n,).

    With `bucket` the mass of all other outcomes is one more. Merging outcomes never raises a divergence
    (data-processing inequality), so that at temperature 1 the result is at least 0 and at most the divergence
    over the whole vocabulary, and equal to it where k is the vocabulary. With `drop` the rest is left out and
    the teacher's mass is not renormalised (Fu et al. 2023), which for fixed teacher differs from a
    cross-entropy by a constant alone and can be negative.

    Args:
        student, teacher: log-probabilities of the k outcomes, shape (n, k).
        valid: outcomes that are known, shape (n, k).
        kind, tail, temperature: see `ObjectiveSpec`. Outcomes are merged before they are tempered.
    """
    q, p = student.masked_fill(~valid, _NONE), teacher.masked_fill(~valid, _NONE)
    if tail == "drop":
        return (p.exp() * torch.where(valid, p - q, 0.0)).sum(1)
    rest_p = 1 - p.exp().sum(1, keepdim=True)
    has_rest = rest_p > FLOOR
    rest_p = torch.log(rest_p.clamp(min=FLOOR))
    known_q = torch.logsumexp(q, 1, keepdim=True)
    rest_q = log1m_exp(known_q)
    nothing = ~has_rest & (known_q > -4 * FLOOR)  # k is the vocabulary: no outcome is left to merge
    rest_p, rest_q = rest_p.masked_fill(nothing, _NONE), rest_q.masked_fill(nothing, _NONE)
    if kind == "forward":  # the teacher's outcome of no mass costs nothing
        rest_p = rest_p.masked_fill(~has_rest, _NONE)
    p, q = torch.cat((p, rest_p), 1), torch.cat((q, rest_q), 1)
    return _divergence(p, q, kind, temperature, torch.cat((valid, torch.ones_like(has_rest)), 1))


def dense_divergence(
    teacher: torch.Tensor, student: torch.Tensor, kind: Divergence = "forward", temperature: float = 1.0
) -> torch.Tensor:
    """Divergence of two distributions over one vocabulary, from logits; (n, vocabulary) -> (n,)."""
    p, q = torch.log_softmax(teacher.float(), -1), torch.log_softmax(student.float(), -1)
    return _divergence(p, q, kind, temperature)


def _divergence(
    p: torch.Tensor, q: torch.Tensor, kind: Divergence, temperature: float, valid: torch.Tensor | None = None
) -> torch.Tensor:
    """Of log-probabilities over the last dimension; outcomes that are not `valid` have no part."""
    if temperature != 1:
        p, q = torch.log_softmax(p / temperature, -1), torch.log_softmax(q / temperature, -1)
    if kind == "forward":
        terms = p.exp() * (p - q)
    elif kind == "reverse":
        terms = q.exp() * (q - p)
    else:
        middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0))
        terms = 0.5 * (p.exp() * (p - middle) + q.exp() * (q - middle))
    if valid is not None:
        terms = torch.where(valid, terms, 0.0)
    return terms.sum(-1) * temperature**2
