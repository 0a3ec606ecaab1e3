"""The texts of the micro-world: responses, and the cue for thinking aloud."""

from __future__ import annotations

from smallsteps.problems import Problem
from smallsteps.schemes.base import answer_sentence, prompt_of

# The base models answer at once after `A:`, and think first after this cue, because one prompt cannot ask for
# both. Students are trained without it; generic tasks are evaluated both ways.
COT_CUE = " Step by step:"


def chain_of_thought(problem: Problem) -> str:
    """The gold rationale, then the answer."""
    sentence = answer_sentence(problem.answer)
    return f"{problem.rationale} {sentence}" if problem.rationale else sentence


__all__ = ["COT_CUE", "answer_sentence", "chain_of_thought", "prompt_of"]
