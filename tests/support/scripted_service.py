"""A loopback service with chat completions and batch jobs, answering by a rule; it counts what it is paid."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Rule = Callable[[str, int], str]  # prompt and seed to text


class Service:
    """Answers every prompt with `rule`.

    Attributes:
        read, written: tokens (words) of all answers, as the service states them.
        chats: requests to chat completions; bodies: of these requests;
        jobs: sizes of the batch jobs handed in; keys: keys seen.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.chats = self.read = self.written = 0
        self.bodies: list[dict[str, Any]] = []
        self.jobs: list[int] = []
        self.keys: set[str] = set()
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.keys.add(self.headers["Authorization"])
                self.reply(service.post(self.path, body))

            def do_GET(self) -> None:
                self.reply(service.get(self.path))

            def reply(self, found: str | dict[str, Any]) -> None:
                raw = (found if isinstance(found, str) else json.dumps(found)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/chat/completions"):
            self.chats += 1
            self.bodies.append(json.loads(body))
            return self.answer(self.bodies[-1])
        if path.endswith("/files"):
            name = f"file{len(self.files)}"
            found = re.search(rb'filename="[^"]+".*?\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
            assert found is not None
            self.files[name] = found[1].decode()
            return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "f",
                    "purpose": "batch", "status": "processed"}  # fmt: skip
        asked = json.loads(body)
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].strip().split("\n")]
        self.jobs.append(len(lines))
        rows = [
            {
                "custom_id": line["custom_id"],
                "response": {"status_code": 200, "body": self.answer(line["body"])},
            }
            for line in lines
        ]
        name = f"batch{len(self.jobs)}"
        self.files[f"{name}-out"] = "\n".join(json.dumps(row) for row in reversed(rows))
        self.batches[name] = {"id": name, "object": "batch", "status": "completed", "created_at": 1,
                              "completion_window": "24h", "endpoint": asked["endpoint"],
                              "input_file_id": asked["input_file_id"], "output_file_id": f"{name}-out",
                              "metadata": asked["metadata"]}  # fmt: skip
        return self.batches[name]

    def get(self, path: str) -> str | dict[str, Any]:
        if path.endswith("/content"):
            return self.files[path.split("/")[-2]]
        if "/batches/" in path:
            return self.batches[path.split("/")[-1]]
        return {"object": "list", "data": list(self.batches.values()), "has_more": False}

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = body["messages"][-1]["content"]
        texts = [self.rule(prompt, body.get("seed", 0) + i) for i in range(body.get("n", 1))]
        choices = [
            {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for i, text in enumerate(texts)
        ]
        written = sum(len(text.split()) for text in texts)
        self.read += len(prompt.split())
        self.written += written
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": written, "total_tokens": 0}
        return {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
                "choices": choices, "usage": usage}  # fmt: skip
