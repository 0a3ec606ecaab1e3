"""Examples to token ids; every example that would silently be trained on wrongly is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import DATA, UserError

if TYPE_CHECKING:
    from smallsteps.engines.chat import Chat
    from smallsteps.schemes import Example

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokenised examples.

    Attributes:
        sources: ids the encoder reads; empty arrays for a decoder-only model.
        sequences: ids the decoder learns: prompt and target (decoder-only) or target alone, end-of-text last.
        prompts: number of prompt tokens at the head of each sequence (0 for an encoder-decoder).
        kept: index of each among the examples that were given.
        unknown: unknown-word tokens in all; too_long: examples left out for their length.
    """

    sources: list[Ids]
    sequences: list[Ids]
    prompts: NDArray[np.int64]
    kept: NDArray[np.int64]
    unknown: int
    too_long: int = 0

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        return np.array([len(ids) for ids in self.sources], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(ids) for ids in self.sequences], dtype=np.int64)

    @property
    def supervised(self) -> NDArray[np.int64]:
        """Target tokens of each example."""
        return self.lengths - self.prompts


def encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    encoder_decoder: bool,
    max_length: int,
    drop_long: bool = False,
    chat: Chat | None = None,
) -> Encoded:
    """Tokenise prompts and targets as at inference.

    Decoder-only models are trained on the tokens of `prompt + target`; the prompt's own tokens must be a
    prefix of them, or the model would be asked to continue from tokens it has never seen. End-of-text is
    appended once.

    In a `chat` the template writes prompt and end of turn. The target begins at the character where the
    prompt ends, whatever ids the marks have.

    Raises:
        UserError: no example, an empty target, end-of-text inside a text, a prompt that is not a token
            prefix, or examples longer than `max_length` (unless `drop_long`); counts all of a kind and shows
            the first.
    """
    if not examples:
        raise UserError("no training examples", fix="check the corpus and its filters", code=DATA)
    eos = tokenizer.eos_token_id if chat is None else chat.end_id
    if eos is None:
        raise UserError(
            "the tokenizer declares no end-of-text token, so the student would never learn to stop",
            fix="give 'eos_token' in the recipe's 'base' section",
        )
    _refuse(examples, lambda i: not examples[i].target, "an empty target: nothing would be learned")
    if chat is not None:
        sources = [np.empty(0, np.int32)] * len(examples)
        sequences, prompts = _chats(examples, chat)
        return _fitting(examples, tokenizer, sources, sequences, prompts, eos, max_length, drop_long)
    prompt_ids = _unique_ids([e.prompt for e in examples], tokenizer)
    if encoder_decoder:
        sources, prompts = prompt_ids, np.zeros(len(examples), dtype=np.int64)
        sequences = _with_eos(_unique_ids([e.target for e in examples], tokenizer), eos)
        _refuse(
            examples, lambda i: len(sequences[i]) < 2, "a target without tokens: nothing would be learned"
        )
    else:
        stripped = _without_eos(prompt_ids, eos)
        sequences = _with_eos(_unique_ids([e.prompt + e.target for e in examples], tokenizer), eos)
        sources = [np.empty(0, np.int32)] * len(examples)
        prompts = np.array([len(ids) for ids in stripped], dtype=np.int64)
        _refuse(
            examples,
            lambda i: not np.array_equal(sequences[i][: len(stripped[i])], stripped[i]),
            "a prompt whose tokens are not a prefix of those of prompt + target",
            "end the prompt or begin the target at a token boundary (usually: a target begins with a space)",
        )
        _refuse(
            examples,
            lambda i: len(sequences[i]) - len(stripped[i]) < 2,
            "a target without tokens: nothing would be learned",
        )
    return _fitting(examples, tokenizer, sources, sequences, prompts, eos, max_length, drop_long, whole=True)


