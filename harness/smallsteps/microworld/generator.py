"""Plans into problems: draws numbers and words, keeps what a split owns, writes gold steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from smallsteps.microworld.families import FAMILIES, Family, Limits, Plan
from smallsteps.microworld.families.plan import Slots
from smallsteps.microworld.families.work import KINDS
from smallsteps.microworld.program import run, to_text
from smallsteps.microworld.words import NAMES, PLURALS
from smallsteps.problems import AnswerKind, Problem, Step

ORDINARY = Limits()
LARGER = Limits(total=99, operand=30, factor=9, beyond=50)


def signature(family: Family, plan: Plan) -> str:
    """What decides the split: family, arithmetic and kinds of sentences; no names, things or wording."""
    return f"{family.NAME}:{to_text(plan.program)}:{plan.scene[-1][0]}"


def _cast(rng: Random) -> dict[str, str]:
    """People by letter and by number, things, and a kind of work."""
    names = rng.sample(NAMES, len(NAMES))
    does, unit = rng.choice(KINDS)
    cast = {str(place): name for place, name in enumerate(names)}
    cast.update({"A": names[0], "B": names[1], "does": does, "unit": unit})
    cast.update(zip("xyzw", rng.sample(PLURALS, 4), strict=True))
    return cast


def _fill(wording: str, slots: Slots, cast: Mapping[str, str]) -> str:
    values = {key: cast[value] if isinstance(value, str) else str(value) for key, value in slots.items()}
    return wording.format_map({**cast, **values})


def render(family: Family, plan: Plan, rng: Random, name: str, *, held_out: bool = False) -> Problem:
    """Give a plan its words.

    Args:
        family: the family that made the plan.
        plan: numbers and sentence kinds.
        rng: chooses people, things and wordings.
        name: the problem's id.
        held_out: use the wordings that the ordinary slices never show.
    """
    cast = _cast(rng)
    text = " ".join(
        _fill(rng.choice(family.SENTENCES[kind][held_out]), slots, cast) for kind, slots in plan.scene
    )
    results = run(plan.program)
    assert results is not None  # the limits admitted it
    steps = []
    for operation, value, (kind, slots) in zip(plan.program, results, plan.questions, strict=True):
        left, right = operation.operands(results)
        equation = f"{left} {operation.symbol} {right}"
        question = _fill(family.QUESTIONS[kind], slots, cast)
        steps.append(Step(question, f"{equation} = {value}.", str(value), equation))
    return Problem(
        id=name,
        question=text,
        answer=str(results[-1]),
        kind=AnswerKind.NUMBER,
        steps=tuple(steps),
        rationale=" ".join(step.solution for step in steps),
        tags={"family": family.NAME, "steps": str(len(steps)), "program": to_text(plan.program)},
    )


def stream(
    seed: str,
    steps: Sequence[int],
    owns: Callable[[str], bool],
    *,
    limits: Limits = ORDINARY,
    held_out: bool = False,
    distinct: str | None = "signature",
) -> Iterator[Problem]:
    """Problems without end, families and numbers of steps in equal shares.

    Args:
        seed: names the stream; the same seed gives the same problems on every machine.
        steps: numbers of steps to draw from.
        owns: whether a signature belongs to the wanted split.
        limits: bounds on the numbers.
        held_out: use the held-out wordings.
        distinct: no two problems share their `signature`, or their `question`; None allows repeats.
    """
    rng = Random(seed)
    seen: set[str] = set()
    count = 0
    while True:
        family, length = rng.choice(FAMILIES), rng.choice(steps)
        for _ in range(2000):
            plan = family.plan(rng, length, limits)
            if plan is None or not owns(mark := signature(family, plan)):
                continue
            if distinct == "signature" and mark in seen:
                continue
            problem = render(family, plan, rng, f"{count:05d}", held_out=held_out)
            if distinct == "question":
                mark = problem.question
                if mark in seen:
                    continue
            if distinct:
                seen.add(mark)
            count += 1
            yield problem
            break
