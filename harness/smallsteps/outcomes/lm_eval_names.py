"""Which files of a folder lm-eval wrote, and which task, model and results belong to each.

Layouts, by the version of lm-eval that writes them:

* 0.4.0 to 0.4.2: `<model_args>_<task>.jsonl` with `/` (and later `=`) of the arguments replaced by `__`; one
  indented JSON array in it; `results.json`, or the name given with `--output_path`, next to it.
* May and June 2024: `samples_<task>_<time>.json`, an indented array and later JSON lines.
* 0.4.3 and later: `samples_<task>_<time>.jsonl` and `results_<time>.json`; with `--output_path x.json`,
  `x_<time>.json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, start_of

_STAMP = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d[\d.+-]*|[0-9a-f]{12}"
SAMPLES = re.compile(rf"samples_(?P<task>.+?)(?:_(?P<stamp>{_STAMP}))?\.jsonl?(?:\.gz)?")
RESULTS = re.compile(rf"(?!samples_).+?(?:_(?P<stamp>{_STAMP}))?\.json")
_ROWS = re.compile(r"\.jsonl?(\.gz)?\Z")


@dataclass(frozen=True, slots=True)
class SamplesFile:
    """The samples of one model on one task.

    Attributes:
        path: the file; task: its task; student: the model.
        results: the aggregated results of the same evaluation, empty where there are none.
        guessed: whether the task had to be guessed from a file name that does not mark it.
    """

    path: Path
    task: str
    student: str
    results: Mapping[str, Any]
    guessed: bool = False


def is_lm_eval(path: Path) -> bool:
    """Whether a file or folder holds lm-eval samples or results."""
    if path.is_dir():
        return bool(_in_folder(path))
    return _is_samples(path) or _is_results(path)


def find_samples(path: Path) -> list[SamplesFile]:
    """The sample files of a path: a folder, a file of samples, or a file of results.

    Raises:
        UserError: none; or two evaluations of one model on one task.
    """
    if path.is_dir():
        files = _in_folder(path)
    elif _is_samples(path):
        files = [path]
    else:
        stamp = _stamp(path)
        beside = sorted(p for p in path.parent.iterdir() if p != path and p.is_file())
        files = [p for p in beside if _is_samples(p) and _stamp(p) == stamp]
        if stamp is None:
            results = _object(read_json(path))
            files = [p for p in files if _belongs(results, p)]
    if not files:
        raise UserError(
            "no samples_*.jsonl: outcomes of single items are needed",
            where=str(path),
            fix="evaluate with lm-eval --log_samples",
            code=NO_INPUT,
        )
    found: dict[tuple[str, str], SamplesFile] = {}
    for file in files:
        if not file.is_file():
            raise UserError("not a regular file", where=str(file), code=NO_INPUT)
        samples = _described(file)
        key = (samples.student, samples.task)
        if key in found:
            raise _twice(path, found[key], samples)
        found[key] = samples
    return [found[key] for key in sorted(found)]


def _in_folder(folder: Path) -> list[Path]:
    named = sorted(p for p in folder.rglob("samples_*") if _is_samples(p))
    return named or sorted(p for p in folder.rglob("*.json*") if p.is_file() and _is_samples(p))


def _is_samples(path: Path) -> bool:
    match = SAMPLES.fullmatch(path.name)
    if match and match["stamp"]:
        return True
    if not _ROWS.search(path.name) or not path.is_file():
        return False
    start = start_of(path).lstrip().removeprefix("[").lstrip()
    return start.startswith("{") and all(re.search(rf'"{key}"\s*:', start) for key in ("doc_id", "doc"))


def _is_results(path: Path) -> bool:
    match = RESULTS.fullmatch(path.name)
    if not match or not path.is_file():
        return False
    stamped = match["stamp"] and any(_stamp(p) == match["stamp"] for p in path.parent.glob("samples_*"))
    return bool(stamped) or re.match(r'\s*\{\s*"results"\s*:', start_of(path)) is not None


def _stamp(path: Path) -> str | None:
    match = SAMPLES.fullmatch(path.name) or RESULTS.fullmatch(path.name)
    return match["stamp"] if match else None


def _results_files(file: Path) -> list[Path]:
    """Results of the same evaluation, `results...json` first."""
    stamp = _stamp(file)
    beside = [p for p in file.parent.glob("*.json") if p != file and _is_results(p) and _stamp(p) == stamp]
    return sorted(beside, key=lambda p: (not p.name.startswith("results"), p.name))


def _described(file: Path) -> SamplesFile:
    found = _results_files(file)
    if _stamp(file):
        results = _object(read_json(found[0])) if found else {}
    else:  # several results in one folder differ only in the model
        fitting = [data for data in map(_object, map(read_json, found)) if _belongs(data, file)]
        results = fitting[0] if len(fitting) == 1 else {}
    match = SAMPLES.fullmatch(file.name)
    if match:
        return SamplesFile(file, match["task"], _model(results) or file.parent.resolve().name, results)
    arguments, task, guessed = _old_name(_ROWS.sub("", file.name), results)
    student = _model(results) or _pretrained(re.sub("^pretrained__", "pretrained=", arguments))
    return SamplesFile(file, task, student or file.parent.resolve().name, results, guessed)


def _object(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _belongs(results: Mapping[str, Any], samples: Path) -> bool:
    """Whether samples without a time in their name may be of these results, by the arguments of the model."""
    arguments = _object(results.get("config")).get("model_args")
    if not isinstance(arguments, str) or SAMPLES.fullmatch(samples.name):
        return True
    starts = (re.sub("[/=]", "__", arguments), arguments.replace("/", "__"))
    stem = _ROWS.sub("", samples.name)
    tasks = _tasks(results)
    if tasks:
        return stem in {f"{start}_{task}" for start in starts for task in tasks}
    return stem.startswith(tuple(f"{start}_" for start in starts))


def _tasks(results: Mapping[str, Any]) -> list[str]:
    """The tasks of an evaluation; `configs` has all of them, `results` may have groups only."""
    for key in ("configs", "versions", "results"):
        if names := _object(results.get(key)):
            return list(names)
    return []


def _model(results: Mapping[str, Any]) -> str | None:
    name = results.get("model_name")
    if isinstance(name, str) and name:
        return name
    config = results.get("config")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, dict):
        named = arguments.get("pretrained") or arguments.get("model")
        return named if isinstance(named, str) else None
    return _pretrained(arguments) if isinstance(arguments, str) else None


def _pretrained(arguments: str) -> str | None:
    found = re.search(r"(?:^|,)(?:pretrained|model)=([^,]+)", arguments)
    return found[1].replace("__", "/") if found else None


def _old_name(stem: str, results: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Model arguments and task of a name like `pretrained=org__model,dtype=float16_arc_easy`.

    The task follows the arguments with nothing but an underscore between. Results name the tasks; without
    them the task begins behind the first underscore of the last value.
    """
    ends = [name for name in _tasks(results) if stem.endswith(f"_{name}")]
    if ends:
        task = max(ends, key=len)
        return stem.removesuffix(f"_{task}"), task, False
    last = max(stem.rfind("="), stem.rfind("__") + 1) + 1
    value, _, task = stem[last:].partition("_")
    return (stem[:last] + value, task, True) if task else ("", stem, True)


def _twice(path: Path, first: SamplesFile, second: SamplesFile) -> UserError:
    results = [file.name for samples in (first, second) for file in _results_files(samples.path)[:1]]
    choice: Sequence[str] = results if len(set(results)) == 2 else [first.path.name, second.path.name]
    return UserError(
        f"two evaluations of task '{first.task}' by '{first.student}': {first.path.name} and "
        f"{second.path.name}",
        where=str(path),
        fix=f"give the one you mean instead of the folder: {choice[0]} or {choice[1]}",
        code=DATA,
    )
