"""OpenAI's Batch API as a teacher: one job, half the price, up to a day; found again after any crash."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers.budget import Purse
from smallsteps.teachers.endpoint import body_of, redact, require_key, stopped
from smallsteps.teachers.layouts import read_choice
from smallsteps.teachers.model import Emit, Memory, Request, Sample, Status, answered
from smallsteps.teachers.spec import OpenAISpec, endpoint_name

MOST = 50_000  # requests in one job, and bytes in its file: the service's limits are 50,000 and 200 MB
MOST_BYTES = 190_000_000
TAG = "smallsteps"  # key of the job's metadata by which a job whose id was lost is found again
OPEN = "batch:open"  # note with the digests of the jobs whose rows are not all stored
WORTH = 0.1  # a job that the budget cuts below this share of the run's first one is not worth a day's wait
_RUNNING = ("validating", "in_progress", "finalizing", "cancelling")


def under_way(memory: Memory) -> dict[str, str]:
    """Keys of the samples that stand in unfinished jobs, with the job's id (empty when it was never told)."""
    found: dict[str, str] = {}
    for digest in json.loads(memory(OPEN, None) or "[]"):
        note = json.loads(memory(f"batch:{digest}", None) or "{}")
        found |= dict.fromkeys(note.get("keys", ()), note.get("id", ""))
    return found


