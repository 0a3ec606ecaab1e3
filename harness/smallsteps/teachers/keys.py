"""Which key may be sent to which host, and keys kept out of every message and stored text."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field

from smallsteps.config import Strict, load
from smallsteps.errors import UNAVAILABLE, USAGE, UserError
from smallsteps.files import write_atomic
from smallsteps.teachers.spec import OpenAISpec
from smallsteps.terminal import visible_text

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # sent where there is no key: clients want one, local servers ignore it
DEFAULT_KEY = "OPENAI_API_KEY"
KNOWN = frozenset({(DEFAULT_KEY, "api.openai.com")})  # needs no confirmation
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_PORTS = {"http": 80, "https": 443}
_FRAGMENT = 8  # letters of a key that are too many to show
_WHOLE = 16  # the same in a stored text, where an accident would change what a student learns
_LOOKS_LIKE_KEY = re.compile(r"\b(?:sk|key|Bearer)[-_ ](?=[A-Za-z*_-]{0,200}[0-9*])[A-Za-z0-9*_-]{8,}")
_LONGEST_MESSAGE = 500


class TrustedPair(Strict):
    """A key that may be sent to a host: the variable's name and the host as `host_of` writes it."""

    key: str
    host: str


class TrustedEndpoints(Strict):
    """The settings file with the pairs the user has confirmed."""

    schema_: Literal["smallsteps.trusted_endpoints/1"] = Field(alias="schema")
    trusted: tuple[TrustedPair, ...] = ()


def address_of(spec: OpenAISpec) -> str:
    """The base URL in force: the section's own, else that of the environment, else OpenAI's."""
    return spec.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def is_foreign(spec: OpenAISpec) -> bool:
    """Whether an endpoint is neither OpenAI nor named by the environment: it gets nothing but its own key.

    The client of `openai` takes organisation, project and further headers from the environment as well.
    """
    return spec.base_url is not None and host_of(spec.base_url) != "api.openai.com"


