"""Generic examples from stored problems and rationales, for replay with real text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from smallsteps.errors import DATA, UserError
from smallsteps.files import sha256_file
from smallsteps.problems import data_directory, load_problems
from smallsteps.schemes import Example, answer_sentence, prompt_of
from smallsteps.teachers.layouts import LAYOUTS, read_layout
from smallsteps.teachers.spec import find


def stored(
    *,
    examples: int,
    benchmarks: Sequence[str] = (),
    files: Sequence[Mapping[str, str]] = (),
    seed: int = 1,
    data: Path | None = None,
) -> list[Example]:
    """Questions, each answered with one rationale and its gold answer; equal shares of every source.

    Args:
        examples: how many are wanted. A source that has fewer than its share gives all it has.
        benchmarks: names; the problems of their train splits that have a gold rationale.
        files: rationale files by `path` (in the data directory), `format` (a layout that states gold answers)
            and `sha256`; the first rationale of each question is taken.
        seed: of the draw.
        data: offline data directory (default: SMALLSTEPS_DATA).

    Raises:
        UserError: a file that is not there or not the one named, an unknown layout, or nothing to draw from.
    """
    folder = data_directory(data)
    sources = [list(_problems(name, folder)) for name in benchmarks]
    sources += [list(_rationales(file, folder)) for file in files]
    if not sources or not all(sources):
        raise UserError(
            "a source of replay without examples", fix="name 'benchmarks' or 'files' that have rationales"
        )
    rng = Random(f"stored replay {seed}")
    share = -(-examples // len(sources))
    rows = [row for source in sources for row in rng.sample(source, min(share, len(source)))]
    rng.shuffle(rows)
    return rows[:examples]


def _example(question: str, rationale: str, answer: str) -> Example:
    return Example(prompt_of(question.strip()), f" {rationale.strip()} {answer_sentence(answer)}")


def _problems(name: str, data: Path | None) -> Iterator[Example]:
    for problem in load_problems(name, "train", data):
        if problem.rationale:
            yield _example(problem.question, problem.rationale, problem.answer)


def _rationales(file: Mapping[str, str], data: Path | None) -> Iterator[Example]:
    missing = {"path", "format", "sha256"} - file.keys()
    if missing:
        raise UserError(f"a file of replay without '{min(missing)}'", fix="give path, format and sha256")
    path = find(file["path"], [data] if data is not None else [])
    if sha256_file(path) != file["sha256"]:
        raise UserError("not the file that the recipe names: its sha256 differs", where=str(path), code=DATA)
    if file["format"] not in LAYOUTS:
        raise UserError(f"unknown format '{file['format']}'", fix=f"known: {', '.join(sorted(LAYOUTS))}")
    for sample in read_layout(file["format"], path):
        if sample.sample == 0 and sample.gold is not None:
            yield _example(sample.question, sample.text, sample.gold)