def _fitting(
    examples: Sequence[Example],
    tokenizer: Any,
    sources: list[Ids],
    sequences: list[Ids],
    prompts: NDArray[np.int64],
    eos: int,
    max_length: int,
    drop_long: bool,
    *,
    whole: bool = False,
) -> Encoded:
    """Examples that are short enough; end tokens in the middle are errors (except in a chat's prompt)."""
    _refuse(
        examples,
        lambda i: bool((sequences[i][0 if whole else int(prompts[i]) : -1] == eos).any()),
        f"the end-of-text token {tokenizer.convert_ids_to_tokens(eos)!r} inside its text",
        "filter these examples: the student would learn to stop in the middle",
    )
    longest = [max(len(s), len(t)) for s, t in zip(sources, sequences, strict=True)]
    fitting = [index for index, length in enumerate(longest) if length <= max_length]
    dropped = len(examples) - len(fitting)
    kept = np.arange(len(examples))
    if drop_long and dropped and fitting:
        kept = kept[fitting]
        sources, sequences = [sources[i] for i in fitting], [sequences[i] for i in fitting]
        prompts, longest = prompts[fitting], [longest[i] for i in fitting]
    _refuse(
        examples,
        lambda i: i < len(longest) and longest[i] > max_length,
        f"more than max_length = {max_length} tokens",
        f"the longest has {max(longest)}: raise max_length (where the model allows it), set 'too_long: drop',"
        " or filter the corpus ('max_words')",
    )
    unk = tokenizer.unk_token_id
    unknown = 0
    if unk is not None and unk != eos:
        unknown = sum(int((ids == unk).sum()) for ids in (*sources, *sequences))
    return Encoded(sources, sequences, prompts, kept, unknown, len(examples) - len(sequences))


def _chats(examples: Sequence[Example], chat: Chat) -> tuple[list[Ids], NDArray[np.int64]]:
    """Ids of whole chats, and how many of the first ones belong to the prompt.

    Raises:
        UserError: a token that reaches from the prompt into the reply.
    """
    lessons = [chat.lesson(example.prompt, example.target) for example in examples]
    if not getattr(chat.tokenizer, "is_fast", False):
        raise UserError("this tokenizer gives no character offsets", where=chat.place, code=DATA)
    found = chat.tokenizer(
        [read + learnt for read, learnt in lessons],
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    sequences = [np.array(row, dtype=np.int32) for row in found["input_ids"]]
    prompts = np.zeros(len(examples), dtype=np.int64)
    straddling = [False] * len(examples)
    for i, (offsets, (read, _)) in enumerate(zip(found["offset_mapping"], lessons, strict=True)):
        prompts[i] = sum(end <= len(read) for _, end in offsets)
        straddling[i] = any(start < len(read) < end for start, end in offsets)
    _refuse(
        examples,
        lambda i: straddling[i],
        "a token that reaches from the chat's prompt into the reply",
        "the template must end the prompt at a token boundary (usually a new line or a special token)",
    )
    _refuse(
        examples,
        lambda i: len(sequences[i]) == 0 or int(sequences[i][-1]) != chat.end_id,
        f"a reply that does not end with {chat.end!r}",
    )
    return sequences, prompts


def _unique_ids(texts: Sequence[str], tokenizer: Any) -> list[Ids]:
    """Ids of each text with the tokenizer's own special tokens; repeated texts are tokenised once."""
    unique = list(dict.fromkeys(texts))
    rows = tokenizer(unique, return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    ids = {text: np.array(row, dtype=np.int32) for text, row in zip(unique, rows, strict=True)}
    return [ids[text] for text in texts]


def _with_eos(rows: Sequence[Ids], eos: int) -> list[Ids]:
    return [ids if len(ids) and ids[-1] == eos else np.append(ids, np.int32(eos)) for ids in rows]


def _without_eos(rows: Sequence[Ids], eos: int) -> list[Ids]:
    return [ids[:-1] if len(ids) and ids[-1] == eos else ids for ids in rows]


def _refuse(
    examples: Sequence[Example], wrong: Callable[[int], bool], problem: str, fix: str | None = None
) -> None:
    found = [index for index in range(len(examples)) if wrong(index)]
    if not found:
        return
    first = examples[found[0]]
    shown = f"{first.prompt[-80:]!r} -> {first.target[:80]!r}"
    count = f"{len(found)} of {len(examples)} examples have {problem}"
    raise UserError(count, where=f"example {found[0]}: {shown}", fix=fix, code=DATA)
