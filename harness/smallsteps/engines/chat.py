"""Chats rendered by a tokenizer's own template, with the place of the reply known by characters.

A template is treated as a function from messages to text; nothing is assumed about its marks. The end of a
turn is what the template writes after a reply, so it is found without looking for token ids, also where the
padding token is the end token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from smallsteps.answers.thoughts import MARKS, Marks
from smallsteps.engines.guard import bounded
from smallsteps.engines.prompts import FormatSpec, Message, Rendered, Thoughtful, messages_of, within
from smallsteps.engines.protocol import Decoding, Generation
from smallsteps.engines.refusals import load_error
from smallsteps.engines.tokenizer_check import check_local
from smallsteps.errors import DATA, UserError
from smallsteps.students.offline import pretrained

_PROBES = ("first probe 7391", "second probe 2846", "third probe 5027")


@dataclass(frozen=True, slots=True)
class Chat:
    """A tokenizer's template with a format.

    Attributes:
        tokenizer: of transformers. place: where it is from, for errors.
        lead: white space between what asks for a reply and the reply.
        end: token that ends a reply; closing: what is written behind a reply, `end` last.
        marks: what the template writes around a reply's `reasoning_content`; None where it knows none.
        notices: what the template does on its own: a system text, earlier thoughts that it drops.
    """

    tokenizer: Any
    place: str
    format: FormatSpec
    lead: str = ""
    end: str = ""
    closing: str = ""
    marks: Marks | None = None
    notices: tuple[str, ...] = ()

    @property
    def end_id(self) -> int:
        """Token of `end`."""
        return int(self.tokenizer.convert_tokens_to_ids(self.end))

    @property
    def template(self) -> str:
        """The template's text."""
        return str(self.tokenizer.get_chat_template())

    def identity(self) -> dict[str, Any]:
        """Everything that affects prompts, for keys and manifests."""
        digest = hashlib.sha256(self.template.encode()).hexdigest()
        return {**self.format.model_dump(mode="json"), "template_sha256": digest}

    def render(self, messages: Sequence[Message], *, reply: bool = True, thoughts: str = "") -> str:
        """Text of a chat, up to where the reply begins (`reply`).

        Args:
            thoughts: of the last message, given to the template as `reasoning_content`.

        Raises:
            UserError: the template cannot render these messages.
        """
        said = [*messages]
        if self.format.system and not (said and said[0].role == "system"):
            said.insert(0, Message("system", self.format.system))
        fields = [message._asdict() for message in said]
        if thoughts:
            fields[-1]["reasoning_content"] = thoughts
        options = {} if self.format.thinking is None else {"enable_thinking": self.format.thinking == "on"}
        try:
            with bounded():
                text = self.tokenizer.apply_chat_template(
                    fields, tokenize=False, add_generation_prompt=reply, **options
                )
        except Exception as error:  # a template may do anything
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            reason = "it takes more than 1 GiB of memory" if isinstance(error, MemoryError) else reason
            roles = ", ".join(message.role for message in said)
            raise UserError(
                f"the chat template does not render: {reason} (messages: {roles})",
                where=self.place,
                fix="use a tokenizer whose template takes these roles, leave 'system' out, or set "
                "'format: {kind: plain}'",
                code=DATA,
            ) from error
        return str(text)

    def lesson(self, prompt: str, target: str) -> tuple[str, str]:
        """(prompt, target) of an example; the target includes the end of the turn.

        Thoughts are written within the template's own marks, unless the example has others.
        """
        read = self.prompt(prompt)
        if isinstance(target, Thoughtful):
            marks = self.marks_of(target.marks)
            if marks.bare.opening and read.rstrip().endswith(marks.bare.opening):  # the prompt has it already
                marks = Marks("" if read.endswith("\n") else "\n", marks.closing)
            return read, f"{self.lead}{within(marks, target.thoughts, target.said)}{self.closing}"
        return read, f"{self.lead}{target.strip()}{self.closing}"

    def marks_of(self, asked: Marks | None) -> Marks:
        """The marks around thoughts: those asked for, else the template's, else `think`."""
        return asked or self.marks or MARKS["think"]

    def prompt(self, prompt: str) -> str:
        """What the model reads before its reply."""
        if isinstance(prompt, Rendered):
            return str(prompt)
        messages = messages_of(prompt)
        if messages[-1].role == "assistant":  # a reply that has begun
            return f"{self.render(messages[:-1])}{self.lead}{messages[-1].content}"
        return self.render(messages)


