"""What the models of a study were when it first used them: bases, tokenizers, references and local teachers.

A plain model folder has no card. `models.json` in the study's folder keeps the sha256 of every file that
loading reads, so that weights swapped between two stages, or before a study goes on, are found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from smallsteps.errors import DATA, UserError
from smallsteps.integrity import UNSEALED, damage, digest_of, read_sealed, write_sealed
from smallsteps.students.card import CARD, READ_BY_LOADERS
from smallsteps.students.offline import RECORD as FETCHED

RECORD = "models.json"
SCHEMA = "smallsteps.models/1"
Files = dict[str, str]


def model_files(folder: Path) -> Files:
    """Hex sha256 of the files of a model folder that loading reads; of a student, of its card."""
    if (folder / CARD).exists():  # which has the digests of the rest
        return {CARD: digest_of(folder / CARD)}
    names = (
        path for path in sorted(folder.iterdir()) if path.is_file() and READ_BY_LOADERS.search(path.name)
    )
    return {path.name: digest_of(path) for path in names if path.name not in {*UNSEALED, FETCHED}}


def record_models(out: Path, models: Mapping[str, str]) -> dict[str, Files]:
    """Compare the models of a study with what it used before, and write down the new ones.

    Args:
        out: the study's folder.
        models: folders by the name that the recipe or study gives them.

    Returns:
        Digests by folder.

    Raises:
        UserError: a model is not what it was, or the record is damaged.
    """
    path = out / RECORD
    fix = f"if all that the study made so far may be of other models, remove {path}"
    known = read_sealed(path, SCHEMA, fix=fix).get("models") if path.exists() else {}
    if not isinstance(known, dict):
        raise UserError("lists no models", where=str(path), fix=fix, code=DATA)
    found = {name: model_files(Path(folder)) for name, folder in models.items()}
    for name, files in found.items():
        _compare(name, Path(models[name]), known.get(name, files), files, path)
    if set(found) - set(known):
        write_sealed(path, {"schema": SCHEMA, "models": {**known, **found}})
    return {models[name]: files for name, files in found.items()}


def _compare(
    name: str, folder: Path, before: Mapping[str, str], now: Mapping[str, str], record: Path
) -> None:
    if before == now:
        return
    changed = sorted(file for file in {*before, *now} if before.get(file) != now.get(file))
    raise UserError(
        f"the model '{name}' is not what it was when this study began: {', '.join(changed[:5])} changed",
        where=str(folder),
        fix=f"put the earlier files back, or give another --out; or remove {record} to go on with the new "
        "ones: what was made of the others is then made again",
        code=DATA,
    )


@contextlib.contextmanager
def unchanged(recorded: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Check models before they are used, and that nobody changed them in the meantime.

    Args:
        recorded: digests by folder, see `record_models`.

    Raises:
        UserError: a file is another one.
    """
    _check(recorded)
    yield
    _check(recorded)


def _check(recorded: Mapping[str, Mapping[str, str]]) -> None:
    for folder, files in recorded.items():
        wrong = damage(Path(folder), files)
        if wrong:
            raise UserError(
                f"this model was changed while the study was running: {wrong[0]}",
                where=folder,
                fix="put the earlier files back and run the same command again",
                code=DATA,
            )
