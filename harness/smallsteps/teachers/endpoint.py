"""One request to an OpenAI-compatible endpoint: its body, its answer, and what can go wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import openai

from smallsteps.engines.prompts import messages_of
from smallsteps.errors import USAGE, UserError
from smallsteps.teachers.keys import (
    NO_KEY,
    address_of,
    allow_command,
    hide_key,
    host_of,
    is_foreign,
    key_for,
    redact,
)
from smallsteps.teachers.limits import retry_after
from smallsteps.teachers.model import Sampling
from smallsteps.teachers.replies import BadAnswerError, Choice, Usage, parse, read_choices, read_usage
from smallsteps.teachers.spec import OpenAISpec
from smallsteps.teachers.transport import (
    BodyTooLargeError,
    CappedAsyncClient,
    RedirectError,
    capped,
    most_bytes,
)

Trouble = Literal[
    "rate", "server", "network", "answer", "oversized", "parameter", "request", "filtered", "fatal"
]
_LONGEST_NAME = 200  # of an id or model that an endpoint states
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
            `oversized` (a body longer than it can be), `parameter` or `request` (refused for a parameter or
            its content), `filtered`, `fatal` (no use going on).
        message: what was said, without the key.
        wait: seconds the server asks to wait.
        parameter: the parameter refused.
        billed: the request may have been billed although nothing usable came of it.
    """

    def __init__(
        self,
        kind: Trouble,
        message: str,
        wait: float | None = None,
        parameter: str | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.billed = billed
        self.kind = kind
        self.message = message
        self.wait = wait
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Reply:
    """A usable answer.

    Attributes:
        choices, usage, headers, id, model: what came back, checked.
        hidden_keys: how often its texts repeated the key, which was taken out.
    """

    choices: list[Choice]
    usage: Usage
    headers: Mapping[str, str]
    id: str
    model: str
    hidden_keys: int = 0


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
            "n": "the endpoint refuses 'n': every sample is a separate request",
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
        said = [{"role": one.role, "content": one.content} for one in messages_of(prompt)]
        body["messages"] = [*system, *said]
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
    return {**body, **spec.parameters}


class Endpoint:
    """An `openai` client that never retries by itself and never shows its key."""

    def __init__(self, spec: OpenAISpec) -> None:
        self.spec = spec
        self._key = key_for(spec)
        self.client = openai.AsyncOpenAI(
            api_key=self._key,
            base_url=address_of(spec),
            max_retries=0,
            timeout=spec.limits.timeout,
            http_client=CappedAsyncClient(bare=is_foreign(spec), timeout=spec.limits.timeout),
        )

    def redact(self, text: str) -> str:
        """The text without the key."""
        return redact(text, self._key)

    async def ask(self, body: dict[str, Any], sampling: Sampling) -> Reply:
        """Send one request.

        Raises:
            RequestError: no usable answer.
        """
        create = (
            self.client.chat.completions.with_raw_response.create
            if self.spec.api == "chat"
            else self.client.completions.with_raw_response.create
        )
        samples = int(body.get("n", 1))
        # the client knows the names of some fields only; the user's own go past it
        further = {name: value for name, value in body.items() if name in self.spec.parameters}
        known = {name: value for name, value in body.items() if name not in further}
        try:
            # the client's own time-out is per chunk: a trickling answer would never end
            async with asyncio.timeout(self.spec.limits.timeout):
                with capped(most_bytes(sampling, samples)):
                    raw = await create(**known, extra_body=further)
                text = raw.http_response.text
        except (TimeoutError, openai.APITimeoutError) as error:
            message = f"no answer within {self.spec.limits.timeout:g} s"
            raise RequestError("network", message, billed=True) from error
        except openai.APIConnectionError as error:
            raise RequestError(
                "network", self.redact(f"connection failed: {error.__cause__ or error}")
            ) from None
        except openai.APIStatusError as error:
            raise self._refused(error, body) from None
        except RedirectError as error:
            raise RequestError("fatal", self.redact(str(error))) from None
        except BodyTooLargeError as error:
            raise RequestError("oversized", self.redact(str(error)), billed=True) from None
        except openai.OpenAIError as error:
            raise RequestError("answer", self.redact(str(error)), billed=True) from None
        except RecursionError:  # the client parses the bodies of refusals itself
            raise RequestError("answer", "the refusal is nested too deeply") from None
        try:
            sent = sent_texts(self.spec, body)
            return read_reply(parse(text), dict(raw.headers), sampling, samples, sent, self._key)
        except BadAnswerError as error:
            message = str(error)
            if message == "the answer is not JSON":
                message += f": {self.redact(text)[:80]!r}"
            raise RequestError("answer", self.redact(message), billed=True) from None

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
            if self._key == NO_KEY:
                return RequestError("fatal", f"{no_key_sent(self.spec)} ({message})")
            return RequestError("fatal", f"the key in {self.spec.key_env} is not accepted ({message})")
        if 300 <= status < 400:
            return RequestError("fatal", f"the endpoint redirects, and not to an address ({message})")
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
    """What the endpoint says in a refusal; the start of the body where that is in no known place."""
    body = error.body
    inner = body.get("error", body) if isinstance(body, dict) else body
    for place in (inner, body):
        if isinstance(place, str) and place:
            return place
        if isinstance(place, dict):
            said = place.get("message") or place.get("detail")
            if isinstance(said, str) and said:
                return said
    return error.response.text[:2000] or "no reason given"


def read_reply(
    data: Any, headers: Mapping[str, str], sampling: Sampling, samples: int, sent: Sequence[str], key: str
) -> Reply:
    """The usable answer in a parsed body.

    Args:
        data: the body.
        headers: of the response.
        sampling, samples, sent: what was asked for, how many of it, and the texts that were billed as prompt.
        key: taken out of the texts where they repeat it.

    Raises:
        BadAnswerError: there is none.
    """
    choices, hidden = [], 0
    for choice in read_choices(data, sampling.logprobs > 0):
        text, count = hide_key(choice.text, key)
        if any(hide_key("".join(surfaces), key)[1] for surfaces in surfaces_of(choice)):
            raise BadAnswerError("the log-probabilities repeat the key")
        thoughts, more = hide_key(choice.hidden, key)
        hidden += count + more
        choices.append(replace(choice, text=text, hidden=thoughts))

    def name(value: object) -> str:
        return redact(value, key)[:_LONGEST_NAME] if isinstance(value, str) else ""

    usage = read_usage(data, sent, choices, samples * sampling.max_tokens)
    return Reply(choices, usage, headers, name(data.get("id")), name(data.get("model")), hidden)


def no_key_sent(spec: OpenAISpec) -> str:
    """What to do about a server that asks for a key when none was sent."""
    return (
        f"{host_of(address_of(spec))} wants a key, and none was sent: put it into {spec.key_env} (or name "
        f"another variable with 'key_env') and run {allow_command(spec)}"
    )


def sent_texts(spec: OpenAISpec, body: Mapping[str, Any]) -> list[str]:
    """The texts of a request that are billed."""
    if "messages" in body:
        return [str(message["content"]) for message in body["messages"]]
    return [str(body["prompt"])]


def surfaces_of(choice: Choice) -> Iterator[list[str]]:
    """The texts that the log-probabilities of a choice spell: the drawn tokens, and each candidate."""
    if choice.tokens:
        yield [token.token for token in choice.tokens]
        yield [surface for token in choice.tokens for surface, _ in token.top]


def stopped(message: str) -> UserError:
    """The user's view of a fatal failure."""
    return UserError(
        message, fix="what was received is stored; correct this and run the same command again", code=USAGE
    )