def load_chat(place: str, spec: FormatSpec, revision: str | None = None, tokenizer: Any = None) -> Chat:
    """The chat of a model, with its template checked.

    Args:
        place: folder, GGUF file or hub id. tokenizer: loaded already.

    Raises:
        UserError: no template, one that does not render, or whose end of a turn is no token.
    """
    if tokenizer is None:
        from transformers import AutoTokenizer

        source, options = pretrained(place, revision, tokenizer=True)
        check_local(source)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
        except (OSError, ValueError) as error:
            raise load_error(place, error) from error
    if not getattr(tokenizer, "chat_template", None):
        raise UserError(
            "the tokenizer has no chat template",
            where=place,
            fix="use an instruction-tuned base, save a chat_template.jinja beside the tokenizer, or set "
            "'format: {kind: plain}'",
            code=DATA,
        )
    chat = Chat(tokenizer, place, spec)
    chat = _with_end(chat)
    chat = replace(chat, marks=_marks(chat))
    return replace(chat, notices=tuple(_notices(chat)))


def _with_end(chat: Chat) -> Chat:
    """The chat with what the template writes before and behind a reply.

    Raises:
        UserError: it writes something that the tokenizer has no token for, or loses the reply.
    """
    user, reply, _ = _PROBES
    text = chat.render([Message("user", user), Message("assistant", reply)], reply=False)
    head, found, tail = text.rpartition(reply)
    if not found or user not in head:
        raise UserError(
            "the chat template leaves out messages: neither question nor reply may be missing",
            where=chat.place,
            fix="use another template, or set 'format: {kind: plain}'",
            code=DATA,
        )
    written = tail.strip()
    if not written:
        end = chat.tokenizer.eos_token
        if end is None:
            raise UserError(
                "the chat template writes nothing behind a reply, and the tokenizer has no end token",
                where=chat.place,
                fix="give 'eos_token' in the recipe's 'base' section",
                code=DATA,
            )
        return replace(chat, lead=_lead(chat, head), end=str(end), closing=str(end))
    ids = chat.tokenizer(tail, add_special_tokens=False)["input_ids"]
    tokens = chat.tokenizer.convert_ids_to_tokens(ids)
    first = next((token for token in tokens if written.startswith(token)), None)
    special = set(chat.tokenizer.all_special_tokens) | set(chat.tokenizer.get_added_vocab())
    if first is None or first not in special:
        raise UserError(
            f"the chat template ends a reply with {written.split()[0]!r}, "
            "which is not a token of this tokenizer:"
            " the student would not learn to stop",
            where=chat.place,
            fix="use the tokenizer that the template belongs to, add the token to it, or set "
            "'format: {kind: plain}'",
            code=DATA,
        )
    closing = tail[: tail.index(first) + len(first)]
    return replace(chat, lead=_lead(chat, head), end=str(first), closing=closing)


def _marks(chat: Chat) -> Marks | None:
    """The marks around the thoughts of the last reply, where the template separates the two."""
    user, reply, thought = _PROBES
    asked = [Message("user", user), Message("assistant", reply)]
    text = chat.render(asked, reply=False, thoughts=thought)
    head = f"{chat.render(asked[:1])}{chat.lead}"
    if not text.startswith(head) or text.count(thought) != 1:
        return None
    opening, _, rest = text.removeprefix(head).partition(thought)
    closing, found, _ = rest.partition(reply)
    return Marks(opening, closing) if found and closing.strip() else None


