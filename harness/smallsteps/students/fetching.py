"""Filling a models directory on a connected machine, and looking through it on any."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, UNAVAILABLE, UserError
from smallsteps.files import disk_error, write_json
from smallsteps.integrity import damage, digests
from smallsteps.problems.hub import network_errors
from smallsteps.students.card import check_weights
from smallsteps.students.offline import RECORD, RECORD_SCHEMA, is_hub_id, read_stored, stored_folders
from smallsteps.students.recorded import model_files

PARTIAL = ".partial"
# configuration, tokenizer, chat template; the README has the licence
FETCHED = (
    "*.safetensors",
    "*.json",
    "*.jinja",
    "*.model",
    "vocab.txt",
    "merges.txt",
    "README.md",
    "LICENSE*",
)
LEFT_OUT = ("onnx/*", "openvino/*", "original/*", "*/*.safetensors", "runs/*")

# (hub id, revision or None, folder to fill) -> commit
Snapshot = Callable[[str, str | None, Path], str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of `models ls`. `state`: `whole`, `unrecorded` (without digests), or what is wrong."""

    id: str
    commit: str | None
    revision: str | None
    bytes: int
    state: str

    @property
    def good(self) -> bool:
        """Whether nothing is known to be wrong."""
        return self.state in ("whole", "unrecorded")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def listing(root: Path) -> list[Listed]:
    """The models of a directory, with their files compared with the digests of their fetch."""
    rows = []
    for name, folder in stored_folders(root):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            model = read_stored(name, folder)
        except UserError as error:  # one damaged record hides no other model
            rows.append(Listed(name, None, None, size, f"{RECORD}: {error.message}"))
            continue
        rows.append(Listed(name, model.commit, model.revision, size, _state(folder, model.files)))
    return rows


def _state(folder: Path, files: dict[str, str] | None) -> str:
    if files is None:
        try:
            if not any(folder.glob("*.gguf")):
                check_weights(folder)
        except UserError as error:
            return error.message
        return "unrecorded"
    added = [name for name in model_files(folder) if name not in files]
    return (damage(folder, files) + [f"{name} is not in {RECORD}" for name in added] or ["whole"])[0]


def fetch(name: str, to: Path, revision: str | None = None, snapshot: Snapshot | None = None) -> str:
    """Fetch one model; it appears in the directory whole, or not at all.

    Args:
        name: hub id. to: the models directory. revision: branch, tag or commit, `main` when None.
        snapshot: what downloads; huggingface_hub unless given.

    Returns:
        A line that says what was done.

    Raises:
        UserError: not a hub id, no connection, no safetensors, or another revision is there already.
    """
    if not is_hub_id(name):
        raise UserError(f"'{name}' is not a hub id", fix="give NAME or OWNER/NAME, as the hub spells it")
    place = to / name
    if place.is_dir() and any(path.is_file() for path in place.iterdir()):
        return _there_already(name, place, revision)
    partial = to / PARTIAL / name.replace("/", "--")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        commit = (snapshot or _from_hub)(name, revision, partial)
        check_weights(partial)
        if not (partial / "config.json").exists():
            raise UserError("no config.json: not a transformers model", where=name, code=DATA)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        record = {
            "schema": RECORD_SCHEMA,
            "id": name,
            "revision": revision or "main",
            "commit": commit,
            "files": digests(partial, leave_out=(RECORD,)),
        }
        write_json(partial / RECORD, record)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            place.rmdir()  # left empty by someone
        partial.rename(place)
        if not any((to / PARTIAL).iterdir()):
            (to / PARTIAL).rmdir()
    except UserError as error:
        error.where = name if error.where is None or str(partial) in error.where else error.where
        raise
    except OSError as error:
        raise disk_error(error, partial) from error
    return f"{name}: fetched, commit {commit[:12]}"


def _there_already(name: str, place: Path, revision: str | None) -> str:
    model = read_stored(name, place)
    asked = revision or "main"
    if asked != model.revision and not (model.commit or "").startswith(asked):
        raise UserError(
            f"'{name}' is there at revision {model.revision or model.commit or 'unknown'}, not {asked}",
            where=str(place),
            fix="remove the folder, or give another --to",
            code=CANNOT_CREATE,
        )
    state = _state(place, model.files)
    if state not in ("whole", "unrecorded"):
        raise UserError(state, where=str(place), fix="remove the folder and fetch it again", code=DATA)
    return f"{name}: already there"


def _from_hub(name: str, revision: str | None, folder: Path) -> str:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    token = os.environ.get("HF_TOKEN")
    unreachable: tuple[type[Exception], ...] = (*network_errors(), ValueError)
    try:
        found = huggingface_hub.model_info(name, revision=revision, timeout=10, token=token)
        huggingface_hub.snapshot_download(
            name,
            revision=found.sha,
            local_dir=folder,
            allow_patterns=list(FETCHED),
            ignore_patterns=list(LEFT_OUT),
            token=token,
        )
    except HfHubHTTPError as error:
        raise UserError(
            f"the hub does not give it: {str(error).strip().splitlines()[0]}",
            where=name,
            fix="check the name and the revision; a private or gated model needs HF_TOKEN",
            code=DATA,
        ) from error
    except unreachable as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise
        raise UserError(
            f"cannot fetch: {(str(error).strip() or type(error).__name__).splitlines()[0]}",
            where=name,
            fix="run the same command again when there is a connection; what was fetched so far is kept",
            code=UNAVAILABLE,
        ) from error
    return str(found.sha)
