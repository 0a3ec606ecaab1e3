"""The `corpus:` section of a recipe."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from smallsteps.answers.thoughts import MARKS, Marks
from smallsteps.config import Strict
from smallsteps.teachers.model import Sampling
from smallsteps.teachers.spec import FileSpec, OracleSpec, StudentSpec, TeacherSpec

Keep = Literal["correct", "all", "majority", "wrong"]
Filter = Literal["random", "diversity", "likelihood", "open_endedness"]
Thoughts = Literal["drop", "keep", "learn"]
Decomposition = Literal["none", "gold", "lines", "teacher", "plan", "equations", "operators"]


_Mark = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]
OwnMarks = tuple[_Mark, _Mark]


class CorpusSpec(Strict):
    """Which rationales a student learns from.

    Attributes:
        benchmark: name of the benchmark whose problems are taught, or the path of your own `benchmark.yaml`
            relative to this file.
        split: its split.
        limit: the first problems of the split only.
        fraction: share of the problems, a nested seeded subset.
        teacher: where rationales come from.
        prompt: name of a shipped template, or a `.jinja` file. By default `question` for stored rationales
            the oracle and students, `decompose` for models that write plans, else `cot`.
        samples: rationales asked for per problem; a smaller number later reuses the first ones.
        sampling: how they are drawn.
        keep: `correct` by the gold answer, `all`, `majority` (agreeing samples; no gold needed; ties
            are dropped), or `wrong`.
        check_steps: drop rationales with a wrong equation or calculator annotation.
        unique: drop rationales that repeat another of the same problem.
        max_words: drop rationales with more words, which a student with a short context could not hold.
        per_problem: budget, in rationales per problem on average; without it, all are kept.
        filter: how the budget is spent.
        encoder: sentence encoder of the filter `diversity`: `minilm` (the extra `encoder`), a Hugging Face
            folder, or a hub id (`ID` or `ID@REVISION`). By default TF-IDF.
        resample: the trainer draws one rationale per problem and epoch instead of using all in every epoch.
        decomposition: where sub-questions come from: the benchmark (`gold`; `lines` answers them by the lines
            of the rationale, one each, and drops a rationale with more or fewer), the teacher's solution
            (`teacher`), a plan that the teacher wrote before solving anything (`plan`), or the solution's
            equations (`equations` shows them, `operators` hides them).
        screen: ask the teacher every problem again with each rationale's sub-questions; drop those that do
            not lead it to the right answer. A plan gets its sub-answers this way.
        seed: of the filter, the fraction and the resampling.
        thoughts: what becomes of what the teacher thought before its answer: `drop` it (it stays in the
            store), `keep` it in front of the rationale as plain text, or `learn` it: the student thinks
            within marks of its own, which its answers are scored without.
        marks: around thoughts: `think` (`<think>`), `begin_of_thought`, `channels` (gpt-oss), or two texts of
            your own. They are written for `learn` (by default those of the chat's template where it takes
            `reasoning_content`, else `think`). Those of known models are found in the teacher's texts
            without being named; your own are looked for first.
    """

    later: ClassVar[tuple[str, ...]] = ("thoughts", "marks")
    benchmark: str
    split: str = "train"
    limit: int | None = Field(default=None, ge=1)
    fraction: float = Field(default=1.0, gt=0, le=1)
    teacher: TeacherSpec = OracleSpec()
    prompt: str | None = None
    samples: int = Field(default=1, ge=1)
    sampling: Sampling = Sampling()
    keep: Keep = "correct"
    check_steps: bool = False
    unique: bool = False
    max_words: int | None = Field(None, ge=1)
    per_problem: int | None = Field(default=None, ge=1)
    filter: Filter = "random"
    encoder: str | None = None
    resample: bool = False
    decomposition: Decomposition = "none"
    screen: bool = False
    seed: int = 0
    thoughts: Thoughts = "drop"
    marks: Literal["think", "begin_of_thought", "channels"] | OwnMarks | None = None

    @property
    def thought_marks(self) -> Marks | None:
        """The marks named, with white space around thoughts."""
        if isinstance(self.marks, tuple):
            return Marks(f"{self.marks[0]}\n", f"\n{self.marks[1]}\n\n")
        return None if self.marks is None else MARKS[self.marks]

    @model_validator(mode="after")
    def _consistent(self) -> CorpusSpec:
        if self.screen and self.decomposition == "none":
            raise ValueError("'screen' asks with sub-questions: choose a decomposition")
        if self.screen and isinstance(self.teacher, OracleSpec | FileSpec | StudentSpec):
            raise ValueError("'screen' needs a teacher that can be asked again: openai or huggingface")
        if isinstance(self.marks, tuple) and self.marks[0] == self.marks[1]:
            raise ValueError("'marks' are two different texts: what opens thoughts, and what closes them")
        if self.thoughts != "drop" and isinstance(self.teacher, OracleSpec):
            raise ValueError("the oracle has no thoughts: leave 'thoughts' out")
        if self.decomposition == "plan" and self.keep != "all":
            raise ValueError(
                f"a plan states no answer, so that 'keep: {self.keep}' drops all: set 'keep: all', and "
                "'screen: true' to keep the plans that lead to the right answer"
            )
        if self.filter != "random" and self.per_problem is None:
            raise ValueError(f"filter '{self.filter}' needs a budget: set per_problem")
        if self.encoder is not None and self.filter != "diversity":
            raise ValueError(f"'encoder' finds clusters for filter 'diversity'; this one is '{self.filter}'")
        if self.per_problem is not None and self.per_problem > self.samples:
            raise ValueError(
                f"per_problem ({self.per_problem}) is more than the samples asked for ({self.samples})"
            )
        return self

    @property
    def states_answers(self) -> bool:
        """Whether the teacher's texts end with an answer; plans do not."""
        return self.decomposition != "plan"

    @property
    def template(self) -> str:
        """Name of the prompt template in force."""
        if self.prompt is not None:
            return self.prompt
        if isinstance(self.teacher, OracleSpec | FileSpec | StudentSpec):
            return "question"
        return "decompose" if self.decomposition == "plan" else "cot"
