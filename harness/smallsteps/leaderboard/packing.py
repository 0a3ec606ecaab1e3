"""Run directories and lm-eval output as one entry: responses, scores, and what made them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.evaluation.scoring import RULES
from smallsteps.files import escaped, read_jsonl, read_object, to_json
from smallsteps.leaderboard.answers import Answer
from smallsteps.leaderboard.items import Items
from smallsteps.leaderboard.regrading import TOLERANCE, regrade
from smallsteps.outcomes import Status
from smallsteps.outcomes.lm_eval_files import read_lm_eval
from smallsteps.outcomes.lm_eval_names import find_samples
from smallsteps.outcomes.run_folder import MANIFEST, REPAIR, check_run, is_run, read_manifest
from smallsteps.outcomes.table import read_outcomes

RUNS_SCHEMA = "smallsteps.entry-runs/1"
KEPT = ("base", "corpus", "name", "precision", "recipe", "revision", "scheme", "seed", "weights", "versions")


@dataclass(slots=True)
class Packed:
    """The content of an entry's machine-written files.

    Attributes:
        answers: of all runs.
        runs: one record a run: what was evaluated, how it was decoded, by which code.
    """

    answers: list[Answer] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """`runs.json` without its digest."""
        return {"schema": RUNS_SCHEMA, "rules": RULES, "runs": self.runs}


def pack(folders: Sequence[Path], items: Items) -> Packed:
    """All runs of one student.

    Raises:
        UserError: not a run, damaged, of several students, or graded otherwise than its responses say.
    """
    packed = Packed()
    students: dict[str, Path] = {}
    for folder in folders:
        for run in _runs_below(folder):
            own = is_run(run)
            if own:
                check_run(run)
            answers, record = _pack_run(run, items, own)
            packed.answers += answers
            packed.runs.append(record)
            students.setdefault(record["student"]["name"], run)
    if len(students) > 1:
        (first, one), (second, other) = list(students.items())[:2]
        raise UserError(
            f"two students: '{escaped(first)}' ({one}) and '{escaped(second)}' ({other})",
            fix="an entry is one student; add the other as an entry of its own",
        )
    packed.runs.sort(key=lambda run: to_json(run, indent=None))
    return packed


def _runs_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), code=NO_INPUT)
    if is_run(folder):
        return [folder]
    return sorted(path.parent for path in folder.glob("*/manifest.json") if is_run(path.parent)) or [folder]


def _pack_run(run: Path, items: Items, own: bool) -> tuple[list[Answer], dict[str, Any]]:
    manifest = read_manifest(run) if own else {}
    _check_form(manifest, run)
    wanted = [samples for samples in find_samples(run) if samples.task in items.board.tasks]
    if not wanted:
        raise UserError(
            "no task of this leaderboard",
            where=str(run),
            fix=f"its tasks: {', '.join(items.board.tasks)}",
            code=DATA,
        )
    seed = manifest.get("seed")
    stops = _solutions(run) if own else {}
    claims = _claims(run, [samples.task for samples in wanted], own)
    answers: list[Answer] = []
    decoding: dict[str, list[Any]] = {}
    prompts: dict[str, str] = {}
    graded: dict[str, str] = {}
    for samples in wanted:
        docs = items.documents(samples.task)
        rows = list(_answers(samples.path, samples.task, seed, stops, decoding, prompts))
        if docs is None and own:
            raise UserError(
                f"no items of '{samples.task}': {items.why_not(samples.task)}", where=str(run), code=NO_INPUT
            )
        if docs is not None and items.board.limit(samples.task) is not None:
            rows = [row for row in rows if row.item in docs]  # a whole run holds more than the board asks
        rows, graded[samples.task] = _scored(samples.task, rows, docs, claims, run)
        answers += rows
    student = manifest.get("student") or {}
    training = student.get("training") or {}
    return answers, {
        "harness": "smallsteps" if own else "lm-eval",
        "tasks": sorted(graded),
        "seed": seed,
        "graded": graded,
        "decoding": {task: sorted(found, key=str) for task, found in decoding.items()},
        "prompts": prompts,
        "cut_prompts": manifest.get("cut_prompts"),
        "numerics": manifest.get("numerics"),
        "settings": {
            name: value
            for name, value in (manifest.get("settings") or {}).items()
            if name in ("limit", "plans", "samples", "temperature", "max_new_tokens")
        },
        "versions": manifest.get("versions") or {},
        "code": manifest.get("code") or {},
        "manifest": manifest and _digest(manifest),
        "student": {
            "name": manifest.get("label") or wanted[0].student,
            **{name: student.get(name) for name in KEPT if name not in ("name", "base")},
            "base": _name_of(student.get("base")),
            "parameters": _total(training, "parameters"),
            "training_tokens": _total(training, "real_tokens"),
        },
    }


def _check_form(manifest: Mapping[str, Any], run: Path) -> None:
    """Refuse a manifest whose values are not of the type that evaluation writes.

    Raises:
        UserError: see above.
    """
    student = manifest.get("student")
    objects = {name: manifest.get(name) for name in ("student", "settings", "versions", "code")}
    if isinstance(student, dict):
        objects["student.training"] = student.get("training")
    wrong = [
        f"'{name}' is not an object" for name, one in objects.items() if not isinstance(one, dict | None)
    ]
    if not isinstance(manifest.get("label"), str | None):
        wrong.append("'label' is not a text")
    seed = manifest.get("seed")
    if seed is not None and not (type(seed) is int and abs(seed) < 1 << 63):
        wrong.append("'seed' is not a whole number of 64 bits")
    if wrong:
        raise UserError(wrong[0], where=str(run / MANIFEST), fix=REPAIR, code=DATA)


def _name_of(base: Any) -> Any:
    """A base by its hub id, or by the name of its folder: where it lay on one machine says nothing."""
    return Path(base).name if isinstance(base, str) and Path(base).is_absolute() else base


def _total(training: Mapping[str, Any], name: str) -> int | None:
    found = [part.get(name) for part in training.values() if isinstance(part, Mapping)]
    known = [value for value in found if isinstance(value, int)]
    return sum(known) if known and len(known) == len(found) else None


def _digest(value: Any) -> str:
    return hashlib.sha256(to_json(value, indent=None).encode()).hexdigest()


def _solutions(run: Path) -> dict[tuple[str, str, int], tuple[str | None, int | None]]:
    """Stop reason and tokens by (task, item, sample)."""
    path = run / "solutions.jsonl"
    found: dict[tuple[str, str, int], tuple[str | None, int | None]] = {}
    for number, row in read_jsonl(path) if path.exists() else ():
        stop, tokens = row.get("stop"), row.get("tokens")
        key = (row.get("task"), row.get("item"), row.get("sample"))
        if not (
            isinstance(stop, str | None)
            and (tokens is None or (type(tokens) is int and 0 <= tokens < 1 << 31))
            and tuple(map(type, key)) == (str, str, int)
        ):
            raise UserError("not a row of solutions", where=f"{path}:{number}", fix=REPAIR, code=DATA)
        found[key] = (stop, tokens)  # type: ignore[index]
    return found


def _claims(run: Path, tasks: Sequence[str], own: bool) -> dict[tuple[str, str, int], tuple[float, str]]:
    """The scores that the run itself gives each response."""
    table = read_outcomes(run / "outcomes.parquet") if own else read_lm_eval(run)[0]
    keys = zip(table.columns["task"], table.columns["item"], table.columns["sample"], strict=True)
    values = zip(table.scores().tolist(), table.columns["status"], strict=True)
    return {key: value for key, value in zip(keys, values, strict=True) if key[0] in tasks}


def _answers(
    path: Path,
    task: str,
    seed: int | None,
    stops: Mapping[tuple[str, str, int], tuple[str | None, int | None]],
    decoding: dict[str, list[Any]],
    prompts: dict[str, str],
) -> Iterator[Answer]:
    """Responses of one file of samples, not yet scored."""
    shown: dict[str, str] = {}
    first = None
    for number, row in read_jsonl(path):
        first = row.get("filter") if first is None else first
        if row.get("filter") != first:
            continue
        try:
            doc, responses = row["doc"], row["resps"]
            item = doc.get("item") or str(row["doc_hash"])[:16]
            cluster = doc.get("cluster")
            if not isinstance(item, str) or not isinstance(cluster, str | None):
                raise TypeError("the key of an item and its cluster are texts")
            shown[item] = str(row.get("prompt_hash", ""))[:16]
            (asked, *_) = row["arguments"].values()
            if isinstance(responses[0][0], str):
                found = decoding.setdefault(task, [])
                if asked.get("arg_1") not in found:
                    found.append(asked.get("arg_1"))
                for sample, text in enumerate(responses[0]):
                    stop, tokens = stops.get((task, item, sample), (None, None))
                    yield Answer(
                        task, item, sample, seed, 0.0, Status.OK.value,
                        None if cluster == item else cluster, tokens, stop, escaped(text),
                    )  # fmt: skip
            else:
                sums = tuple(float(one[0][0]) for one in responses)
                yield Answer(
                    task, item, 0, seed, 0.0, Status.OK.value,
                    None if cluster == item else cluster, likelihoods=sums,
                )  # fmt: skip
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            reason = f"not a sample of lm-eval ({type(error).__name__}: {error})"
            raise UserError(reason, where=f"{path}:{number}", code=DATA) from error
    prompts[task] = _digest(shown)


def _scored(
    task: str,
    rows: Sequence[Answer],
    docs: Mapping[str, Any] | None,
    claims: Mapping[tuple[str, str, int], tuple[float, str]],
    run: Path,
) -> tuple[list[Answer], str]:
    """Answers with scores: from the responses where the task is ours, else as reported."""
    if docs is None:
        out = []
        for row in rows:
            score, status = claims[row.task, row.item, row.sample]
            out.append(replace(row, score=score, status=str(status)))
        return out, "as reported"
    found = regrade(task, rows, docs)
    scored = []
    for row, outcome in zip(rows, found, strict=True):
        claimed = claims.get((row.task, row.item, row.sample))
        if claimed is not None and abs(claimed[0] - outcome.score) > TOLERANCE:
            raise UserError(
                f"item '{row.item}' of {task} is scored {claimed[0]:g} in this run, but its response scores "
                f"{outcome.score:g}",
                where=str(run),
                fix="run its 'smallsteps eval' command again: it grades the stored answers and asks no model",
                code=DATA,
            )
        scored.append(replace(row, score=outcome.score, status=str(outcome.status)))
    return scored, "from responses"


def overlap_of(path: Path) -> dict[str, Any]:
    """Contamination by benchmark from the `overlap.json` of a study.

    Raises:
        UserError: not such a file.
    """
    from smallsteps.corpora.overlap import SCHEMA

    report = read_object(path, SCHEMA, most=1 << 28)
    try:
        return {
            str(one["benchmark"]): {name: int(one[name]) for name in ("items", "exact", "near")}
            for one in report["benchmarks"]
        }
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise UserError("not an overlap report", where=str(path), code=DATA) from error
