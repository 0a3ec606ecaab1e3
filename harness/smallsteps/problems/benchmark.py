"""What `benchmark.yaml` says: a named set of problems with its splits, files, licence and role."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from smallsteps.config import Strict, load
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.problems.forms import DEFAULT, Form, FormName, form_of_entry
from smallsteps.problems.model import AnswerKind, Role
from smallsteps.resources import shipped

FILE_NAME = "benchmark.yaml"
SUPPORT = "_common/support.yaml"

SPLITS = ("train", "dev", "test")
Suite = Literal["math", "commonsense", "generic", "contrast", "micro"]
VariantName = Literal[
    "question",
    "answer_only",
    "cot",
    "socratic",
    "zeroshot_answer_only",
    "zeroshot_cot",
    "fu_icl_answer_only",
    "fu_icl_cot",
    "fu_zeroshot_answer_only",
    "fu_zeroshot_cot",
    "likelihood",
]
LikelihoodScore = Literal["acc", "acc_norm"]


class HubFile(Strict):
    """Which configuration and split of the hub data set holds these rows."""

    config: str | None = None
    split: str


class Part(Strict):
    """An incomplete copy of a file that is about and is accepted, by its exact bytes."""

    rows: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DataFile(Strict):
    """One file of the offline data directory.

    Attributes:
        path: relative to the data directory; packed (`.gz`) or not, either is found.
        rows: how many rows the published file has.
        sha256: of the unpacked bytes, where known.
        part: a known incomplete copy, which is used as it is and said to be one.
        url: the source's own file at a fixed commit.
        shape: how the file behind `url` differs from ours: `same`, or what must be converted.
        hub: where the hub has these rows.
        records: key that holds the rows of a JSON object, here or at the source (default `examples`).
        keyed: the source's JSON object maps names to rows; the name goes into this field.
        skip: rows at the start of the source's file that are no items.
        members: of the shape `splits`, the source's files.
        kind, cluster: for a benchmark of subtasks, what differs in this one.
        optional: problems load without it, but lose steps or rationales.
        note: how to come by a file that cannot be fetched.
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
    """The data set on the hub. Without a revision, `tasks data fetch` records the one it got."""

    id: str
    revision: str | None = None
    note: str | None = None


class PythonSource(Strict):
    """Problems made by rule: `module:function`, called with these arguments and `split`."""

    function: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: dict[str, Any] = Field(default={})
    subtasks: dict[str, dict[str, Any]] = Field(default={})


class Indices(Strict):
    """Row numbers of a split, read from a JSONL file of {dataset, scheme, split, indices}."""

    path: str
    dataset: str
    scheme: str
    split: str


class Join(Strict):
    """Further annotation of the same items, matched on a field."""

    file: str
    key: str


class Split(Strict):
    """How a split is cut from the files.

    Attributes:
        file: name of the file its rows come from; all files when absent.
        rows: how many problems it has.
        indices: row numbers that belong to it; all when absent.
        held_out: this many problems, those whose question has the smallest hash; never one of `test`.
        without: a held-out split of the same file, whose questions are left out here.
        join: further annotation.
    """

    file: str | None = None
    rows: int | None = None
    indices: Indices | None = None
    held_out: int | None = Field(default=None, gt=0)
    without: str | None = None
    join: Join | None = None


class Exemplars(Strict):
    """Where in-context examples come from: a prompt file of the data directory, or a train split by ids."""

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
    """`tasks/_common/support.yaml`: files that several benchmarks share, such as prompts and index lists."""

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
        """The better of the two: whoever is not above it has shown nothing."""
        return max(self.uniform, self.majority or 0.0)


class Benchmark(Strict):
    """A named set of problems.

    Attributes:
        stock: the rule of `smallsteps.answers.compat` that stock lm-eval uses, kept as a further column.
        reader: how a source row becomes a problem (`smallsteps.problems.readers`).
        cluster: where a problem's cluster comes from, in words; None when items are independent.
        form: what its answers look like: a name, or the list of labels of a closed form; None is the kind's.
        forms: the same for subtasks that differ.
        chance: accuracy without ability, over all items; chances: the same by subtask.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    version: int = Field(ge=1)
    role: Role
    suite: Suite
    kind: AnswerKind
    licence: str
    citation: str
    reader: str | None = None
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
    variants: dict[VariantName, Variant]
    subtasks: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Benchmark:
        if (self.python is None) == (not self.files):
            raise ValueError("give either 'files' (with 'reader') or 'python'")
        if self.files and self.reader is None:
            raise ValueError("'files' need a 'reader'")
        for name, split in self.splits.items():
            if name not in SPLITS:
                raise ValueError(f"splits: '{name}' is none of {', '.join(SPLITS)}")
            for file in (split.file, split.join.file if split.join else None):
                if file is not None and file not in self.files:
                    raise ValueError(
                        f"splits.{name}: no file '{file}' (known: {', '.join(sorted(self.files))})"
                    )
            if split.without is not None and split.without not in self.splits:
                raise ValueError(f"splits.{name}: no split '{split.without}'")
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
    def subtask_names(self) -> list[str]:
        """Subtasks in order, empty for a benchmark without."""
        if self.python is not None:
            return list(self.python.subtasks)
        return list(self.files) if self.subtasks else []


def list_benchmarks(folder: Path | None = None) -> list[str]:
    """Names of all benchmarks of a tasks folder (the shipped one unless given), sorted."""
    root = folder or shipped("tasks")
    return sorted(path.parent.name for path in root.glob(f"*/{FILE_NAME}"))


def load_benchmark(name: str, folder: Path | None = None) -> Benchmark:
    """The benchmark of that name.

    Raises:
        UserError: no such benchmark, or its file is wrong (all errors at once).
    """
    return _load(name, folder or shipped("tasks"))


@functools.cache
def support_files(folder: Path | None = None) -> dict[str, DataFile]:
    """Shared files by their path in the data directory."""
    path = (folder or shipped("tasks")) / SUPPORT
    return {file.path: file for file in load(SupportFiles, path).files} if path.exists() else {}


def files_of(benchmark: Benchmark, folder: Path | None = None) -> dict[str, DataFile]:
    """All files a benchmark reads, by name: its own, and those it shares with others."""
    shared = support_files(folder)
    files = dict(benchmark.files)
    paths = [split.indices.path for split in benchmark.splits.values() if split.indices]
    for entry in benchmark.exemplars.values():
        if entry.prompt is not None:
            name = entry.prompt.partition("#")[0]
            subtasks = benchmark.subtask_names if "{subtask}" in name else [""]
            paths += [name.replace("{subtask}", subtask) for subtask in subtasks]
    for path in sorted(set(paths)):
        files[path] = shared.get(path, DataFile(path=path))
    return files


@functools.cache
def _load(name: str, root: Path) -> Benchmark:
    path = root / name / FILE_NAME
    if not path.exists():
        raise unknown_name("benchmark", name, list_benchmarks(root))
    benchmark = load(Benchmark, path)
    if benchmark.name != name:
        raise UserError(
            f"name '{benchmark.name}' differs from its folder '{name}'", where=str(path), code=DATA
        )
    return benchmark
