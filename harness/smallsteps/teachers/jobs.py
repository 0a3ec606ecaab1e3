"""One request to an endpoint: the samples it asks for, and the rows that come of its answer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from smallsteps.files import escaped
from smallsteps.teachers.endpoint import Reply
from smallsteps.teachers.model import Request, Sample, Status, answered
from smallsteps.teachers.prices import estimated_tokens, most_tokens
from smallsteps.teachers.replies import Choice
from smallsteps.terminal import visible_text

# A dated or numbered version of the model asked for: gpt-4o-2024-08-06, claude-3-20240229, llama-3:latest
_VERSION = re.compile(r"(?:[-@]\d{4}-\d{2}-\d{2}|[-@]\d{4,8}|[-@]v?\d{1,3}|:[a-z0-9._-]+|-latest)")


@dataclass(slots=True)
class Job:
    """Samples of one prompt, asked for in one request.

    Attributes:
        requests: the samples; system: system message sent with the prompt.
        attempts: requests that failed so far.
        lost_prompt_tokens, lost_completion_tokens: of failed requests that may have been billed, at most.
        prompt_tokens, most_prompt_tokens: of the prompt, as expected and at most.
    """

    requests: list[Request]
    system: str = ""
    attempts: int = 0
    lost_prompt_tokens: int = 0
    lost_completion_tokens: int = 0
    prompt_tokens: int = field(init=False)
    most_prompt_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.prompt_tokens = sum(map(estimated_tokens, self.texts))
        self.most_prompt_tokens = sum(map(most_tokens, self.texts))

    @property
    def texts(self) -> list[str]:
        """What is sent and billed as the prompt."""
        return [*([self.system] if self.system else []), self.requests[0].prompt]

    @property
    def most_tokens(self) -> int:
        """Completion tokens at most."""
        return len(self.requests) * self.requests[0].sampling.max_tokens

    def lose(self) -> None:
        """Count a request that may have been billed and brought nothing, at the most it can have cost."""
        self.lost_prompt_tokens += self.most_prompt_tokens
        self.lost_completion_tokens += self.most_tokens

    def split(self) -> list[Job]:
        """The same samples, one a request; what was lost so far goes with the first."""
        jobs = [Job([request], self.system, self.attempts) for request in self.requests]
        jobs[0].lost_prompt_tokens = self.lost_prompt_tokens
        jobs[0].lost_completion_tokens = self.lost_completion_tokens
        return jobs

    def failed_rows(self, teacher: str, status: Status, error: str) -> list[Sample]:
        """Rows that say why there is no answer."""
        return [
            answered(
                request,
                teacher,
                "",
                status,
                attempts=max(1, self.attempts),
                prompt_tokens=self.lost_prompt_tokens if place == 0 else 0,
                completion_tokens=self.lost_completion_tokens if place == 0 else 0,
                error=error,
            )
            for place, request in enumerate(self.requests)
        ]

    def rows(self, teacher: str, placed: dict[int, Choice], reply: Reply) -> list[Sample]:
        """Rows of the choices that came, by their place among the samples. Tokens are counted once."""
        share, remainder = divmod(reply.usage.completion_tokens, len(placed)) if placed else (0, 0)
        rows = []
        for position, (index, choice) in enumerate(sorted(placed.items())):
            status = choice.status
            if status is Status.OK and not choice.text.strip():
                status = Status.REFUSED  # paid, and nothing said: final, but no rationale
            first = position == 0
            rows.append(
                answered(
                    self.requests[index],
                    teacher,
                    choice.text,
                    status,
                    attempts=self.attempts + 1 if first else 0,
                    prompt_tokens=reply.usage.prompt_tokens + self.lost_prompt_tokens if first else 0,
                    completion_tokens=share + (remainder + self.lost_completion_tokens if first else 0),
                    tokens=choice.tokens,
                    extra=extra_of(reply, choice),
                )
            )
        return rows


def place(choices: list[Choice], count: int) -> dict[int, Choice]:
    """Choices by the sample they are for: by their index where it makes sense, else in their order."""
    free = list(range(count))
    placed: dict[int, Choice] = {}
    rest = []
    for choice in choices:
        if choice.index in free:
            free.remove(choice.index)
            placed[choice.index] = choice
        else:
            rest.append(choice)
    for choice in rest[: len(free)]:
        placed[free.pop(0)] = choice
    return placed


def extra_of(reply: Reply, choice: Choice) -> dict[str, Any]:
    """Metadata of a sample: what the endpoint said about it, and what was changed or counted."""
    extra: dict[str, Any] = {"id": reply.id, "model": reply.model, "finish": choice.finish}
    if choice.hidden:
        extra["thoughts"] = escaped(choice.hidden)
    if reply.usage.doubt:
        extra["usage"] = f"counted from the text: {reply.usage.doubt}"
    if reply.hidden_keys:
        extra["keys_hidden"] = reply.hidden_keys
    return extra


def same_model(asked: str, stated: str) -> bool:
    """Whether an answer is from the model asked for: by name, or a dated version of it, or unsaid."""
    if not stated:
        return True
    names = [name.rstrip("/").rsplit("/", 1)[-1].lower() for name in (asked, stated)]
    rest = names[1].removeprefix(names[0])
    return names[0] == names[1] or (rest != names[1] and bool(_VERSION.fullmatch(rest)))


@dataclass(slots=True)
class Oddities:
    """What was odd about the answers of a run, counted, for the notes at its end."""

    answers: int = 0
    hidden_keys: int = 0
    lost: int = 0
    models: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    first_doubt: str = ""

    def see(self, reply: Reply, asked: str) -> None:
        """Count an answer."""
        self.answers += 1
        self.hidden_keys += reply.hidden_keys
        if not same_model(asked, reply.model):
            self.models[reply.model if len(self.models) < 20 else "others"] += 1
        if reply.usage.doubt:
            self.doubts["none" if "no usage" in reply.usage.doubt else "untrue"] += 1
            self.first_doubt = self.first_doubt or (reply.usage.doubt if self.doubts["untrue"] else "")

    def notices(self, asked: str) -> list[str]:
        """Notes, most important first."""
        found = []
        if self.models:
            named = self.models.most_common(3)
            others = ", ".join(f"'{visible_text(name)}' ({count})" for name, count in named)
            found.append(
                f"{self.models.total()} of {_many(self.answers, 'answer')} name another model than "
                f"'{visible_text(asked)}': {others}; --strict-model stops at the first such answer"
            )
        if self.doubts["untrue"]:
            found.append(
                f"{self.doubts['untrue']} of {_many(self.answers, 'answer')} state token counts that cannot "
                f"be true (the first: {self.first_doubt}); they were counted from the texts"
            )
        if self.doubts["none"]:
            found.append(
                f"{self.doubts['none']} of {_many(self.answers, 'answer')} state no token counts; they were "
                "counted from the texts"
            )
        if self.hidden_keys:
            found.append(
                f"the endpoint's texts repeated the key {_many(self.hidden_keys, 'time')}: stored as [key]"
            )
        if self.lost:
            found.append(
                f"{_many(self.lost, 'request')} brought nothing usable and may have been billed: counted at "
                "the most that can have cost"
            )
        return found


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
