"""What `benchmark.yaml` says: a named set of problems with its splits, files, licence and role."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from smallsteps.config import Strict
from smallsteps.errors import unknown_name
from smallsteps.problems.fields import Fields
from smallsteps.problems.forms import DEFAULT, Form, FormName, form_of_entry
from smallsteps.problems.model import AnswerKind, Role
from smallsteps.problems.variants import VariantName

SPLITS = ("train", "dev", "test")
Suite = Literal["math", "commonsense", "generic", "contrast", "micro", "own"]
LikelihoodScore = Literal["acc", "acc_norm"]


class HubFile(Strict):
    """Which part of the hub data set holds these rows.

    Attributes:
        config: configuration of the data set, where it has several.
        split: split of the data set.
    """

    config: str | None = None
    split: str


class Part(Strict):
    """An incomplete copy of a file that is in circulation and is accepted, by its exact bytes.

    Attributes:
        rows: how many rows it has.
        sha256: of its unpacked bytes.
    """

    rows: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DataFile(Strict):
    """One file of problems: `.jsonl`, `.json`, `.csv` or `.tsv`, each also with `.gz` behind it.

    Attributes:
        path: relative to the data directory; of your own benchmark, relative to its YAML file or to the data
            directory. Packed (`.gz`) or not, either is found.
        rows: how many rows the published file has.
        sha256: of the unpacked bytes, where known.
        part: a known incomplete copy, which is used and reported as incomplete.
        url: the source's own file at a fixed commit.
        shape: how the file behind `url` differs from ours: `same`, or what must be converted.
        hub: where the hub has these rows.
        records: key that holds the rows of a JSON object, here or at the source (default `examples`).
        keyed: the source's JSON object maps names to rows; the name goes into this field.
        skip: rows at the start of the source's file that are not items.
        members: of the shape `splits`, the source's files.
        kind: answer kind of this file, where it differs from the benchmark's.
        cluster: cluster of all problems of this file, for a benchmark of subtasks.
        optional: problems load without it, but lose steps or rationales.
        note: how to get a file that cannot be fetched.
    """

    path: str
    rows: int | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    part: Part | None = None
    url: str | None = None
    shape: Literal["same", "json", "tsv", "asdiv_xml", "splits"] = "same"
    hub: HubFile | None = None
    records: str | None = None
    keyed: str | None = None
    skip: int = 0
    members: list[str] = Field(default=[])
    kind: AnswerKind | None = None
    cluster: str | None = None
    optional: bool = False
    note: str | None = None


class Hub(Strict):
    """The data set on the hub.

    Attributes:
        id: name of the data set.
        revision: commit to load. Without it, `tasks data fetch` records the one it got.
        note: what one should know of it.
    """

    id: str
    revision: str | None = None
    note: str | None = None


class PythonSource(Strict):
    """Problems made by a function.

    Attributes:
        function: `module:function` of smallsteps, or of a module given with `--plugin`. It is called with
            `split` and the arguments, and returns problems.
        arguments: keyword arguments of every call.
        subtasks: further arguments by subtask, for a benchmark of subtasks.
    """

    function: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: dict[str, Any] = Field(default={})
    subtasks: dict[str, dict[str, Any]] = Field(default={})


class Indices(Strict):
    """Row numbers of a split, read from a JSONL file of {dataset, scheme, split, indices}.

    Attributes:
        path: the file, relative to the data directory.
        dataset: `dataset` of the row to use.
        scheme: its `scheme`.
        split: its `split`.
    """

    path: str
    dataset: str
    scheme: str
    split: str


class Join(Strict):
    """Further annotation of the same items, matched on a field.

    Attributes:
        file: name of the file that holds it, from `files`.
        key: field that both files share.
    """

    file: str
    key: str


class Split(Strict):
    """How a split is cut from the files.

    Attributes:
        file: name of the file its rows come from, from `files`; all files when absent.
        rows: how many problems smallsteps loads from the whole files; checked at each load.
        published: how many the source or its papers state, where that is another number.
        published_note: why the two numbers differ.
        indices: row numbers that belong to it; all when absent.
        held_out: take this many problems only: those whose questions have the smallest hashes, so that the
            choice depends neither on a seed nor on the order of the file. Never a question of `test`.
        without: held-out split (or list of them) of the same file, whose questions are left out here.
        join: further annotation.
    """

    file: str | None = None
    rows: int | None = None
    published: int | None = None
    published_note: str | None = None
    indices: Indices | None = None
    held_out: int | None = Field(default=None, gt=0)
    without: str | list[str] | None = None
    join: Join | None = None

    @property
    def left_out(self) -> list[str]:
        """The held-out splits whose questions this one does not have."""
        return [self.without] if isinstance(self.without, str) else self.without or []


class Exemplars(Strict):
    """Where in-context examples come from: a prompt file, or problems of a train split.

    Attributes:
        prompt: prompt file, found like the other files; `file.jsonl#name` takes one row of a JSONL file.
        benchmark: name of the benchmark whose problems are shown, instead of a prompt file.
        split: split of that benchmark.
        ids: ids of the problems shown, in order; one that is tested itself is skipped.
        count: how many examples are shown.
    """

    prompt: str | None = None
    benchmark: str | None = None
    split: str = "train"
    ids: list[str] = Field(default=[])
    count: int = Field(gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> Exemplars:
        if bool(self.prompt) == bool(self.benchmark):
            raise ValueError("give either 'prompt' (a file) or 'benchmark' with 'ids'")
        if self.benchmark and len(self.ids) < self.count:
            raise ValueError(f"{self.count} exemplars need at least as many ids")
        return self


class SupportFiles(Strict):
    """`tasks/_common/support.yaml`: files that several benchmarks share, such as prompts and index lists.

    Attributes:
        schema: version of this format: 1.
        files: the files.
    """

    schema_: Literal[1] = Field(alias="schema")
    files: list[DataFile]


class Variant(Strict):
    """One way of asking, one lm-eval task.

    Attributes:
        exemplars: name of an entry of `exemplars`; none for zero-shot variants.
        cue: what makes the model think aloud, in variants with a chain of thought.
        max_tokens: generation budget.
        stock: compatibility rule of this variant, where it differs from the benchmark's.
        prompt: of a likelihood variant, in Jinja over the fields of a document; None is the usual one.
        metric: of a likelihood variant, lm-eval's metric that is the score: `acc` takes the option with the
            largest sum of log-probabilities, `acc_norm` with the largest sum per character.
    """

    exemplars: str | None = None
    cue: str = "Let's think step by step."
    max_tokens: int = Field(default=256, gt=0)
    stock: str | None = None
    prompt: str | None = None
    metric: LikelihoodScore = "acc"


class Chance(Strict):
    """Accuracy without ability, computed from the test split by `smallsteps tasks chance --write`.

    Attributes:
        uniform: of a guess among the options of each item, averaged over items; 0 where answers are open.
        majority: of always giving the most frequent gold answer; None where the data were not at hand.
    """

    uniform: float = Field(ge=0, le=1)
    majority: float | None = Field(default=None, ge=0, le=1)

    @property
    def best(self) -> float:
        """The higher of the two: a score that is not above it shows no ability."""
        return max(self.uniform, self.majority or 0.0)


ZERO_SHOT: dict[VariantName, Variant] = {
    "question": Variant(),
    "zeroshot_answer_only": Variant(),
    "zeroshot_cot": Variant(),
}


class Benchmark(Strict):
    """A named set of problems.

    Attributes:
        schema: version of this format: 1.
        name: used in task names, so lower case letters, digits and underscores only.
        title: what reports call it; the name when empty.
        version: raise it whenever an item, a prompt or the scoring changes.
        role: `target` (what students are distilled for), `transfer` (the same skill on other problems) or
            `generic` (what specialising may cost).
        suite: shipped group it belongs to; `own` for your own.
        kind: how answers are extracted and compared: `number`, `choice` (letter of an option), `boolean`
            (yes or no), `text` (compared without case and punctuation) or `span` (as in DROP).
        licence: licence of the problems.
        citation: what to cite.
        reader: how a row becomes a problem: `jsonl` reads the fields named in `fields`; the others belong to
            one source each.
        fields: names of the fields, for the reader `jsonl`.
        cluster: where a problem's cluster comes from, in words; none when items are independent.
        form: what its answers look like: a name, or the labels of a closed form; the kind's when empty.
        forms: the same for subtasks that differ.
        chance: accuracy without ability, over all items; `smallsteps tasks chance --write` computes it.
        chances: the same by subtask.
        stock: rule of `smallsteps.answers.compat` that stock lm-eval uses, kept as a further column.
        hub: the data set on the hub.
        python: problems made by a function instead of files.
        files: files of problems, by a name of your choice.
        splits: how `train`, `dev` and `test` are cut from the files. `test` is what is evaluated.
        exemplars: sets of in-context examples, by a name of your choice.
        variants: ways of asking, one lm-eval task each. `question` shows the bare question, which a student's
            scheme lays out; it is the base task.
        subtasks: whether each file is a subtask with its own task.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = ""
    version: int = Field(default=1, ge=1)
    role: Role = Role.TARGET
    suite: Suite = "own"
    kind: AnswerKind
    licence: str = "not stated"
    citation: str = ""
    reader: str | None = None
    fields: Fields | None = None
    cluster: str | None = None
    form: FormName | list[str] | None = None
    forms: dict[str, FormName | list[str]] = Field(default={})
    chance: Chance | None = None
    chances: dict[str, Chance] = Field(default={})
    stock: str | None = None
    hub: Hub | None = None
    python: PythonSource | None = None
    files: dict[str, DataFile] = Field(default={})
    splits: dict[str, Split]
    exemplars: dict[str, Exemplars] = Field(default={})
    variants: dict[VariantName, Variant] = Field(default=ZERO_SHOT)
    subtasks: bool = False
    _own: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _consistent(self) -> Benchmark:
        if (self.python is None) == (not self.files):
            raise ValueError("give either 'files' (with 'reader') or 'python'")
        if self.files and self.reader is None:
            raise ValueError("'files' need a 'reader', for example 'jsonl'")
        if (self.fields is not None) != (self.reader == "jsonl"):
            raise ValueError("'fields' and 'reader: jsonl' belong together")
        for name, split in self.splits.items():
            if name not in SPLITS:
                raise ValueError(f"splits: '{name}' is none of {', '.join(SPLITS)}")
            for file in (split.file, split.join.file if split.join else None):
                if file is not None and file not in self.files:
                    raise ValueError(
                        f"splits.{name}: no file '{file}' (known: {', '.join(sorted(self.files))})"
                    )
            for other in split.left_out:
                if other not in self.splits or self.splits[other].held_out is None:
                    raise ValueError(f"splits.{name}: '{other}' is not a split with 'held_out'")
        if "test" not in self.splits:
            raise ValueError("splits: 'test' is missing; it is what is evaluated")
        for name, variant in self.variants.items():
            if variant.exemplars is not None and variant.exemplars not in self.exemplars:
                raise ValueError(f"variants.{name}: no exemplars '{variant.exemplars}'")
        for key, named in (("forms", self.forms), ("chances", self.chances)):
            for name in named:
                if name not in self.subtask_names:
                    raise ValueError(f"{key}: no subtask '{name}' (known: {', '.join(self.subtask_names)})")
        return self

    def variant(self, name: str) -> Variant:
        """The variant of that name.

        Raises:
            UserError: this benchmark has no such variant.
        """
        known: dict[str, Variant] = {str(key): variant for key, variant in self.variants.items()}
        if name not in known:
            raise unknown_name(f"variant of '{self.name}'", name, known)
        return known[name]

    def form_of(self, subtask: str | None = None) -> Form:
        """What the answers of the benchmark or of one of its subtasks look like."""
        entry = self.forms.get(subtask) if subtask else None
        if entry is not None:
            return form_of_entry(entry)
        if self.form is not None:
            return form_of_entry(self.form)
        file = self.files.get(subtask) if subtask else None
        return Form(DEFAULT[(file.kind if file else None) or self.kind])

    @property
    def own(self) -> Path | None:
        """The YAML file of a user's own benchmark; None for those that ship with the product."""
        return self._own

    @property
    def where(self) -> str:
        """The YAML file, as errors name it."""
        return str(self._own or Path("tasks") / self.name / "benchmark.yaml")

    def at(self, own: Path, files: dict[str, DataFile], exemplars: dict[str, Exemplars]) -> Benchmark:
        """The same benchmark as a user's own: its YAML file, and the files found next to it."""
        title = self.title or self.name
        placed = self.model_copy(update={"files": files, "exemplars": exemplars, "title": title})
        placed._own = own
        return placed

    @property
    def subtask_names(self) -> list[str]:
        """Subtasks in order, empty for a benchmark without."""
        if self.python is not None:
            return list(self.python.subtasks)
        return list(self.files) if self.subtasks else []