def _lead(chat: Chat, head: str) -> str:
    """White space before a finished reply beyond that of the generation prompt."""
    between = head.removeprefix(chat.render([Message("user", _PROBES[0])]))
    return between if between != head and not between.strip() else ""


def _notices(chat: Chat) -> list[str]:
    """Notices on side effects of the template."""
    found = []
    added = _added_system(chat)
    if added:
        found.append(f"the chat template adds a system text of its own: {added!r}")
    dropped = _dropped_thoughts(chat)
    if dropped:
        found.append("the chat template leaves the thoughts of earlier replies out")
    user, reply, _ = _PROBES
    if chat.render([Message("user", user), Message("assistant", reply)], reply=False).find(
        f"{chat.render([Message('user', user)])}{chat.lead}{reply}"
    ):
        found.append(
            "the chat template writes a finished reply differently from what follows its generation prompt; "
            "training uses the generation prompt"
        )
    if chat.format.thinking is not None and "enable_thinking" not in chat.template:
        found.append(
            f"the chat template has no switch for thinking: '{chat.format.thinking}' changes nothing"
        )
    return found


def _added_system(chat: Chat) -> str:
    """Words before the first message that no later message of the user begins with."""
    if chat.format.system:
        return ""
    first, reply, second = _PROBES
    text = chat.render(
        [Message("user", first), Message("assistant", reply), Message("user", second)], reply=False
    )
    head = text.partition(first)[0]
    between = text.partition(reply)[2].partition(second)[0]
    shared = 0
    while shared < min(len(head), len(between)) and head[-1 - shared] == between[-1 - shared]:
        shared += 1
    extra = head[: len(head) - shared]
    for token in chat.tokenizer.all_special_tokens:
        extra = extra.replace(token, " ")
    words = " ".join(extra.split()).removeprefix("system ")  # the role's own name
    return words if any(letter.isalpha() for letter in words) else ""


def _dropped_thoughts(chat: Chat) -> bool:
    first, thought, second = _PROBES
    text = chat.render(
        [
            Message("user", first),
            Message("assistant", f"<think>\n{thought}\n</think>\n\nyes"),
            Message("user", second),
        ]
    )
    return thought not in text


class ChatEngine:
    """An engine with chat prompts. The template writes every special token, so none is added."""

    def __init__(self, engine: Any, chat: Chat) -> None:
        self._engine, self._chat = engine, chat
        engine.chat = True

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        """See `Engine`."""
        found: list[list[Generation]] = self._engine.generate(
            [self._chat.prompt(prompt) for prompt in prompts], decoding
        )
        return found

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """See `Engine`. A continuation begins the reply, without the space that joins it to a plain text."""
        rendered = [
            (self._chat.prompt(context), text if isinstance(context, Rendered) else text.removeprefix(" "))
            for context, text in pairs
        ]
        found: list[tuple[float, bool]] = self._engine.loglikelihood(rendered)
        return found


def marks_for(place: str, tokenizer: Any, spec: FormatSpec, asked: Marks | None) -> Marks:
    """The marks that a student writes around its thoughts, without white space.

    Args:
        place: of the tokenizer, for errors. asked: in the recipe; None is the template's, else `think`.

    Raises:
        UserError: a mark is a special token, which texts are decoded without.
    """
    chat = load_chat(place, spec, tokenizer=tokenizer) if spec.kind == "chat" else None
    marks = (asked or MARKS["think"]) if chat is None else chat.marks_of(asked)
    special = [mark for mark in marks.bare if mark in tokenizer.all_special_tokens]
    if special:
        raise UserError(
            f"the mark {special[0]!r} is a special token of this tokenizer: texts are decoded without it, so"
            " thoughts could not be told from answers",
            where=place,
            fix='choose other marks, two texts: \'marks: ["<reasoning>", "</reasoning>"]\'',
            code=DATA,
        )
    if chat is not None and chat.prompt("").rstrip().endswith(marks.bare.opening):
        return Marks("", marks.bare.closing)
    return marks.bare
