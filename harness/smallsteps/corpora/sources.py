"""What a corpus section reads from the disk: its content, for keys that a changed file must change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from smallsteps.corpora.spec import CorpusSpec
from smallsteps.engines.sentences import PACKAGED, local_encoder, packaged_encoder
from smallsteps.errors import UserError
from smallsteps.files import sha256_file
from smallsteps.problems.finding import own_content
from smallsteps.students.card import hash_weights
from smallsteps.students.offline import model_folder
from smallsteps.teachers.prompting import load_template
from smallsteps.teachers.spec import FileSpec, HuggingFaceSpec, find


def files_read(spec: CorpusSpec, folders: Sequence[Path] = ()) -> dict[str, str]:
    """Hashes of the own benchmark, rationales, weights and prompts behind a section; names are not enough.

    What is not there yet is left out: it is an error of the collection, not of the plan.

    Args:
        spec: the section.
        folders: where its relative paths are looked for, in this order.
    """
    found: dict[str, str] = {}
    if own := own_content([spec.benchmark]).get(spec.benchmark):
        found["benchmark"] = own
    with suppress(UserError):
        found["prompt"] = load_template(spec.template, folders).version
    with suppress(UserError):
        if isinstance(spec.teacher, FileSpec):
            found["rationales"] = sha256_file(find(spec.teacher.path, folders))
    if isinstance(spec.teacher, HuggingFaceSpec):
        folder = model_folder(spec.teacher.place, spec.teacher.revision)
        if folder is not None:
            found["teacher"] = hash_weights(folder)
    if spec.encoder is not None and (place := local_encoder(spec.encoder, folders)) is not None:
        found["encoder"] = hash_weights(place)
    return found


def encoder_folder(spec: CorpusSpec, folders: Sequence[Path] = ()) -> Path | None:
    """The folder of a section's sentence encoder; None when it has none, or only the hub has it."""
    if spec.encoder == PACKAGED:
        with suppress(UserError):
            return packaged_encoder()
        return None
    return local_encoder(spec.encoder, folders) if spec.encoder is not None else None
