"""A loopback endpoint that answers deterministically and misbehaves at a set rate. Also runs as a script.

The answer to a prompt depends on the prompt and the seed alone, so an undisturbed and a disturbed collection
must end with the same texts.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FAULTS = (
    "429",
    "429-after",
    "500",
    "503",
    "reset",
    "truncated",
    "no-choices",
    "empty-object",
    "filter",
    "wrong-n",
    "same-index",
    "slow",
    "html",
)


@dataclass(frozen=True)
class Scripted:
    """A response as it goes over the wire; `headers` may name a content encoding."""

    raw: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[dict[str, Any], int], "Scripted | None"]


@dataclass
class Hostile:
    """Settings and counts.

    Attributes:
        fault_rate: share of requests that go wrong; faults: how.
        refuse: parameters answered with 400.
        per_minute: stated limit, enforced over every window of a minute; 0: none.
        delay: seconds per answer.
        key: the only accepted key; None accepts all.
        script: answers a request by itself (body, number from 1) where it returns something.
    """

    fault_rate: float = 0.0
    faults: tuple[str, ...] = FAULTS
    refuse: tuple[str, ...] = ()
    per_minute: float = 0
    delay: float = 0.0
    key: str | None = None
    seed: int = 0
    log: str | None = None
    slow: float = 30.0
    script: Script | None = None
    counts: Counter[str] = field(default_factory=Counter)
    billed: int = 0
    times: list[float] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.port = 0
        self.over = 0
        self._oldest = 0
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> Hostile:
        """Serve in a thread until `close`."""
        ready = threading.Event()

        def run() -> None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self.listen())
            ready.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(20)
        return self

    async def listen(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self) -> Hostile:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        now = time.monotonic()
        self.times.append(now)
        self.bodies.append(body)
        self.keys.append(headers.get("authorization", ""))
        self.heads.append(headers)
        del self.bodies[:-50], self.heads[:-50]
        if self.script is not None and (found := self.script(body, len(self.times))) is not None:
            return await self._send(writer, found.status, found.raw, found.headers)
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            sent = headers.get("authorization", "")
            return await self._error(
                writer, 401, f"Incorrect API key provided: {sent.removeprefix('Bearer ')}"
            )
        for name in self.refuse:
            if name in body:
                return await self._error(writer, 400, f"Unsupported parameter: '{name}'", param=name)
        if self.per_minute and self._recent(now) > self.per_minute:
            self.over += 1
            return await self._error(writer, 429, "slow down", {"retry-after-ms": "500"})
        fault = self.rng.choice(self.faults) if self.rng.random() < self.fault_rate else ""
        self.counts[fault] += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        return await self._answer(writer, body, fault, lines[0])

    def _recent(self, now: float) -> int:
        while now - self.times[self._oldest] > 60.0:
            self._oldest += 1
        return len(self.times) - self._oldest

    async def _answer(
        self, writer: asyncio.StreamWriter, body: dict[str, Any], fault: str, line: str
    ) -> bool:
        if fault == "429":
            return await self._error(writer, 429, "too many")
        if fault == "429-after":
            return await self._error(writer, 429, "too many", {"retry-after-ms": "100"})
        if fault in ("500", "503"):
            return await self._error(writer, int(fault), "internal")
        if fault == "html":
            return await self._send(writer, 200, b"<html>gateway</html>")
        if fault == "empty-object":
            return await self._send(writer, 200, b"{}")
        if fault == "reset":
            writer.transport.abort()
            return False
        chat = "chat" in line
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        n = int(body.get("n", 1))
        texts = [text_of(prompt, int(body.get("seed", 0)) + i) for i in range(n)]
        choices: list[dict[str, Any]] = [
            {"index": i, "finish_reason": "stop"} | ({"message": {"content": t}} if chat else {"text": t})
            for i, t in enumerate(texts)
        ]
        if body.get("reasoning_effort"):
            for choice in choices:
                choice["message"]["reasoning_content"] = f"hm {self.key}"
        if body.get("logprobs"):
            for choice, text in zip(choices, texts, strict=True):
                choice["logprobs"] = {
                    "content": [
                        {"token": w, "logprob": -0.5, "top_logprobs": [{"token": w, "logprob": -0.5}]}
                        for w in text.split(" ")
                    ]
                }
        if fault == "filter":
            return await self._error(writer, 500, "content filter had a hiccup")
        if fault == "no-choices":
            choices = []
        if fault == "wrong-n":
            choices = choices[: len(choices) // 2]
        if fault == "same-index":
            for choice in choices:
                choice["index"] = 0
        usage = {
            "prompt_tokens": len(prompt.split()),
            "completion_tokens": sum(len(t.split()) for t in texts),
        }
        data = {"id": "cmpl-1", "object": "chat.completion", "model": body["model"], "choices": choices}
        raw = json.dumps({**data, "usage": usage}).encode()
        if fault == "truncated":
            return await self._send(writer, 200, raw[: len(raw) // 2])
        if fault == "slow":
            return await self._trickle(writer, raw)
        if choices:
            self.billed += len(choices)
            if self.log:
                with open(self.log, "a", encoding="utf-8") as file:
                    file.write("x" * len(choices) + "\n")
        headers = {"x-ratelimit-limit-requests": str(int(self.per_minute))} if self.per_minute else {}
        return await self._send(writer, 200, raw, headers)

    async def _trickle(self, writer: asyncio.StreamWriter, raw: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(raw))
        end = time.monotonic() + self.slow
        for byte in raw:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
            if time.monotonic() > end:
                break
        return False

    async def _error(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        param: str | None = None,
    ) -> bool:
        raw = json.dumps({"error": {"message": message, "type": "x", "param": param, "code": None}}).encode()
        return await self._send(writer, status, raw, headers)

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, raw: bytes, headers: dict[str, str] | None = None
    ) -> bool:
        lines = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(raw)}"]
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
        await writer.drain()
        return True


def text_of(prompt: str, seed: int) -> str:
    """The answer to a prompt with a seed."""
    digest = hashlib.sha256(f"{prompt}|{seed}".encode()).hexdigest()
    value = int(digest[:4], 16) % 50
    return f"We look at {digest[:6]} and find {value} + 1 = {value + 1}. The answer is {value + 1}."


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    options = parser.parse_args()
    server = Hostile(fault_rate=options.fault_rate, log=options.log, delay=options.delay)

    async def serve() -> None:
        await server.listen(options.port)
        print(server.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    sys.exit(main())
