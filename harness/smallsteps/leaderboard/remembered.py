"""What a build remembers of entries, in `.cache/` of the board: read only if this user wrote it.

A board's folder may come from someone else, with such files in it that hold whatever scores they like. So
each is signed with a key of the user (HMAC-SHA256), and any other is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.files import write_atomic
from smallsteps.leaderboard.board import Board
from smallsteps.teachers.keys import trusted_file

KEY = "board.key"  # beside the other settings of the user
MOST = 1 << 30  # bytes of one file
_SIZE = hashlib.sha256().digest_size


def remembered(board: Board, kind: str, name: str) -> bytes | None:
    """What was kept under a name; None where there is nothing, or not by this user."""
    key, path = user_key(), board.cache / kind / name
    if key is None or not _own_folder(board):
        return None
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST:
            return None
        raw = path.read_bytes()
    except OSError:
        return None
    return raw[_SIZE:] if hmac.compare_digest(raw[:_SIZE], _signature(key, path, raw[_SIZE:])) else None


def remember(board: Board, kind: str, name: str, content: bytes) -> None:
    """Keep bytes under a name. Where that is not possible, the next build takes longer."""
    key, path = user_key(), board.cache / kind / name
    if key is None or not _own_folder(board):
        return
    with contextlib.suppress(UserError):
        write_atomic(path, _signature(key, path, content) + content)


def _own_folder(board: Board) -> bool:
    """Whether nothing leads out of the board."""
    return not any(
        path.is_symlink() for path in (board.cache, board.cache / "checks", board.cache / "scores")
    )


def _signature(key: bytes, path: Path, content: bytes) -> bytes:
    return hmac.digest(key, f"{path.parent.name}/{path.name}\n".encode() + content, "sha256")


def user_key() -> bytes | None:
    """The user's key, made when it is first needed; None where it can be neither read nor made."""
    return _key(trusted_file().with_name(KEY))


@lru_cache(maxsize=4)
def _key(path: Path) -> bytes | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_SIZE))
        found = path.read_bytes()
    except OSError:
        return None
    return found if len(found) == _SIZE else None
