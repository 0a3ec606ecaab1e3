"""Problems and benchmarks: what is asked, what is right, where it comes from."""

from smallsteps.problems.model import AnswerKind, Problem, Role, Step

__all__ = ["AnswerKind", "Problem", "Role", "Step"]
