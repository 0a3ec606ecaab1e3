"""Outcomes from logs of inspect_ai (`.eval`, or its JSON form), read with inspect_ai itself."""

from __future__ import annotations

import hashlib
import json
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UNAVAILABLE, UserError, unknown_name
from smallsteps.files import MAX_RATIO, escaped, start_of, unpacked_limit
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable
from smallsteps.outcomes.values import score_of, shown

# what inspect_ai's own `value_to_float` makes of the words that scorers give
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "no": 0.0}
NO_ANSWER = "N"


@dataclass(frozen=True, slots=True)
class _Sample:
    """What is kept of one sample: one outcome but for the choice of a scorer."""

    item: str
    epoch: int
    scores: Mapping[str, tuple[Any, str | None]]  # scorer -> value, answer
    failed: bool
    cut: bool
    prompt: str | None
    gold: str
    tokens: int | None


def is_inspect(path: Path) -> bool:
    """Whether a file or folder holds logs of inspect_ai."""
    if path.is_dir():
        return bool(_logs(path))
    if path.suffix == ".eval":
        return True
    start = start_of(path) if path.suffix == ".json" and path.is_file() else ""
    return re.match(r'\s*\{\s*"version"\s*:\s*\d', start) is not None and '"eval":' in start.replace(" ", "")


