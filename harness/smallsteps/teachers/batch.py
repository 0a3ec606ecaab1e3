"""OpenAI's Batch API as a teacher: one job, half the price, up to a day; found again after a crash."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from typing import Any

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers.budget import Purse
from smallsteps.teachers.endpoint import body_of, read_reply, sent_texts, stopped
from smallsteps.teachers.jobs import Job, Oddities
from smallsteps.teachers.keys import NO_KEY, address_of, is_foreign, key_for, redact
from smallsteps.teachers.model import Emit, Memory, Request, Sample, Say, Status, answered
from smallsteps.teachers.replies import BadAnswerError, parse
from smallsteps.teachers.spec import OpenAISpec, endpoint_name
from smallsteps.teachers.transport import LONGEST_BODY, CappedClient, capped, most_bytes

MOST = 50_000  # requests in one job, and bytes in its file: the service's limits are 50,000 and 200 MB
MOST_BYTES = 190_000_000
TAG = "smallsteps"  # key of the job's metadata by which a job whose id was lost is found again
OPEN = "batch:open"  # note with the digests of the jobs whose rows are not all stored
WORTH = 0.1  # a job that the budget cuts below this share of the run's first one is not worth a day's wait
_LINE = 4096  # bytes of a line of a job's file besides the answer
_LONGEST_FILE = 16 * LONGEST_BODY
_RUNNING = ("validating", "in_progress", "finalizing", "cancelling")


def under_way(memory: Memory) -> dict[str, str]:
    """Keys of the samples in unfinished jobs, with the job's id (empty when the service never sent one)."""
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
        on_progress: called with the state of the job each time it is polled.
        strict_model: stop when an answer names another model than the one asked for.
    """

    paid = True

    def __init__(self, spec: OpenAISpec, *, poll: float = 30.0) -> None:
        self.spec = spec
        self.name = endpoint_name(spec)
        self.poll = poll
        self.purse = Purse()
        self.notices: list[str] = []
        self.memory: Memory = lambda name, value: None
        self.on_progress: Say = lambda text: None
        self.strict_model = False
        self._key = NO_KEY
        self._client: Any = None

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Wait for what is under way, then submit, wait and store, job after job.

        Raises:
            UserError: a job failed as a whole, the endpoint has no Batch API, or the budget is reached.
        """
        import openai

        if self._client is None:
            self._key = key_for(self.spec)
            self._client = openai.OpenAI(
                api_key=self._key,
                base_url=address_of(self.spec),
                max_retries=4,
                timeout=self.spec.limits.timeout,
                http_client=CappedClient(bare=is_foreign(self.spec), timeout=self.spec.limits.timeout),
            )
        odd = self._odd = Oddities()
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
                redact(f"batch job: {error}", self._key),
                where=address_of(self.spec),
                fix="run the same command again: a submitted job is found again, not paid twice",
                code=UNAVAILABLE,
            ) from None
        finally:
            self.notices += odd.notices(self.spec.model)

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
            self.on_progress(f"batch job {job.id}: {job.status}{far}; may take a day (Ctrl-C is safe)")
            time.sleep(self.poll)
            job = self._client.batches.retrieve(job.id)
        rows = self._rows(job, requests)
        emit(rows)
        self._close(digest, requests)  # what failed inside the job is asked again in a new one
        if self.strict_model and self._odd.models:
            raise stopped(f"{self._odd.models.total()} answers are not from '{self.spec.model}'")
        if job.status != "completed" and not rows:
            reasons = [e.message for e in (job.errors.data if job.errors and job.errors.data else [])]
            said = redact("; ".join(map(str, reasons[:3])), self._key)
            raise stopped(f"batch job {job.id} is {job.status}: {said}")

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
        """A job of these requests that was submitted just before a crash, so that its id was not noted."""
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
        """Rows of a finished job, in any order; unknown and repeated ids are left out."""
        wanted = {request.key: request for request in requests}
        rows: dict[str, Sample] = {}
        for name in (job.output_file_id, job.error_file_id):
            if not name:
                continue
            most = sum(_LINE + most_bytes(request.sampling) for request in requests)
            with capped(min(_LONGEST_FILE, most)):
                text = self._client.files.content(name).text
            for line in text.split("\n"):
                if not line.strip():
                    continue
                row = self._line(job, line)
                request = wanted.get(str(row.get("custom_id"))[:200])
                if request is not None and request.key not in rows:
                    rows[request.key] = self._row(request, row)
        return list(rows.values())

    def _line(self, job: Any, line: str) -> dict[str, Any]:
        try:
            row = parse(line)
        except BadAnswerError as error:
            raise UserError(
                f"batch job {job.id}: its file of answers arrived damaged",
                fix="run the same command again: the job is done, only its file is read again",
                code=UNAVAILABLE,
            ) from error
        return row if isinstance(row, dict) else {}

    def _row(self, request: Request, row: dict[str, Any]) -> Sample:
        """The row of one line, paid for: an answer that cannot be used was billed all the same."""
        response = row.get("response")
        response = response if isinstance(response, dict) else {}
        body = response.get("body")
        job = Job([request], self.spec.system)
        if response.get("status_code") != 200 or not isinstance(body, dict):
            said = row.get("error") or (body.get("error") if isinstance(body, dict) else None)
            return answered(request, self.name, "", Status.ERROR, error=self._said(said))
        sent = sent_texts(self.spec, body_of(self.spec, request.prompt, request.sampling, 1, 0, set()))
        try:
            reply = read_reply(body, {}, request.sampling, 1, sent, self._key)
        except BadAnswerError as error:
            self._odd.lost += 1
            job.lose()
            self.purse.pay(job.most_prompt_tokens, job.most_tokens)
            job.attempts = 1
            return job.failed_rows(self.name, Status.ERROR, redact(str(error), self._key))[0]
        self._odd.see(reply, self.spec.model)
        if reply.usage.doubt:
            self.purse.pay(job.most_prompt_tokens, job.most_tokens)
        else:
            self.purse.pay(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        return job.rows(self.name, {0: reply.choices[0]}, reply)[0]

    def _said(self, reason: Any) -> str:
        """Why a line failed, in the service's words."""
        if isinstance(reason, dict):
            reason = reason.get("message") or reason.get("code")
        return redact(reason, self._key) if isinstance(reason, str) and reason else "no answer and no reason"
