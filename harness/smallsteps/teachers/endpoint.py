"""One request to an OpenAI-compatible endpoint: its body, its answer, and what can go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import openai

from smallsteps.errors import UNAVAILABLE, USAGE, UserError
from smallsteps.teachers.limits import retry_after
from smallsteps.teachers.model import Sampling
from smallsteps.teachers.spec import OpenAISpec

Trouble = Literal["rate", "server", "network", "answer", "parameter", "request", "filtered", "fatal"]
# Parameters an endpoint may lack. `n` and `seed` can be done without, the others change what a sample is.
OPTIONAL = (
    "n",
    "seed",
    "logprobs",
    "top_logprobs",
    "stop",
    "top_p",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
)


class RequestError(Exception):
    """A request that gave no answer.

    Args:
        kind: `rate` (429), `server` (5xx), `network` (resets, time-outs), `answer` (unusable body),
            `parameter` or `request` (refused for a parameter or its content), `filtered`, `fatal` (no use
            going on).
        message: what was said, without the key.
        wait: seconds the server asks to wait.
        parameter: the parameter refused.
    """

    def __init__(
        self, kind: Trouble, message: str, wait: float | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.wait = wait
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Reply:
    """A usable answer: its choices as plain values, usage, headers."""

    choices: list[dict[str, Any]]
    prompt_tokens: int
    completion_tokens: int
    headers: Mapping[str, str]
    id: str
    model: str


@dataclass(slots=True)
class Abilities:
    """What an endpoint was found to refuse.

    Attributes:
        refused: parameters left out from now on.
        notices: what the user should know.
    """

    refused: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)

    def refuse(self, parameter: str) -> None:
        """Do without a parameter, or say plainly that it cannot be done without.

        Raises:
            UserError: samples without it would be other samples than were asked for.
        """
        if parameter in self.refused:
            return
        if parameter in ("logprobs", "top_logprobs"):
            raise UserError(
                "this endpoint gives no log-probabilities",
                fix="exact distributions need another teacher (kind: huggingface runs a local model), "
                "or set sampling.logprobs to 0",
            )
        notices = {
            "n": "the endpoint refuses 'n': every sample is a request of its own",
            "seed": "the endpoint refuses 'seed': samples cannot be drawn again",
            "max_tokens": "the endpoint wants 'max_completion_tokens' instead of 'max_tokens'",
        }
        if parameter not in notices:
            fix = f"leave {parameter} out of 'sampling', or use another teacher"
            if parameter == "temperature":
                fix = "set sampling.temperature to what the model takes (reasoning models take 1 alone)"
            raise UserError(f"this endpoint refuses the parameter '{parameter}'", fix=fix)
        self.refused.add(parameter)
        self.notices.append(notices[parameter])


def body_of(
    spec: OpenAISpec, prompt: str, sampling: Sampling, n: int, seed: int, refused: set[str]
) -> dict[str, Any]:
    """The JSON body of a request."""
    body: dict[str, Any] = {"model": spec.model, "temperature": sampling.temperature}
    if spec.api == "chat":
        system = [{"role": "system", "content": spec.system}] if spec.system else []
        body["messages"] = [*system, {"role": "user", "content": prompt}]
    else:
        body["prompt"] = prompt
    budget = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    body[budget] = sampling.max_tokens
    if sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.temperature > 0 and "seed" not in refused:
        body["seed"] = seed
    if n > 1:
        body["n"] = n
    if sampling.logprobs:
        if spec.api == "chat":
            body |= {"logprobs": True, "top_logprobs": sampling.logprobs}
        else:
            body["logprobs"] = sampling.logprobs
    return body


NO_KEY = "none"  # what a server of one's own is sent: it asks for none


def require_key(spec: OpenAISpec) -> str:
    """The key from the environment, without space around it; a stand-in for servers of one's own.

    Raises:
        UserError: no key for the service of OpenAI, or one that no header can carry (whoever complained of it
            further down would show it).
    """
    key = os.environ.get(spec.key_env, "").strip()
    if not all("!" <= letter <= "~" for letter in key):
        raise UserError(
            f"the key in {spec.key_env} holds a space, a line break or a letter beyond ASCII",
            fix="copy it again; keys are letters, digits and dashes",
            code=USAGE,
        )
    if not key and spec.base_url is None:
        raise UserError(
            f"no key: the environment variable {spec.key_env} is not set",
            fix=f"export {spec.key_env}=..., or name another variable with 'key_env'",
            code=UNAVAILABLE,
        )
    return key or NO_KEY


def redact(text: str, key: str) -> str:
    """A message without the key, or what looks like one, and not too long."""
    if key != NO_KEY:
        text = text.replace(key, "[key]")
    return re.sub(r"\b(?:sk|key|Bearer)[-_ ][A-Za-z0-9*_-]{8,}", "[key]", text)[:500]


class Endpoint:
    """An `openai` client that never retries by itself and never shows its key."""

    def __init__(self, spec: OpenAISpec) -> None:
        self.spec = spec
        self._key = require_key(spec)
        self.client = openai.AsyncOpenAI(
            api_key=self._key, base_url=spec.base_url, max_retries=0, timeout=spec.limits.timeout
        )

    def redact(self, text: str) -> str:
        """The text without the key."""
        return redact(text, self._key)

    async def ask(self, body: dict[str, Any]) -> Reply:
        """Send one request.

        Raises:
            RequestError: no usable answer.
        """
        create = (
            self.client.chat.completions.with_raw_response.create
            if self.spec.api == "chat"
            else self.client.completions.with_raw_response.create
        )
        try:
            # the client's own time-out is per chunk: a trickling answer would never end
            async with asyncio.timeout(self.spec.limits.timeout):
                raw = await create(**body)
                text = raw.http_response.text
        except (TimeoutError, openai.APITimeoutError) as error:
            raise RequestError("network", f"no answer within {self.spec.limits.timeout:g} s") from error
        except openai.APIConnectionError as error:
            raise RequestError(
                "network", self.redact(f"connection failed: {error.__cause__ or error}")
            ) from None
        except openai.APIStatusError as error:
            raise self._refused(error, body) from None
        except openai.OpenAIError as error:
            raise RequestError("answer", self.redact(str(error))) from None
        return self._reply(text, dict(raw.headers))

    def _reply(self, text: str, headers: dict[str, str]) -> Reply:
        try:
            data = json.loads(text)
        except ValueError:
            raise RequestError("answer", f"the answer is not JSON: {self.redact(text[:80])!r}") from None
        choices = data.get("choices") if isinstance(data, dict) else None
        if not isinstance(choices, list) or not choices or not all(isinstance(c, dict) for c in choices):
            raise RequestError("answer", "the answer has no choices")
        usage = data.get("usage") or {}
        return Reply(
            choices,
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or 0),
            headers,
            str(data.get("id") or ""),
            str(data.get("model") or ""),
        )

    def _refused(self, error: openai.APIStatusError, body: dict[str, Any]) -> RequestError:
        status = error.status_code
        message = self.redact(f"{status}: {_message(error)}")
        code = str(getattr(error, "code", "") or "")
        if status == 429:
            if code == "insufficient_quota":
                return RequestError("fatal", f"the account has no credit left ({message})")
            return RequestError("rate", message, retry_after(error.response.headers))
        if status >= 500 or status in (408, 409):
            return RequestError("server", message, retry_after(error.response.headers))
        if status in (401, 403):
            return RequestError("fatal", f"the key in {self.spec.key_env} is not accepted ({message})")
        if status == 404:
            return RequestError("fatal", f"no such model or address: '{self.spec.model}' ({message})")
        if code == "content_filter" or "content management policy" in message:
            return RequestError("filtered", message)
        named = [p for p in OPTIONAL if p in body and _names(message, p, error)]
        if named:
            return RequestError("parameter", message, parameter=named[0])
        return RequestError("request", message)


def _names(message: str, parameter: str, error: openai.APIStatusError) -> bool:
    """Whether a refusal is about a parameter."""
    if getattr(error, "param", None) == parameter:
        return True
    if parameter == "n":  # a lone letter needs quotes or brackets around it
        return bool(re.search(r"""['"`{\[ ]n['"`}\]:]""", message))
    return bool(re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", message))


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            return str(inner.get("message") or inner.get("detail") or inner)
        return str(body.get("detail") or inner)
    return str(body or error.message)


def stopped(message: str) -> UserError:
    """The user's view of a fatal failure."""
    return UserError(
        message, fix="what was received is stored; mend this and run the same command again", code=USAGE
    )