def host_of(url: str) -> str:
    """The host of a base URL: `host` or `host:port`, after `http://` where keys would travel unencrypted.

    Raises:
        UserError: not the URL of a host.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if (
        parts.scheme not in _PORTS
        or not re.fullmatch(r"[a-z0-9.:_-]+", host)
        or parts.username is not None
        or not url.isascii()
        or re.search(r"[\s\\]", url)
    ):
        raise UserError(
            f"'{visible_text(url[:200])}' is not the address of an endpoint",
            where="teacher.base_url",
            fix="for example https://api.openai.com/v1 or http://127.0.0.1:8000/v1, without a user name",
        )
    name = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        name += f":{port}"
    return name if parts.scheme == "https" or is_loopback(url) else f"http://{name}"


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trusted_file() -> Path:
    """Where confirmed pairs are kept: `$XDG_CONFIG_HOME/smallsteps/trusted_endpoints.yaml` (`~/.config`)."""
    home = os.environ.get("XDG_CONFIG_HOME")
    base = Path(home) if home else Path(os.path.expanduser("~")) / ".config"
    return base / "smallsteps" / "trusted_endpoints.yaml"


def trusted_pairs() -> frozenset[tuple[str, str]]:
    """All pairs (variable, host) that a key may be sent for.

    Raises:
        UserError: the settings file is damaged.
    """
    path = trusted_file()
    if not path.exists():
        return KNOWN
    return KNOWN | {(pair.key, pair.host) for pair in load(TrustedEndpoints, path).trusted}


def confirm(text: str) -> tuple[str, str]:
    """Add a pair `VARIABLE=HOST` to the settings file; returns it.

    Raises:
        UserError: not a pair, or the file cannot be written.
    """
    key, sign, place = text.partition("=")
    if not sign or not _NAME.fullmatch(key) or not place:
        raise UserError(
            f"'{visible_text(text[:200])}' is not VARIABLE=HOST",
            where="--allow-key",
            fix=f"for example --allow-key {DEFAULT_KEY}=api.openai.com",
        )
    host = host_of(place if "://" in place else f"https://{place}")
    pairs = sorted(trusted_pairs() | {(key, host)})
    lines = [
        "# Which key (name of an environment variable) smallsteps may send to which host.",
        "schema: smallsteps.trusted_endpoints/1",
        "trusted:",
        *(f'  - {{key: {name}, host: "{where}"}}' for name, where in pairs),
    ]
    write_atomic(trusted_file(), "\n".join(lines) + "\n")
    return key, host


def key_for(spec: OpenAISpec) -> str:
    """The key to send to a section's endpoint; `NO_KEY` where there is none to send.

    A key goes only to a host that the user has confirmed for it. `OPENAI_API_KEY` at api.openai.com needs
    no confirmation; at an unconfirmed server on this machine that default is left out, since such servers
    seldom want one.

    Raises:
        UserError: the pair of key and host is not confirmed, OpenAI's key is missing, or the key has letters
            that no header can carry (whoever complained of it further down would show it).
    """
    address = address_of(spec)
    host = host_of(address)
    if not _NAME.fullmatch(spec.key_env):
        raise UserError(
            f"'{visible_text(spec.key_env[:200])}' is not the name of an environment variable",
            where="teacher.key_env",
        )
    key = os.environ.get(spec.key_env, "").strip()
    if not key:
        if address == OPENAI_URL:
            raise UserError(
                f"no key: the environment variable {spec.key_env} is not set",
                fix=f"export {spec.key_env}=..., or name another variable with 'key_env'",
                code=UNAVAILABLE,
            )
        return NO_KEY
    if (spec.key_env, host) not in trusted_pairs():
        if spec.key_env == DEFAULT_KEY and is_loopback(address):
            return NO_KEY
        raise UserError(
            f"the key in {spec.key_env} would be sent to {host}, which you have not confirmed",
            where="teacher.key_env",
            fix=f"if this host may have this key, run once: {allow_command(spec)}",
        )
    if not all("!" <= letter <= "~" for letter in key):
        raise UserError(
            f"the key in {spec.key_env} holds a space, a line break or a letter beyond ASCII",
            fix="copy it again; keys are letters, digits and dashes",
            code=USAGE,
        )
    return key


def allow_command(spec: OpenAISpec) -> str:
    """The command that confirms the pair of a section."""
    return f"smallsteps teach --allow-key '{spec.key_env}={host_of(address_of(spec))}'"


def redact(text: str, key: str) -> str:
    """A message without the key, its encodings, or anything that looks like a key; visible, not too long.

    Keys are taken out before the message is cut, so that no cut leaves part of one.
    """
    text = text[: 40 * _LONGEST_MESSAGE]
    if key != NO_KEY:
        for form in sorted(_forms(key), key=len, reverse=True):
            text = text.replace(form, "[key]")
        text = _without_fragments(text, key, _FRAGMENT)[0]
    text = _LOOKS_LIKE_KEY.sub("[key]", text)
    return visible_text(text[:_LONGEST_MESSAGE])


def hide_key(text: str, key: str) -> tuple[str, int]:
    """An answer without the key, and how often it held it (or a long part of it)."""
    if key == NO_KEY or len(key) < _WHOLE or not text:
        return text, 0
    step = _WHOLE // 2
    pieces = {key[i : i + step] for i in range(0, len(key) - step + 1, step)}
    count = 0
    for form in sorted(_forms(key) - {key}, key=len, reverse=True):
        count += (found := text.count(form))
        text = text.replace(form, "[key]") if found else text
    # every part of 15 letters holds a whole piece of 8: a text without any piece is clean
    if not any(piece in text for piece in pieces):
        return text, count
    text, found = _without_fragments(text, key, _WHOLE)
    return text, count + found


def _forms(key: str) -> set[str]:
    """The key as it is, in Base64 and in a URL."""
    raw = key.encode()
    encoded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return {form for form in {key, quote(key, safe=""), *encoded} if len(form) >= 4}


def _without_fragments(text: str, key: str, size: int) -> tuple[str, int]:
    """The text with `[key]` for every run of at least `size` letters of the key, and their number."""
    grams = {key[i : i + size] for i in range(len(key) - size + 1)}
    kept: list[str] = []
    start = place = count = 0
    while grams and place <= len(text) - size:
        if text[place : place + size] not in grams:
            place += 1
            continue
        end = place + size
        while end < len(text) and text[end - size + 1 : end + 1] in grams:
            end += 1
        kept += [text[start:place], "[key]"]
        count += 1
        start = place = end
    return "".join([*kept, text[start:]]), count
