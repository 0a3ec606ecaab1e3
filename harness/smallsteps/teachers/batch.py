"""OpenAI's Batch API as a teacher: one job, half the price, up to a day; found again after any crash."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from typing import Any

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers.endpoint import body_of, redact, require_key, stopped
from smallsteps.teachers.layouts import read_choice
from smallsteps.teachers.model import Emit, Memory, Request, Sample, Status, answered
from smallsteps.teachers.openai import endpoint_name
from smallsteps.teachers.prices import Price
from smallsteps.teachers.spec import OpenAISpec

MOST = 50_000  # requests in one job
TAG = "smallsteps"  # key of the job's metadata by which a job whose id was lost is found again
_OPEN = ("validating", "in_progress", "finalizing", "cancelling")


class BatchTeacher:
    """Hands the requests in as jobs and waits.

    The id of a job is remembered with the store before anything is waited for, and the job carries a digest
    of its requests: a second run waits for the same job instead of paying for another.

    Attributes:
        name, paid, notices: see `OpenAITeacher`; the name is the same, samples of both ways are one corpus.
        poll: seconds between looks at a job.
        memory: notes kept with the store.
    """

    paid = True

    def __init__(self, spec: OpenAISpec, *, poll: float = 30.0) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.poll = poll
        self.price: Price | None = None
        self.notices: list[str] = []
        self.memory: Memory = lambda name, value: None
        self._client: Any = None

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Submit, wait, store; job after job.

        Raises:
            UserError: a job failed as a whole, or the endpoint has no Batch API.
        """
        import openai

        if self._client is None:
            key = require_key(self.spec)
            self._client = openai.OpenAI(
                api_key=key, base_url=self.spec.base_url, max_retries=4, timeout=self.spec.limits.timeout
            )
        for start in range(0, len(requests), MOST):
            part = requests[start : start + MOST]
            try:
                self._job(part, emit)
            except openai.OpenAIError as error:
                raise UserError(
                    redact(f"batch job: {error}", self._client.api_key),
                    where=self.spec.base_url,
                    fix="run the same command again: a submitted job is found again, not paid twice",
                    code=UNAVAILABLE,
                ) from None

    def _job(self, requests: Sequence[Request], emit: Emit) -> None:
        digest = hashlib.sha256("\n".join(request.key for request in requests).encode()).hexdigest()[:32]
        note = f"batch:{digest}"
        found = self.memory(note, None)
        job = self._client.batches.retrieve(found) if found else self._lost(digest)
        if job is None:
            job = self._submit(requests, digest)
        self.memory(note, job.id)
        while job.status in _OPEN:
            time.sleep(self.poll)
            job = self._client.batches.retrieve(job.id)
        rows = self._rows(job, requests)
        emit(rows)
        self.memory(note, "")  # what failed inside the job is asked again in a new one
        if job.status != "completed" and not rows:
            reasons = [e.message for e in (job.errors.data if job.errors and job.errors.data else [])]
            raise stopped(f"batch job {job.id} is {job.status}: {'; '.join(map(str, reasons[:3]))}")

    def _lost(self, digest: str) -> Any:
        """A job of these requests whose id a crash has eaten: submitted, never remembered."""
        for job in self._client.batches.list(limit=100):
            if (job.metadata or {}).get(TAG) == digest and job.status in (*_OPEN, "completed"):
                return job
        return None

    def _submit(self, requests: Sequence[Request], digest: str) -> Any:
        url = "/v1/chat/completions" if self.spec.api == "chat" else "/v1/completions"
        lines = []
        for request in requests:
            seed = request.sampling.seed + request.sample
            body = body_of(self.spec, request.prompt, request.sampling, 1, seed, set())
            lines.append(json.dumps({"custom_id": request.key, "method": "POST", "url": url, "body": body}))
        handle = io.BytesIO(("\n".join(lines) + "\n").encode())
        file = self._client.files.create(file=(f"{digest}.jsonl", handle), purpose="batch")
        return self._client.batches.create(
            input_file_id=file.id, endpoint=url, completion_window="24h", metadata={TAG: digest}
        )

    def _rows(self, job: Any, requests: Sequence[Request]) -> list[Sample]:
        """Rows of a finished job, in whatever order they come; unknown and repeated ids are left out."""
        wanted = {request.key: request for request in requests}
        rows: dict[str, Sample] = {}
        for name in (job.output_file_id, job.error_file_id):
            if not name:
                continue
            for line in self._client.files.content(name).text.split("\n"):
                if not line.strip():
                    continue
                row = json.loads(line)
                request = wanted.get(str(row.get("custom_id")))
                if request is not None and request.key not in rows:
                    rows[request.key] = self._row(request, row)
        return list(rows.values())

    def _row(self, request: Request, row: dict[str, Any]) -> Sample:
        response = row.get("response") or {}
        body = response.get("body") or {}
        choices = body.get("choices") or []
        if response.get("status_code") != 200 or not choices:
            reason = row.get("error") or body.get("error") or "no choices"
            error = redact(json.dumps(reason), self._client.api_key)
            return answered(request, self.name, "", Status.ERROR, error=error)
        text, status, tokens = read_choice(choices[0])
        usage = body.get("usage") or {}
        if status is Status.OK and not text.strip():
            status = Status.REFUSED
        return answered(
            request,
            self.name,
            text,
            status,
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            tokens=tokens,
            extra={
                "id": row.get("id"),
                "model": body.get("model"),
                "finish": choices[0].get("finish_reason"),
            },
        )
