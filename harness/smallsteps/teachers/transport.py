"""HTTP clients for endpoints nobody vouches for: capped bodies, no redirects to other hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2
import openai

from smallsteps.teachers.model import Sampling

# Decoded bytes that one body may have. A request sets its own limit (`capped`); this one is for all others,
# such as the status of a batch job.
_LIMIT: ContextVar[int] = ContextVar("_LIMIT", default=4 << 20)
LONGEST_BODY = 64 << 20
_ENVELOPE = 64 << 10  # ids, usage, headings: all that does not grow with the samples
# The longest tokens in use are runs of 128 spaces; escaped in JSON, two bytes a character at most.
_TOKEN = 256
_LOGPROB = 512  # one candidate: its surface, its bytes as a list of numbers, its value
_ENCODINGS = ("", "identity", "gzip", "deflate")
_REDIRECTS = 3


class BodyTooLargeError(openai.OpenAIError):
    """A body that is longer than what was asked for can be."""


class RedirectError(openai.OpenAIError):
    """A redirect to another host, or one too many."""


class EncodingError(openai.OpenAIError):
    """A body that claims a compression that was not asked for, or whose compression is damaged."""


def most_bytes(sampling: Sampling, samples: int = 1) -> int:
    """Decoded bytes that an answer with this many samples can have at most."""
    token = _TOKEN + (_LOGPROB * (1 + sampling.logprobs) if sampling.logprobs else 0)
    return min(LONGEST_BODY, _ENVELOPE + samples * sampling.max_tokens * token)


@contextmanager
def capped(limit: int) -> Iterator[None]:
    """Bodies received inside have at most `limit` decoded bytes."""
    before = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(before)


class _Body:
    """Collects the decoded parts of a body up to the limit."""

    def __init__(self, response: httpx2.Response) -> None:
        self.limit = _LIMIT.get()
        self.parts: list[bytes] = []
        self.size = 0
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in _ENCODINGS:
            raise EncodingError(f"the answer has the content encoding {coding[:40]!r}, not asked for")

    def add(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self.limit:
            raise BodyTooLargeError(
                f"the answer is longer than {self.limit} bytes, more than what was asked for can take"
            )
        self.parts.append(part)

    def response(self, response: httpx2.Response) -> httpx2.Response:
        """The response, decoded and whole."""
        left_out = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in left_out]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            content=b"".join(self.parts),
            request=response.request,
            extensions={"http_version": response.extensions.get("http_version", b"HTTP/1.1")},
        )


def _next(response: httpx2.Response, redirects: int) -> httpx2.Request | None:
    """The request that a redirect leads to; None for an answer.

    Raises:
        RedirectError: it leads to another host, to plain HTTP, or round in circles.
    """
    request = response.next_request
    if request is None:
        return None
    before, after = response.request.url, request.url
    home = (before.scheme, before.host, before.port) == (after.scheme, after.host, after.port)
    upgraded = before.host == after.host and (before.scheme, after.scheme) == ("http", "https")
    if not (home or (upgraded and before.port is None and after.port is None)):
        place = f"{after.scheme}://{after.netloc.decode('ascii', 'replace')}"
        raise RedirectError(f"the endpoint redirects to {place[:200]}; nothing was sent there")
    if redirects >= _REDIRECTS:
        raise RedirectError("the endpoint redirects in circles")
    return request


# What an endpoint gets that the environment's further headers are not meant for.
_HEADERS = frozenset(
    ("host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length",
     "transfer-encoding", "authorization", "idempotency-key")
)  # fmt: skip


def _strip(request: httpx2.Request) -> None:
    """Remove all headers but those that a request needs (`x-stainless-*` are the client's own notes)."""
    for name in list(request.headers):
        if name.lower() not in _HEADERS and not name.lower().startswith("x-stainless-"):
            del request.headers[name]


def _only_asked(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in ("stream", "follow_redirects")}


class CappedAsyncClient(openai.DefaultAsyncHttpxClient):
    """The asynchronous client of `openai` with the limits of this module.

    Args:
        bare: send no header but those that a request needs.
        timeout: seconds.
    """

    def __init__(self, *, bare: bool, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._bare = bare

    async def send(self, request: httpx2.Request, **arguments: Any) -> httpx2.Response:
        """Send, follow redirects on the same host, read the whole body up to the limit."""
        if self._bare:
            _strip(request)
        for redirects in range(_REDIRECTS + 1):
            response = await super().send(
                request, stream=True, follow_redirects=False, **_only_asked(arguments)
            )
            try:
                following = _next(response, redirects)
                if following is None:
                    body = _Body(response)
                    async for part in response.aiter_bytes():
                        body.add(part)
                    return body.response(response)
                request = following
            except httpx2.DecodingError as error:
                raise EncodingError(f"the answer is damaged ({error})") from None
            finally:
                await response.aclose()
        raise AssertionError("unreachable: _next raises at the last redirect")


class CappedClient(openai.DefaultHttpxClient):
    """The same for the blocking client.

    Args:
        bare: send no header but those that a request needs.
        timeout: seconds.
    """

    def __init__(self, *, bare: bool, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._bare = bare

    def send(self, request: httpx2.Request, **arguments: Any) -> httpx2.Response:
        """Send, follow redirects on the same host, read the whole body up to the limit."""
        if self._bare:
            _strip(request)
        for redirects in range(_REDIRECTS + 1):
            response = super().send(request, stream=True, follow_redirects=False, **_only_asked(arguments))
            try:
                following = _next(response, redirects)
                if following is None:
                    body = _Body(response)
                    for part in response.iter_bytes():
                        body.add(part)
                    return body.response(response)
                request = following
            except httpx2.DecodingError as error:
                raise EncodingError(f"the answer is damaged ({error})") from None
            finally:
                response.close()
        raise AssertionError("unreachable: _next raises at the last redirect")