class BatchTeacher:
    """Hands the requests in as jobs and waits.

    What a job asks for is remembered with the store before it is submitted, its id before it is waited for,
    and the job carries a digest of its requests: a later run, whatever else it asks for, waits for the same
    job instead of paying for another.

    With a budget, a job holds what can be paid even if every sample is as long as it may be; what it leaves
    over goes into the next one.

    Attributes:
        name, paid, purse, notices: see `OpenAITeacher`; the name is the same, samples of both ways are one
            corpus.
        poll: seconds between looks at a job.
        memory: notes kept with the store.
        told: hears at every look how far a job has come.
    """

    paid = True

    def __init__(self, spec: OpenAISpec, *, poll: float = 30.0) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.poll = poll
        self.purse = Purse()
        self.notices: list[str] = []
        self.memory: Memory = lambda name, value: None
        self.told: Callable[[str], None] = lambda text: None
        self._client: Any = None

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Wait for what is under way, then submit, wait and store, job after job.

        Raises:
            UserError: a job failed as a whole, the endpoint has no Batch API, or the budget is reached.
        """
        import openai

        if self._client is None:
            key = require_key(self.spec)
            self._client = openai.OpenAI(
                api_key=key, base_url=self.spec.base_url, max_retries=4, timeout=self.spec.limits.timeout
            )
        try:
            left = self._resume(list(requests), emit)
            first = 0
            while left:
                part = self._cut(left, first)
                first = first or len(part)
                self._wait(self._submit(part), part, emit)
                left = left[len(part) :]
        except openai.OpenAIError as error:
            raise UserError(
                redact(f"batch job: {error}", self._client.api_key),
                where=self.spec.base_url,
                fix="run the same command again: a submitted job is found again, not paid twice",
                code=UNAVAILABLE,
            ) from None

    def _cut(self, requests: Sequence[Request], first: int) -> list[Request]:
        """The requests of the next job: what a job can hold and the budget bears at the worst.

        Raises:
            BudgetReachedError: it bears none, or too few to be worth a job after one of `first` requests.
        """
        dollars, size = 0.0, 0
        part: list[Request] = []
        for request in requests[:MOST]:
            one = self.purse.most(request, self.spec.system)
            size += len(json.dumps(request.prompt)) + len(json.dumps(self.spec.system)) + 500
            if (size > MOST_BYTES and part) or not self.purse.bears(dollars + one):
                break
            dollars += one
            part.append(request)
        if len(part) < min(len(requests), max(1, round(WORTH * first))):
            raise self.purse.reached(self.purse.most(requests[len(part)], self.spec.system))
        if len(part) < min(len(requests), MOST) and size <= MOST_BYTES:
            self.notices.append(f"the budget bears a job of {len(part)} of {len(requests)} requests")
        return part

    def _resume(self, requests: list[Request], emit: Emit) -> list[Request]:
        """Wait for the jobs that former runs submitted; returns what none of them was asked for."""
        wanted = {request.key: request for request in requests}
        for digest in self._open():
            note = json.loads(self.memory(f"batch:{digest}", None) or "{}")
            asked = [wanted.pop(key) for key in note.get("keys", ()) if key in wanted]
            if not asked:
                continue  # of another section on the same store: left to it
            job = self._client.batches.retrieve(note["id"]) if note["id"] else self._lost(digest)
            if job is None:  # the run ended between the note and the submission
                self._close(digest, asked)
                wanted |= {request.key: request for request in asked}
            else:
                self._wait((job, digest), asked, emit)
        return [request for request in requests if request.key in wanted]

    def _wait(self, submitted: tuple[Any, str], requests: Sequence[Request], emit: Emit) -> None:
        """Wait for a job, store its rows, strike it off."""
        job, digest = submitted
        self._note(digest, job.id)
        while job.status in _RUNNING:
            counts = getattr(job, "request_counts", None)
            far = f", {counts.completed} of {counts.total} answered" if counts else ""
            self.told(f"batch job {job.id}: {job.status}{far}; up to a day (Ctrl-C, and come back later)")
            time.sleep(self.poll)
            job = self._client.batches.retrieve(job.id)
        rows = self._rows(job, requests)
        for row in rows:
            self.purse.pay(row.prompt_tokens, row.completion_tokens)
        emit(rows)
        self._close(digest, requests)  # what failed inside the job is asked again in a new one
        if job.status != "completed" and not rows:
            reasons = [e.message for e in (job.errors.data if job.errors and job.errors.data else [])]
            raise stopped(f"batch job {job.id} is {job.status}: {'; '.join(map(str, reasons[:3]))}")

    def _open(self) -> list[str]:
        return list(json.loads(self.memory(OPEN, None) or "[]"))

    def _note(self, digest: str, job: str, keys: Sequence[str] | None = None) -> None:
        """Remember a job: first what it asks for (`keys`), then its id."""
        known = json.loads(self.memory(f"batch:{digest}", None) or "{}")
        held = {"id": job, "keys": list(keys) if keys is not None else known.get("keys", [])}
        self.memory(f"batch:{digest}", json.dumps(held))
        if digest not in (digests := self._open()):
            self.memory(OPEN, json.dumps([*digests, digest]))

    def _close(self, digest: str, requests: Sequence[Request]) -> None:
        """Strike these requests off a job; the job itself when they were the last."""
        known = json.loads(self.memory(f"batch:{digest}", None) or "{}")
        done = {request.key for request in requests}
        keys = [key for key in known.get("keys", ()) if key not in done]
        self.memory(f"batch:{digest}", json.dumps({**known, "keys": keys}) if keys else "")
        if not keys:
            self.memory(OPEN, json.dumps([other for other in self._open() if other != digest]))

    def _lost(self, digest: str) -> Any:
        """A job of these requests whose id a crash has eaten: submitted, never remembered."""
        for job in self._client.batches.list(limit=100):
            if (job.metadata or {}).get(TAG) == digest and job.status in (*_RUNNING, "completed"):
                return job
        return None

    def _submit(self, requests: Sequence[Request]) -> tuple[Any, str]:
        """Hand a job in; returns it and the digest of its requests."""
        keys = [request.key for request in requests]
        digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]
        self._note(digest, "", keys)
        url = "/v1/chat/completions" if self.spec.api == "chat" else "/v1/completions"
        lines = []
        for request in requests:
            seed = request.sampling.seed + request.sample
            body = body_of(self.spec, request.prompt, request.sampling, 1, seed, set())
            lines.append(json.dumps({"custom_id": request.key, "method": "POST", "url": url, "body": body}))
        handle = io.BytesIO(("\n".join(lines) + "\n").encode())
        file = self._client.files.create(file=(f"{digest}.jsonl", handle), purpose="batch")
        job = self._client.batches.create(
            input_file_id=file.id, endpoint=url, completion_window="24h", metadata={TAG: digest}
        )
        return job, digest

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
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise UserError(
                        f"batch job {job.id}: its file of answers came in broken",
                        fix="run the same command again: the job is done, only its file is read again",
                        code=UNAVAILABLE,
                    ) from error
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
