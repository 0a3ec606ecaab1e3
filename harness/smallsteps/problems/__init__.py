"""Problems and benchmarks: what is asked, what is right, where it comes from."""

from smallsteps.problems.model import AnswerKind, Problem, Role, Step
from smallsteps.problems.rationale import Rationale, TokenLogprob

__all__ = ["AnswerKind", "Problem", "Rationale", "Role", "Step", "TokenLogprob"]
