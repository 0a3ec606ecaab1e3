"""What a chat template is found to do, and what of a chat is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_templates import CHATML, THINKING

from smallsteps.engines.chat import load_chat
from smallsteps.engines.prompts import FormatSpec, Message, Prompt, asked
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.schemes import Example
from smallsteps.schemes.socratic import SOCRATIC
from smallsteps.training.tokens import encode

CHAT = FormatSpec(kind="chat")


def encoded(chat: Any, examples: list[Example], **options: Any) -> Any:
    settings = {"encoder_decoder": False, "max_length": 512, **options}
    return encode(examples, chat.tokenizer, chat=chat, **settings)


def learnt(chat: Any, rows: Any, index: int = 0) -> tuple[str, str]:
    """(read, learnt) of an encoded example, as text with its special tokens."""
    ids, cut = rows.sequences[index], int(rows.prompts[index])
    read, reply = (chat.tokenizer.decode(part, skip_special_tokens=False) for part in (ids[:cut], ids[cut:]))
    # SentencePiece shows a word's beginning as a space, also behind a mark
    return tuple(text.replace("start|> ", "start|>").replace("end|> ", "end|>") for text in (read, reply))  # type: ignore[return-value]


def test_only_the_reply_and_its_end_are_learnt(chat_base: Any) -> None:
    chat = load_chat(str(chat_base()), CHAT)
    rows = encoded(chat, [Example(asked("Q: plain\nA:", "How many cats?"), " There are two.")])
    read, reply = learnt(chat, rows)
    assert read.endswith("<|im_start|>assistant\n")
    assert "How many cats?" in read
    assert "plain" not in read
    assert reply.strip() == "There are two.<|im_end|>"
    assert rows.supervised[0] == len(rows.sequences[0]) - rows.prompts[0]


def test_the_end_of_the_turn_is_learnt_where_it_is_the_padding_too(chat_base: Any) -> None:
    from smallsteps.training.batches import plan
    from smallsteps.training.collate import Collator

    chat = load_chat(str(chat_base()), CHAT)
    assert chat.tokenizer.pad_token_id == chat.end_id
    examples = [Example("Short?", "yes"), Example("A much longer question, is it not?", "no, it is not")]
    rows = encoded(chat, examples)
    planned = plan(rows.lengths, rows.source_lengths, batch_tokens=512, steps=1, epochs=None, seed=1)
    collator = Collator(rows, pad=chat.end_id, start=None, prompt_weight=0.0, accumulate=1)
    (batch,) = collator(planned.steps[0])
    learnt_ends = int((batch.labels == chat.end_id).sum())
    assert learnt_ends == len(planned.steps[0])
    assert int((batch.labels != -100).sum()) == int(rows.supervised[planned.steps[0]].sum())


def test_prompts_are_what_the_model_is_asked_at_inference(chat_base: Any) -> None:
    from smallsteps.engines.tokens import encode_prompts

    chat = load_chat(str(chat_base()), CHAT)
    prompt = asked("Q: x\nA:", "How many cats?")
    rows = encoded(chat, [Example(prompt, " two")])
    (given,) = encode_prompts([chat.prompt(prompt)], chat.tokenizer, None, 8, closed=False, chat=True)
    assert np.array_equal(rows.sequences[0][: rows.prompts[0]], given.ids)
    whole = chat.tokenizer.apply_chat_template(
        [{"role": "user", "content": "How many cats?"}], add_generation_prompt=True, tokenize=True
    )
    assert list(given.ids) == list(whole["input_ids"])


def test_a_socratic_dialogue_is_a_chat_of_many_turns(chat_base: Any) -> None:
    steps = (
        Step("How many cats?", solution="Two cats.", answer="2"),
        Step("How many legs?", solution="Two times four.", answer="8"),
    )
    problem = Problem("1", "Two cats sit.", "8", AnswerKind.NUMBER, steps=steps)
    examples = list(SOCRATIC.examples({"1": problem}, [Rationale("1", "", None, None)])["solver"])
    assert [m.role for m in examples[1].prompt.messages] == ["user", "assistant", "user"]  # type: ignore[attr-defined]
    chat = load_chat(str(chat_base()), CHAT)
    rows = encoded(chat, examples)
    read, reply = learnt(chat, rows, 1)
    assert read.count("<|im_start|>user") == 2
    assert read.count("<|im_start|>assistant") == 2
    assert "Two cats. The answer is 2.<|im_end|>" in read  # an earlier reply is read, not learnt
    assert reply.strip() == "Two times four. The answer is 8.<|im_end|>"


def test_the_template_of_qwen2(chat_base: Any, qwen2_template: str, data_dir: Path) -> None:
    chat = load_chat(str(chat_base(qwen2_template)), CHAT)
    assert chat.notices == (
        "the chat template adds a system text of its own: 'You are a helpful assistant.'",
    )
    read, reply = learnt(chat, encoded(chat, [Example("How many?", " two")]))
    assert read.count("<|im_start|>assistant\n") == 1
    assert "You are a helpful assistant." in read
    assert reply.strip() == "two<|im_end|>"
    own = load_chat(str(chat_base(qwen2_template)), FormatSpec(kind="chat", system="Be brief."))
    assert own.notices == ()
    read, _ = learnt(own, encoded(own, [Example("How many?", " two")]))
    assert "Be brief." in read
    assert "helpful" not in read


def test_the_tokenizer_of_qwen2(data_dir: Path) -> None:
    """Byte-level tokens, end of turn unlike padding."""
    chat = load_chat(str(data_dir / "tokenizers" / "qwen2"), CHAT)
    assert chat.end == "<|im_end|>"
    assert chat.end_id != chat.tokenizer.pad_token_id
    turns = [Message("user", "Où?"), Message("assistant", "ici — là"), Message("user", "Quand ?")]
    rows = encoded(chat, [Example(Prompt("", turns), " 4 × 2 = 8 ✓")])
    read, reply = learnt(chat, rows)
    assert reply == "4 × 2 = 8 ✓<|im_end|>"
    assert "ici — là<|im_end|>" in read


def test_thoughts_that_are_dropped_are_said(chat_base: Any) -> None:
    place = str(chat_base(THINKING))
    chat = load_chat(place, CHAT)
    assert chat.notices == ("the chat template leaves the thoughts of earlier replies out",)
    off = load_chat(place, FormatSpec(kind="chat", thinking="off"))
    assert "a finished reply differently from what follows its generation prompt" in off.notices[1]
    read, reply = learnt(off, encoded(off, [Example("How many?", " two")]))
    assert read.endswith("<think>\n\n</think>\n\n")
    assert reply.strip() == "two<|im_end|>"
    plain = load_chat(str(chat_base()), FormatSpec(kind="chat", thinking="on"))
    assert "no switch for thinking" in plain.notices[0]


@pytest.mark.parametrize("drop", [False, True])
def test_a_chat_that_is_too_long(chat_base: Any, drop: bool) -> None:
    chat = load_chat(str(chat_base()), CHAT)
    examples = [Example("Short?", "yes"), Example("Long? " * 200, "no")]
    if not drop:
        with pytest.raises(UserError, match="1 of 2 examples have more than max_length = 200 tokens"):
            encoded(chat, examples, max_length=200)
        return
    rows = encoded(chat, examples, max_length=200, drop_long=True)
    assert (len(rows), rows.too_long) == (1, 1)
    assert learnt(chat, rows)[1].strip() == "yes<|im_end|>"


def test_the_end_of_a_turn_inside_a_reply(chat_base: Any) -> None:
    chat = load_chat(str(chat_base()), CHAT)
    with pytest.raises(
        UserError, match="the end-of-text token '<|im_end|>' inside its text".replace("|", r"\|")
    ):
        encoded(chat, [Example("How many?", "two<|im_end|>three")])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('roles must alternate') }}", "does not render: roles must alternate"),
        ("{% for m in messages %}", "does not render: "),
        ("{{ messages[0]['content'] }}", "leaves out messages"),
        (
            CHATML.replace("im_end", "im_stop"),
            r"ends a reply with '<\|im_stop\|>', which is not a token of this tokenizer",
        ),
    ],
)
def test_templates_that_cannot_be_used(chat_base: Any, template: str, message: str) -> None:
    place = str(chat_base(template))
    with pytest.raises(UserError, match=message) as wrong:
        load_chat(place, CHAT)
    assert wrong.value.where == place
    assert wrong.value.fix


def test_a_tokenizer_without_a_template(data_dir: Path) -> None:
    with pytest.raises(UserError, match="has no chat template"):
        load_chat(str(data_dir / "models/stories260K/hf"), CHAT)
