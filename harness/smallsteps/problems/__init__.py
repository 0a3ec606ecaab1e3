"""Problems and benchmarks: what is asked, what is right, where it comes from."""

from smallsteps.problems.benchmark import Benchmark
from smallsteps.problems.data import data_directory
from smallsteps.problems.finding import list_benchmarks, load_benchmark, named_benchmark
from smallsteps.problems.loading import load_problems, normalised
from smallsteps.problems.model import AnswerKind, Problem, Role, Step
from smallsteps.problems.rationale import Rationale, TokenLogprob

__all__ = [
    "AnswerKind",
    "Benchmark",
    "Problem",
    "Rationale",
    "Role",
    "Step",
    "TokenLogprob",
    "data_directory",
    "list_benchmarks",
    "load_benchmark",
    "load_problems",
    "named_benchmark",
    "normalised",
]
