"""The run of an endpoint teacher: what is asked when, what is tried again, what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, groupby

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers.budget import Purse
from smallsteps.teachers.endpoint import Abilities, Endpoint, Reply, RequestError, body_of, stopped
from smallsteps.teachers.layouts import read_choice
from smallsteps.teachers.limits import Level, Pacer, Pause, exhausted, stated_limits
from smallsteps.teachers.model import Emit, Request, Sample, Status, answered
from smallsteps.teachers.prices import estimated_tokens, most_tokens
from smallsteps.teachers.spec import OpenAISpec

_STEP = 0.25  # seconds; how soon a waiting run notices that it is to stop


@dataclass(slots=True)
class Job:
    """Samples of one prompt, asked for in one request. `attempts`: requests that failed so far."""

    requests: list[Request]
    system: str = ""
    attempts: int = 0
    prompt_tokens: int = field(init=False)
    most_prompt_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        texts = [self.requests[0].prompt, *([self.system] if self.system else [])]
        self.prompt_tokens = sum(map(estimated_tokens, texts))
        self.most_prompt_tokens = sum(map(most_tokens, texts))

    @property
    def most_tokens(self) -> int:
        """Completion tokens at most."""
        return len(self.requests) * self.requests[0].sampling.max_tokens


class Dispatch:
    """One run. All state of the run lives here; the endpoint and the store know nothing of each other."""

    def __init__(
        self,
        spec: OpenAISpec,
        name: str,
        requests: Sequence[Request],
        emit: Emit,
        *,
        purse: Purse,
        notices: list[str],
    ) -> None:
        self.spec = spec
        self.name = name
        self.purse = purse
        self.limits = spec.limits
        self.emit = emit
        groups = groupby(requests, key=lambda r: (r.prompt, r.sampling))
        self.queue: deque[Job] = deque(Job(list(group), spec.system) for _, group in groups)
        self.later: list[tuple[float, int, Job]] = []
        self.ticket = count()
        self.flying: dict[asyncio.Task[None], Job] = {}
        self.endpoint = Endpoint(spec)
        self.abilities = Abilities(notices=notices)
        self.requests_pacer = Pacer(self.limits.requests_per_minute)
        self.tokens_pacer = Pacer(self.limits.tokens_per_minute)
        self.level = Level(self.limits.concurrency)
        self.pause = Pause()
        self.retries_left = max(20, round(self.limits.retries * len(requests)))
        self.settled = False  # one answered request has shown what the endpoint can do
        self.stop: BaseException | None = None
        self.woken = asyncio.Event()
        self.answers = 0
        self.completion_tokens = 0
        self.buffer: list[tuple[list[Sample], asyncio.Future[None]]] = []
        self.flusher: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Ask until nothing is left or something stops the run; then wait for what is in flight."""
        loop = asyncio.get_running_loop()
        main = threading.current_thread() is threading.main_thread()
        if main:
            with contextlib.suppress(NotImplementedError):  # Windows: the plain KeyboardInterrupt
                loop.add_signal_handler(signal.SIGINT, self._interrupted)
        try:
            await self._loop()
        finally:
            if main:
                with contextlib.suppress(NotImplementedError):
                    loop.remove_signal_handler(signal.SIGINT)
            for task in self.flying:
                task.cancel()
            await asyncio.gather(*self.flying, return_exceptions=True)
            await self.endpoint.client.close()
        if self.stop is not None:
            raise self.stop

    def _interrupted(self) -> None:
        if isinstance(self.stop, KeyboardInterrupt):  # pressed twice: give up what is in flight
            for task in self.flying:
                task.cancel()
        self._halt(KeyboardInterrupt())

    def _halt(self, reason: BaseException) -> None:
        if self.stop is None or isinstance(reason, KeyboardInterrupt):
            self.stop = reason
        self.woken.set()

    async def _loop(self) -> None:
        while self.queue or self.later or self.flying:
            self._due()
            if self.stop is not None:
                if not self.flying:
                    return
                await self._wait(None)
            elif not self.queue or len(self.flying) >= self._width() or not self._affordable():
                if self.stop is None:
                    await self._wait(self._next_due())
            elif (left := self.pause.left()) > 0:
                await self._wait(left)
            else:
                await self._launch(self.queue.popleft())

    def _width(self) -> int:
        return int(self.level.value) if self.settled else 1

    def _due(self) -> None:
        while self.later and self.later[0][0] <= time.monotonic():
            self.queue.append(heapq.heappop(self.later)[2])

    def _next_due(self) -> float | None:
        return max(0.0, self.later[0][0] - time.monotonic()) if self.later else None

    async def _wait(self, seconds: float | None) -> None:
        """Until an answer comes, the run is to stop, or the time is up."""
        self.woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STEP if seconds is None else min(seconds, _STEP)):
                await self.woken.wait()

    async def _launch(self, job: Job) -> None:
        tokens = job.prompt_tokens + self._expected(job)
        ready = time.monotonic() + max(self.requests_pacer.wait(), self.tokens_pacer.wait(tokens))
        while (left := max(ready - time.monotonic(), self.pause.left())) > 0 and self.stop is None:
            await self._wait(left)
        if self.stop is not None:
            self.queue.appendleft(job)
            return
        task = asyncio.create_task(self._one(job, tokens))
        self.flying[task] = job
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self.flying.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._halt(error)
        self.woken.set()

    def _expected(self, job: Job) -> float:
        if self.answers < 5:
            return job.most_tokens
        return len(job.requests) * self.completion_tokens / self.answers

    def _affordable(self) -> bool:
        """Whether the budget bears this job even if everything in flight spends all it may."""
        if self.purse.budget is None:
            return True
        worst = [self.purse.cost(job.most_prompt_tokens, job.most_tokens) for job in self.flying.values()]
        next_one = self.purse.cost(self.queue[0].most_prompt_tokens, self.queue[0].most_tokens)
        if self.purse.bears(sum(worst) + next_one):
            return True
        if not self.flying:
            self._halt(self.purse.reached(next_one))
        return False

    async def _one(self, job: Job, booked: float) -> None:
        first = job.requests[0]
        seed = first.sampling.seed + first.sample
        n = len(job.requests)
        if n > 1 and "n" in self.abilities.refused:
            self._split(job)
            return
        body = body_of(self.spec, first.prompt, first.sampling, n, seed, self.abilities.refused)
        try:
            reply = await self.endpoint.ask(body)
            if reply.prompt_tokens or reply.completion_tokens:
                self.purse.pay(reply.prompt_tokens, reply.completion_tokens)  # usable or not, it is billed
            else:
                self.purse.pay(job.most_prompt_tokens, job.most_tokens)  # unsaid: the most it can have been
            rows, missing = self._rows(job, reply)
        except RequestError as failure:
            await self._failed(job, failure)
            return
        self._account(job, reply, booked)
        await self._store(rows)
        if missing:
            job.requests = missing
            await self._again(job, RequestError("answer", f"{len(missing)} of {n} choices are missing"))

    def _account(self, job: Job, reply: Reply, booked: float) -> None:
        self.settled = True
        self.level.success()
        self.pause.success()
        self.answers += len(job.requests)
        self.completion_tokens += reply.completion_tokens
        requests, tokens = stated_limits(reply.headers)
        if requests is not None:
            self.requests_pacer.learn(requests)
        if tokens is not None:
            self.tokens_pacer.learn(tokens)
        if reply.prompt_tokens or reply.completion_tokens:
            self.tokens_pacer.correct(reply.prompt_tokens + reply.completion_tokens - booked)
        wait = exhausted(reply.headers)
        if wait:
            self.pause.until = max(self.pause.until, time.monotonic() + wait)

    def _rows(self, job: Job, reply: Reply) -> tuple[list[Sample], list[Request]]:
        """Rows of an answer, and the requests it left out.

        Choices are placed by their index where it makes sense, else in the order they came.
        """
        n = len(job.requests)
        free = list(range(n))
        placed: dict[int, dict[str, object]] = {}
        rest = []
        for choice in reply.choices:
            index = choice.get("index")
            if isinstance(index, int) and index in free:
                free.remove(index)
                placed[index] = choice
            else:
                rest.append(choice)
        for choice in rest[: len(free)]:
            placed[free.pop(0)] = choice
        if n > 1 and len(reply.choices) == 1 and not self.settled:
            self.abilities.refuse("n")
        rows = []
        for position, (index, choice) in enumerate(sorted(placed.items())):
            request = job.requests[index]
            text, status, tokens = read_choice(choice)
            if request.sampling.logprobs and status in (Status.OK, Status.LENGTH) and text and not tokens:
                if not self.settled:
                    self.abilities.refuse("logprobs")
                raise RequestError("answer", "the answer lacks the log-probabilities asked for")
            if status is Status.OK and not text.strip():
                status = Status.REFUSED  # paid, and nothing said: final, but no rationale
            share, remainder = divmod(reply.completion_tokens, len(placed))
            rows.append(
                answered(
                    request,
                    self.name,
                    text,
                    status,
                    attempts=job.attempts + 1 if position == 0 else 0,
                    prompt_tokens=reply.prompt_tokens if position == 0 else 0,
                    completion_tokens=share + (remainder if position == 0 else 0),
                    tokens=tokens,
                    extra={"id": reply.id, "model": reply.model, "finish": choice.get("finish_reason")},
                )
            )
        return rows, [request for index, request in enumerate(job.requests) if index not in placed]

    async def _failed(self, job: Job, failure: RequestError) -> None:
        if failure.kind == "fatal":
            raise stopped(failure.message)
        if failure.kind == "parameter":
            assert failure.parameter is not None
            self.abilities.refuse(failure.parameter)
            if failure.parameter == "n":
                self._split(job)
            else:
                self.queue.appendleft(job)
            return
        if failure.kind in ("request", "filtered"):
            status = Status.FILTERED if failure.kind == "filtered" else Status.ERROR
            await self._give_up(job, failure, status)
            return
        if failure.kind == "rate":
            self.level.trouble(0.5)
            self.pause.hold(failure.wait)
        else:
            self.level.trouble(0.7 if failure.kind == "network" else 0.9)
            if failure.wait is not None:
                self.pause.hold(failure.wait)
        await self._again(job, failure)

    def _split(self, job: Job) -> None:
        self.queue.extendleft(Job([request], job.system, job.attempts) for request in reversed(job.requests))

    async def _again(self, job: Job, failure: RequestError) -> None:
        """Try again later, unless the job or the run has had its share."""
        if failure.kind != "rate":  # a full server is no fault of the request
            job.attempts += 1
        self.retries_left -= 1
        if self.retries_left < 0:
            raise UserError(
                f"too many failures, the run's retries are used up (last: {failure.message})",
                fix="what was received is stored; run the same command again later, or raise limits.retries",
                code=UNAVAILABLE,
            )
        if job.attempts >= self.limits.attempts:
            if not self.settled:
                raise UserError(
                    f"the endpoint does not answer ({failure.message})",
                    where=self.spec.base_url,
                    fix="check the address and that the server is up",
                    code=UNAVAILABLE,
                )
            await self._give_up(job, failure, Status.ERROR)
            return
        wait = 0.0 if failure.kind == "rate" else min(30.0, 0.25 * 2.0**job.attempts)
        due = time.monotonic() + wait * random.uniform(0.5, 1.0)
        heapq.heappush(self.later, (due, next(self.ticket), job))

    async def _give_up(self, job: Job, failure: RequestError, status: Status) -> None:
        await self._store(
            [
                answered(r, self.name, "", status, attempts=max(1, job.attempts), error=failure.message)
                for r in job.requests
            ]
        )

    async def _store(self, rows: list[Sample]) -> None:
        """Commit rows beside the loop; rows that arrive meanwhile share the next commit."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer.append((rows, done))
        if self.flusher is None or self.flusher.done():
            self.flusher = asyncio.create_task(self._flush())
        await asyncio.shield(done)

    async def _flush(self) -> None:
        while self.buffer:
            batch, self.buffer = self.buffer, []
            rows = [row for part, _ in batch for row in part]
            (result,) = await asyncio.gather(asyncio.to_thread(self.emit, rows), return_exceptions=True)
            for _, done in batch:
                if done.done():
                    continue
                if isinstance(result, BaseException):
                    done.set_exception(result)
                else:
                    done.set_result(None)