def _logs(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.eval"))
    return found or [path for path in sorted(folder.rglob("*.json")) if is_inspect(path)]


def read_inspect(path: Path, scorer: str | None = None) -> tuple[OutcomeTable, list[str]]:
    """Outcomes of one log, or of all logs of a folder, and notes on what was chosen.

    Args:
        path: log or folder.
        scorer: the scorer to read; None takes the first whose scores are between 0 and 1.

    Raises:
        UserError: inspect_ai is not installed; a damaged log; no samples; two logs of one model on one task;
            no usable scorer.
    """
    notes: list[str] = []
    rows: list[Outcome] = []
    seen: dict[tuple[str, str], Path] = {}
    for log in _logs(path) if path.is_dir() else [path]:
        header, samples = _read(log)
        key = (str(header.eval.model), str(header.eval.task))
        if key in seen:
            raise UserError(
                f"two logs of '{key[0]}' on task '{key[1]}': {seen[key].name} and {log.name}",
                where=str(path),
                fix="give the log you mean instead of the folder",
                code=DATA,
            )
        seen[key] = log
        if not samples:
            raise UserError("no samples in the log", where=str(log), code=DATA)
        if header.status != "success":
            notes.append(f"{key[1]}: the log of '{key[0]}' ended with status '{header.status}'")
        rows.extend(_outcomes(key, header, samples, scorer, log, notes))
    return OutcomeTable.of(rows), list(dict.fromkeys(notes))


def _read(log: Path) -> tuple[Any, list[_Sample]]:
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_samples
    except ImportError as error:
        raise UserError(
            "reading logs of inspect_ai needs the package inspect_ai",
            where=str(log),
            fix="pip install 'smallsteps[inspect]'",
            code=UNAVAILABLE,
        ) from error
    try:
        _check_size(log)
        header = read_eval_log(str(log), header_only=True)
        samples = read_eval_log_samples(str(log), all_samples_required=False, resolve_attachments="core")
        return header, [_sample(sample) for sample in samples]
    except UserError:
        raise
    # a damaged archive can raise any of these; none of them is raised by this module itself
    except (
        AttributeError, EOFError, LookupError, NotImplementedError, OSError, RecursionError, RuntimeError,
        TypeError, ValueError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"not a readable log of inspect_ai ({reason})", where=str(log), code=DATA) from error


def _check_size(log: Path) -> None:
    if log.suffix != ".eval":
        return
    with zipfile.ZipFile(log) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    limit = unpacked_limit(log.stat().st_size)
    if unpacked > limit:
        raise UserError(
            f"the log unpacks to {unpacked >> 20} MiB, more than {MAX_RATIO} times its size",
            where=str(log),
            code=DATA,
        )


def _sample(sample: Any) -> _Sample:
    scores: dict[str, tuple[Any, str | None]] = {}
    for name, score in (sample.scores or {}).items():
        if isinstance(score.value, dict):
            scores |= {f"{name}/{key}": (value, score.answer) for key, value in score.value.items()}
        else:
            scores[name] = (score.value, score.answer)
    asked = sample.input if isinstance(sample.input, str) else _turns(sample.input)
    usage = sample.output.usage
    choices = sample.output.choices
    target = sample.target if isinstance(sample.target, str) else "; ".join(map(str, sample.target))
    failed = sample.error is not None
    return _Sample(
        item=f"{sample.id}:{_hash([asked, sample.choices])}",
        epoch=int(sample.epoch),
        scores=scores,
        failed=failed,
        cut=bool(choices) and choices[0].stop_reason in ("max_tokens", "model_length"),
        prompt=None if failed or not sample.messages else _hash(_turns(_asked(sample.messages))),
        gold=target,
        tokens=int(usage.output_tokens) if usage is not None else None,
    )


def _asked(messages: Sequence[Any]) -> list[Any]:
    """What the model was shown: the turns before its first."""
    end = next((n for n, message in enumerate(messages) if message.role == "assistant"), len(messages))
    return list(messages[:end])


def _turns(messages: Iterable[Any]) -> list[tuple[str, str]]:
    return [(str(message.role), str(message.text)) for message in messages]


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _outcomes(
    key: tuple[str, str],
    header: Any,
    samples: Sequence[_Sample],
    wanted: str | None,
    log: Path,
    notes: list[str],
) -> list[Outcome]:
    student, task = key
    name, remark = _choose(samples, wanted, log)
    if remark:
        notes.append(f"{task}: {remark}")
    version = header.eval.task_version
    scorer = f"inspect {name}" + (f" v{version}" if version not in (None, 0, "0") else "")
    rows = []
    for sample in samples:
        value, answer = sample.scores.get(name, (None, None))
        score = 0.0 if sample.failed else value_of(value) or 0.0
        rows.append(
            Outcome(
                student=student,
                task=task,
                item=sample.item,
                score=score,
                sample=sample.epoch - 1,
                status=_status(sample, value, answer, score),
                prompt=sample.prompt,
                extracted=escaped(answer) if answer else None,
                gold=escaped(sample.gold),
                tokens=sample.tokens,
                scorer=scorer,
            )
        )
    return rows


def _status(sample: _Sample, value: Any, answer: str | None, score: float) -> Status:
    if sample.failed or _unscored(value):
        return Status.ERROR
    if score:
        return Status.OK
    if sample.cut:
        return Status.TRUNCATED
    return Status.UNPARSED if value == NO_ANSWER or answer == "" else Status.OK


def value_of(value: Any) -> float | None:
    """The score of a value, as inspect_ai reads it; None where it is not between 0 and 1."""
    if isinstance(value, str) and (value in LETTERS or value.lower() in LETTERS):
        return LETTERS.get(value, LETTERS.get(value.lower()))
    return score_of(value)


def _unscored(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _choose(samples: Sequence[_Sample], wanted: str | None, log: Path) -> tuple[str, str]:
    """A scorer, and a remark where another one could have been taken."""
    names = list(dict.fromkeys(name for sample in samples for name in sample.scores))
    bad: dict[str, Any] = {}
    for sample in samples:
        for name, (value, _) in sample.scores.items():
            if not _unscored(value) and value_of(value) is None:
                bad.setdefault(name, value)
    usable = [name for name in names if name not in bad]
    if wanted is not None and wanted not in names:
        raise unknown_name("scorer", wanted, usable or names, where=str(log), code=DATA)
    if not names:
        fix = "run 'inspect score' on it, or evaluate with a scorer"
        raise UserError("no sample of the log has a score", where=str(log), fix=fix, code=DATA)
    chosen = wanted or (usable[0] if usable else names[0])
    if chosen in bad:
        raise UserError(
            f"scorer '{chosen}' gives {shown(bad[chosen])}, expected a number between 0 and 1",
            where=str(log),
            fix=f"choose another with --metric: {', '.join(usable)}" if usable else None,
            code=DATA,
        )
    if wanted is not None or len(names) == 1:
        return chosen, ""
    skipped = [name for name in names if name in bad]
    others = [name for name in usable if name != chosen]
    parts = [f"not a score of 0 to 1: {', '.join(skipped)}"] if skipped else []
    parts += [f"also there: {', '.join(others)}; choose with --metric"] if others else []
    return chosen, f"inspect scorer '{chosen}' ({'; '.join(parts)})"
