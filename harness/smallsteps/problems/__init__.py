"""Problems and benchmarks: what is asked, what is right, where it comes from."""

from smallsteps.problems.benchmark import Benchmark, Chance
from smallsteps.problems.data import data_directory
from smallsteps.problems.finding import list_benchmarks, load_benchmark, named_benchmark
from smallsteps.problems.forms import Form, FormName, options_of
from smallsteps.problems.loading import load_problems, normalised
from smallsteps.problems.model import AnswerKind, Problem, Role, Step
from smallsteps.problems.rationale import Rationale, TokenLogprob
from smallsteps.problems.tasks import Measure, chance_levels, form_of_task, measure_of, twin_of

__all__ = [
    "AnswerKind",
    "Benchmark",
    "Chance",
    "Form",
    "FormName",
    "Measure",
    "Problem",
    "Rationale",
    "Role",
    "Step",
    "TokenLogprob",
    "chance_levels",
    "data_directory",
    "form_of_task",
    "list_benchmarks",
    "load_benchmark",
    "load_problems",
    "measure_of",
    "named_benchmark",
    "normalised",
    "options_of",
    "twin_of",
]
