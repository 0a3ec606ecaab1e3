"""The models directory: `DIR/<owner>/<name>/`, looked up before the hub for every hub id.

    SMALLSTEPS_MODELS=/data/models smallsteps run study.yaml

`model_folder` is the one place that turns the name of a model into a folder; whatever loads, hashes or checks
a model calls it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError, nearest
from smallsteps.files import read_object
from smallsteps.students.gguf import apart

ENVIRONMENT = "SMALLSTEPS_MODELS"  # set by --models; worker processes read it too
RECORD = "fetched.json"  # next to the files of one model: where they came from
RECORD_SCHEMA = "smallsteps.model/1"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
_COMMIT = re.compile(r"^[0-9a-f]{7,40}$")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a hub id: `NAME` or `OWNER/NAME`."""
    return bool(_HUB_ID.match(name))


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of the models directory.

    Attributes:
        id: its hub id; folder: where it is.
        commit: of the hub, where a record of the fetch names it.
        revision: what was asked for then (a branch, a tag, a commit).
        files: sha256 of its files by name, where `smallsteps models fetch` wrote them down.
    """

    id: str
    folder: Path
    commit: str | None = None
    revision: str | None = None
    files: dict[str, str] | None = None

    def provenance(self) -> dict[str, Any]:
        """For manifests: no path of this machine."""
        return {
            "id": self.id,
            "source": "models directory",
            "commit": self.commit,
            "revision": self.revision,
        }

    def words(self) -> str:
        """For plans and notes."""
        known = f"commit {self.commit[:12]}" if self.commit else "its commit is not recorded"
        return f"'{self.id}' is read from the models directory: {self.folder} ({known})"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model that is taken from the hub: its id, and the revision it is pinned to, if it is."""

    id: str
    revision: str | None = None

    def provenance(self) -> dict[str, Any]:
        """For manifests."""
        return {"id": self.id, "source": "hub", "commit": None, "revision": self.revision}

    def words(self) -> str:
        """For plans and notes."""
        if self.revision is None:
            return f"'{self.id}' is taken from the hub at its newest revision ('revision' pins one)"
        return f"'{self.id}' is taken from the hub at revision {self.revision}"


def models_directory(named: Path | str | None = None) -> Path | None:
    """The directory given, else SMALLSTEPS_MODELS, else None.

    Raises:
        UserError: a directory was named that does not exist.
    """
    origin = ENVIRONMENT if named is None else "--models"
    place = named if named is not None else os.environ.get(ENVIRONMENT) or None
    if place is None:
        return None
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"no such models directory: {folder}",
            where=origin,
            fix=f"check the path, or fill it with 'smallsteps models fetch OWNER/NAME --to {folder}'",
            code=NO_INPUT,
        )
    return folder


def stored_model(name: str, revision: str | None = None) -> StoredModel | None:
    """The model of that hub id in the models directory; None when it, or the directory, is missing.

    Args:
        name: hub id, or `OWNER/NAME/FILE.gguf`. revision: asked for.

    Raises:
        UserError: it is there with another revision than the one asked for.
    """
    root = models_directory()
    name, _ = apart(name)
    if root is None or not is_hub_id(name) or not (root / name).is_dir():
        return None
    if not any(path.is_file() for path in (root / name).iterdir()):  # the folder of an owner, or empty
        return None
    found = read_stored(name, root / name)
    if not _fits(found, revision):
        there = found.commit or found.revision
        raise UserError(
            f"'{name}' is stored at revision {there}, but {revision} is asked for",
            where=str(found.folder),
            fix=f"remove the folder and run 'smallsteps models fetch {name} --revision {revision} "
            f"--to {root}', or change the revision",
            code=DATA,
        )
    return found


def _fits(model: StoredModel, revision: str | None) -> bool:
    """Whether a stored model can be the revision; without a record nothing contradicts it."""
    if revision is None or revision in (model.commit, model.revision):
        return True
    if _COMMIT.match(revision):
        return model.commit is None or model.commit.startswith(revision)
    return model.revision is None  # the record holds a commit, which no branch or tag can be compared with


def read_stored(name: str, folder: Path) -> StoredModel:
    """A model's folder with the record of its fetch: ours, or the one that `hf download --local-dir` leaves.

    Raises:
        UserError: a damaged record.
    """
    record = folder / RECORD
    if record.exists():
        data = read_object(record, RECORD_SCHEMA)
        commit, revision, files = data.get("commit"), data.get("revision"), data.get("files") or None
        if not (isinstance(commit or "", str) and isinstance(revision or "", str)) or not (
            files is None or isinstance(files, dict)
        ):
            raise UserError(
                "the record of this model's fetch is damaged",
                where=str(record),
                fix="remove the model's folder and fetch it again",
                code=DATA,
            )
        return StoredModel(name, folder, commit or None, revision or None, files)
    lines = _first_lines(folder / ".cache" / "huggingface" / "download" / "config.json.metadata")
    commit = lines[0] if lines and _COMMIT.match(lines[0]) else None
    return StoredModel(name, folder, commit)


def _first_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()[:1]
    except (OSError, UnicodeDecodeError):
        return []


def model_folder(place: str | Path, revision: str | None = None) -> Path | None:
    """The folder of a model: the name itself, or one in the models directory; None if it is on the hub.

    Of a GGUF file it is the path of the file, which may be missing in its folder.

    Args:
        place: path of a folder or GGUF file, or hub id.
        revision: revision of a hub id; a folder of one's own has none.

    Raises:
        UserError: the models directory does not exist, or holds another revision.
    """
    name, file = apart(place)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        stored = stored_model(name, revision)
        if stored is None:
            return None
        folder = stored.folder
    return folder if file is None else folder / file


def pretrained(
    place: str | Path, revision: str | None = None, *, tokenizer: bool = False
) -> tuple[str, dict[str, Any]]:
    """What transformers' `from_pretrained` is given: a folder or hub id, and further arguments.

    Args:
        place, revision: see `model_folder`.
        tokenizer: for the tokenizer: a `tokenizer.json` beside a GGUF file goes before the file's own.
    """
    found = model_folder(place, revision)
    name, file = apart(place)
    options: dict[str, Any] = {"trust_remote_code": False}
    if found is None:
        options["revision"] = revision
    else:
        name = str(found if file is None else found.parent)
    if file is not None and not (tokenizer and (Path(name) / "tokenizer.json").exists()):
        options["gguf_file"] = file
    return name, options


def stored_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Ids and folders of all models of a models directory, in the order of their ids."""
    for place in sorted(path for path in root.iterdir() if path.is_dir() and is_hub_id(path.name)):
        if (place / "config.json").exists() or (place / RECORD).exists() or any(place.glob("*.gguf")):
            yield place.name, place
            continue
        for inner in sorted(path for path in place.iterdir() if path.is_dir() and is_hub_id(path.name)):
            yield f"{place.name}/{inner.name}", inner


def not_stored(name: str) -> tuple[str, str]:
    """For an error: what is said of a model that the models directory lacks, and what can be done."""
    root = models_directory()
    if root is None:
        return "", "name a directory of models with --models DIR or SMALLSTEPS_MODELS=DIR"
    close = nearest(name, [known for known, _ in stored_folders(root)])
    hint = f"did you mean '{close}'? Else " if close else ""
    return (
        f"not in the models directory {root}, and ",
        f"{hint}fetch it where there is a connection: smallsteps models fetch {name} --to {root}",
    )
