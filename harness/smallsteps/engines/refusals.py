"""Messages for models and tokenizers that cannot be loaded. Imports no model library."""

from __future__ import annotations

from pathlib import Path

from smallsteps.errors import DATA, UNAVAILABLE, UserError
from smallsteps.students.offline import not_stored


def load_error(place: str, error: Exception) -> UserError:
    """The error of a folder, or of a hub id, with its remedy."""
    reason = (str(error).strip().split("\n")[0] or type(error).__name__)[:300]
    if Path(place).is_dir():
        return UserError(
            f"cannot load the model: {reason}",
            where=place,
            fix="it needs config.json, *.safetensors and the tokenizer's files (save_pretrained writes them)",
            code=DATA,
        )
    missing, fix = not_stored(place)
    return UserError(
        f"'{place}' is {missing}the hub does not give it: {reason}"
        if missing
        else f"cannot get '{place}' from the hub: {reason}",
        fix=f"check the id and the network; on a machine without network, {fix}",
        code=UNAVAILABLE,
    )
