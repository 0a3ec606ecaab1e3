"""The run of an endpoint teacher: what is asked when, what is tried again, what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import time
from collections import deque
from collections.abc import Sequence
from itertools import count, groupby

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers.budget import Purse
from smallsteps.teachers.endpoint import Abilities, Endpoint, Reply, RequestError, body_of, stopped
from smallsteps.teachers.jobs import Job, Oddities, place, same_model
from smallsteps.teachers.keys import address_of
from smallsteps.teachers.limits import LONGEST_WAIT, Level, Pacer, Pause, exhausted, span, stated_limits
from smallsteps.teachers.model import Emit, Request, Sample, Say, Status
from smallsteps.teachers.spec import OpenAISpec
from smallsteps.teachers.stopping import stop_signals

_STEP = 0.25  # seconds; how soon a waiting run notices that it is to stop
_SAID = 10.0  # seconds; longer waits are announced
_GRACE = 8.0  # seconds that requests in flight get after SIGTERM; schedulers kill after ten or more
_FAR = 5  # times in a row that a server may ask for more than LONGEST_WAIT before the run ends


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
        announce: Say,
        strict_model: bool = False,
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
        self.announce = announce
        self.announced: dict[str, float] = {}
        self.strict_model = strict_model
        self.odd = Oddities()
        self.far = 0
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
        with stop_signals(asyncio.get_running_loop(), self._interrupted, self._terminated):
            await self._run()
        if self.stop is not None:
            raise self.stop

    async def _run(self) -> None:
        try:
            await self._loop()
        finally:
            for task in self.flying:
                task.cancel()
            await asyncio.gather(*self.flying, return_exceptions=True)
            await self.endpoint.client.close()
            self.abilities.notices += self.odd.notices(self.spec.model)

    def _interrupted(self) -> None:
        if isinstance(self.stop, KeyboardInterrupt):  # pressed twice: give up what is in flight
            self._drop()
        elif self.flying:
            self.announce(f"stopping after {len(self.flying)} requests in flight (Ctrl-C again drops them)")
        self._halt(KeyboardInterrupt())

    def _terminated(self, reason: BaseException) -> None:
        if self.flying:
            self.announce(f"stopping: {len(self.flying)} requests in flight have {_GRACE:.0f} s to end")
        asyncio.get_running_loop().call_later(_GRACE, self._drop)
        self._halt(reason)

    def _drop(self) -> None:
        for task in self.flying:
            task.cancel()

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
                await self._wait(left)  # whoever set the pause announced it
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
        ready = time.monotonic() + self._paced(tokens)
        while (left := max(ready - time.monotonic(), self.pause.left())) > 0 and self.stop is None:
            await self._wait(left)
        if self.stop is not None:
            self.queue.appendleft(job)
            return
        task = asyncio.create_task(self._one(job, tokens))
        self.flying[task] = job
        task.add_done_callback(self._landed)

    def _paced(self, tokens: float) -> float:
        """Seconds until the limits allow a request; what a server's limits ask beyond reason is cut."""
        pacers = ((self.requests_pacer, 1.0), (self.tokens_pacer, tokens))
        waits = [
            min(wait, LONGEST_WAIT) if pacer.learned else wait
            for pacer, units in pacers
            for wait in [pacer.wait(units)]
        ]
        self._say_wait("the rate limit", max(waits))
        return max(waits)

    def _say_wait(self, why: str, seconds: float) -> None:
        """Announce a wait that a person would wonder about."""
        if seconds > _SAID:
            self._say_once(why, f"waiting {span(seconds)}: {why}")

    def _say_once(self, subject: str, text: str) -> None:
        """Announce something; a subject at most once in half a minute."""
        now = time.monotonic()
        if now - self.announced.get(subject, float("-inf")) > 30.0:
            self.announced[subject] = now
            self.announce(text)

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
            reply = await self.endpoint.ask(body, first.sampling)
            rows, missing = self._rows(job, reply)
        except RequestError as failure:
            await self._failed(job, failure)
            return
        usage = reply.usage
        if usage.doubt:  # the budget holds even if the truth is the most it can be
            self.purse.pay(job.most_prompt_tokens, job.most_tokens)
        else:
            self.purse.pay(usage.prompt_tokens, usage.completion_tokens)
        self._account(job, reply, booked)
        await self._store(rows)
        job.lost_prompt_tokens = job.lost_completion_tokens = 0  # stored with the rows
        if missing:
            job.requests = missing
            await self._again(job, RequestError("answer", f"{len(missing)} of {n} choices are missing"))

    def _account(self, job: Job, reply: Reply, booked: float) -> None:
        self.settled = True
        self.level.success()
        self.pause.success()
        self.far = 0
        self.odd.see(reply, self.spec.model)
        self.answers += len(job.requests)
        self.completion_tokens += reply.usage.completion_tokens
        requests, tokens = stated_limits(reply.headers)
        if requests is not None:
            self.requests_pacer.learn(requests)
        if tokens is not None:
            self.tokens_pacer.learn(tokens)
        if not reply.usage.doubt:
            used = reply.usage.prompt_tokens + reply.usage.completion_tokens
            self.tokens_pacer.correct(used - booked)
        wait = exhausted(reply.headers)
        if wait:
            self._say_wait(f"the endpoint's allowance is used up for {span(wait)}", min(wait, LONGEST_WAIT))
            self.pause.until = max(self.pause.until, time.monotonic() + min(wait, LONGEST_WAIT))

    def _rows(self, job: Job, reply: Reply) -> tuple[list[Sample], list[Request]]:
        """Rows of an answer, and the requests it left out."""
        n = len(job.requests)
        if self.strict_model and not same_model(self.spec.model, reply.model):
            message = f"the answer is from '{reply.model}', not from '{self.spec.model}'"
            raise RequestError("fatal", message, billed=True)
        placed = place(reply.choices, n)
        if n > 1 and len(reply.choices) == 1 and not self.settled:
            self.abilities.refuse("n")
        for index, choice in placed.items():
            wanted = job.requests[index].sampling.logprobs
            if wanted and choice.status in (Status.OK, Status.LENGTH) and choice.text and not choice.tokens:
                if not self.settled:
                    self.abilities.refuse("logprobs")
                message = "the answer lacks the log-probabilities asked for"
                raise RequestError("answer", message, billed=True)
        missing = [request for index, request in enumerate(job.requests) if index not in placed]
        return job.rows(self.name, placed, reply), missing

    async def _failed(self, job: Job, failure: RequestError) -> None:
        if failure.billed:
            self.odd.lost += 1
            self.purse.pay(job.most_prompt_tokens, job.most_tokens)
            job.lose()
        if failure.kind == "fatal":
            if failure.billed:
                await self._give_up(job, failure, Status.ERROR)
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
        if failure.kind == "oversized":  # the same again would be paid again
            job.attempts = max(job.attempts, self.limits.attempts - 1)
        shrink = {"rate": 0.5, "network": 0.7}
        self.level.trouble(shrink.get(failure.kind, 0.9))
        if failure.wait is not None and failure.wait > LONGEST_WAIT:
            self._far_off(failure)
            await self._again(job, failure, LONGEST_WAIT)
            return
        if failure.kind == "rate" or failure.wait is not None:
            self.pause.hold(failure.wait)
            self._say_wait("the endpoint asks for it (Retry-After)", failure.wait or 0.0)
        await self._again(job, failure)

    def _far_off(self, failure: RequestError) -> None:
        """Leave a request whose wait is too long, and try others; end the run if it goes the same with them.

        Raises:
            UserError: it asked that several times in a row.
        """
        asked = span(failure.wait or 0.0)
        if self.pause.left() <= 0:  # not the other requests of one burst
            self.far += 1
        if self.far >= _FAR:
            raise UserError(
                f"the endpoint asks to wait {asked} ({failure.message})",
                where=address_of(self.spec),
                fix="what was received is stored; run the same command again then",
                code=UNAVAILABLE,
            )
        self._say_once(
            "far off",
            f"the endpoint asks to wait {asked} (Retry-After): this request is tried again in "
            f"{span(LONGEST_WAIT)}, the others continue",
        )
        self.pause.hold(None)

    def _split(self, job: Job) -> None:
        self.queue.extendleft(reversed(job.split()))

    async def _again(self, job: Job, failure: RequestError, wait: float | None = None) -> None:
        """Try again later (after `wait` seconds, if given), unless the job or the run has had its share."""
        if failure.kind != "rate":  # a busy server is not a fault of the request
            job.attempts += 1
        self.retries_left -= 1
        if self.retries_left < 0:
            raise UserError(
                f"too many failures, the run's retries are used up (last: {failure.message})",
                fix="what was received is stored; run the same command again later, or raise limits.retries",
                code=UNAVAILABLE,
            )
        hopeless = not self.settled and self.odd.lost >= self.limits.attempts  # each may have been billed
        if job.attempts >= self.limits.attempts or hopeless:
            if not self.settled:
                silent = failure.kind in ("network", "server")
                raise UserError(
                    f"the endpoint {'does not answer' if silent else 'gives no usable answer'} "
                    f"({failure.message})",
                    where=address_of(self.spec),
                    fix="check the address and that the server is up",
                    code=UNAVAILABLE,
                )
            await self._give_up(job, failure, Status.ERROR)
            return
        if wait is None:
            wait = 0.0 if failure.kind == "rate" else min(30.0, 0.25 * 2.0 ** min(job.attempts, 10))
        due = time.monotonic() + wait * random.uniform(0.5, 1.0)
        heapq.heappush(self.later, (due, next(self.ticket), job))

    async def _give_up(self, job: Job, failure: RequestError, status: Status) -> None:
        await self._store(job.failed_rows(self.name, status, failure.message))

    async def _store(self, rows: list[Sample]) -> None:
        """Commit rows in another thread; rows that arrive meanwhile share the next commit."""
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
