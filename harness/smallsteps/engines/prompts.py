"""Prompts that hold both their plain text and their messages, and the format that chooses between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import model_validator

from smallsteps.answers.thoughts import MARKS, Marks
from smallsteps.config import Strict

Role = Literal["system", "user", "assistant"]


class FormatSpec(Strict):
    """The format of prompts: plain text, or a chat rendered by the tokenizer's own template.

    Attributes:
        kind: `plain` or `chat`.
        system: system message of a chat; without it the template decides (some add one of their own).
        thinking: `on` or `off`, for the template as `enable_thinking`; without it the template decides.
    """

    kind: Literal["plain", "chat"] = "plain"
    system: str = ""
    thinking: Literal["on", "off"] | None = None

    @model_validator(mode="after")
    def _of_a_chat(self) -> FormatSpec:
        if self.kind == "plain" and (self.system or self.thinking):
            raise ValueError("'system' and 'thinking' belong to 'kind: chat'")
        return self


class Message(NamedTuple):
    """One message of a chat."""

    role: Role
    content: str


class Prompt(str):
    """The plain text of a prompt, with the messages that say the same in a chat."""

    messages: tuple[Message, ...]

    def __new__(cls, text: str, messages: Sequence[Message]) -> Prompt:
        made = super().__new__(cls, text)
        made.messages = tuple(messages)
        return made

    def __getnewargs__(self) -> tuple[str, tuple[Message, ...]]:  # type: ignore[override]
        return str(self), self.messages


class Thoughtful(str):
    """A reply with marked thoughts before it, as a student with thoughts learns to write it.

    Attributes:
        thoughts, said: without marks.
        marks: None leaves them to a chat template that has its own; elsewhere they are those of `think`.
    """

    thoughts: str
    said: str
    marks: Marks | None

    def __new__(cls, thoughts: str, said: str, marks: Marks | None = None) -> Thoughtful:
        made = super().__new__(cls, f" {within(marks or MARKS['think'], thoughts, said)}")
        made.thoughts, made.said, made.marks = thoughts.strip(), said.strip(), marks
        return made

    def __getnewargs__(self) -> tuple[str, str, Marks | None]:  # type: ignore[override]
        return self.thoughts, self.said, self.marks


def within(marks: Marks, thoughts: str, said: str) -> str:
    """Thoughts within marks, and what is said after them."""
    return f"{marks.opening}{thoughts.strip()}{marks.closing}{said.strip()}"


class Rendered(str):
    """A chat that the template was already applied to."""


def asked(text: str, content: str) -> Prompt:
    """A prompt whose chat is one user message."""
    return Prompt(text, (Message("user", content),))


def begun(prompt: Prompt, start: str) -> Prompt:
    """A prompt whose reply has begun; in a chat without the space that joins it to plain text."""
    return Prompt(f"{prompt}{start}", (*prompt.messages, Message("assistant", start.lstrip())))


def messages_of(prompt: str) -> tuple[Message, ...]:
    """The messages of a prompt; plain text is one message of the user."""
    return prompt.messages if isinstance(prompt, Prompt) else (Message("user", prompt),)
