"""Thoughts of a teacher: dropped, kept as text, or learnt within marks that the student is scored without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_templates import CHATML, OPENED, REASONING

from smallsteps.answers.thoughts import MARKS, Marks
from smallsteps.corpora import CorpusSpec
from smallsteps.corpora.build import shape
from smallsteps.corpora.corpus import corpus_hash
from smallsteps.engines import Decoding, Generation
from smallsteps.engines.chat import load_chat, marks_for
from smallsteps.engines.prompts import FormatSpec, Thoughtful, asked
from smallsteps.errors import UserError
from smallsteps.evaluation.graded import Label, outcomes_of
from smallsteps.evaluation.requests import Ask
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.system import load_system
from smallsteps.outcomes import Status
from smallsteps.problems import AnswerKind, Problem, Rationale
from smallsteps.schemes import COT, examples_of
from smallsteps.students import read_student
from smallsteps.studies.recipe import load_recipe
from smallsteps.teachers import Sample
from smallsteps.teachers.model import Status as SampleStatus
from smallsteps.training.tokens import encode

CHAT = FormatSpec(kind="chat")
PROBLEM = Problem("1", "How many?", "5", AnswerKind.NUMBER)
THOUGHT, SAID = "Two and three. Perhaps 6? No.", "2 + 3 = 5. The answer is 5."
FILE = {"kind": "file", "path": "x.jsonl"}
SPEC = {"benchmark": "micro_problems", "teacher": FILE, "keep": "all"}


def sample(text: str, thoughts: str = "") -> Sample:
    extra = {"thoughts": thoughts} if thoughts else {}
    return Sample("k", "1", "t", "p", "{}", 0, SampleStatus.OK, text, extra=extra)


def rationale(text: str, apart: str = "", **spec: Any) -> Rationale:
    corpus = shape(CorpusSpec.model_validate({**SPEC, **spec}), [PROBLEM], {"1": [sample(text, apart)]})
    (found,) = corpus.rationales
    return found


@pytest.mark.parametrize(
    "given", [(SAID, THOUGHT), (f"<think>{THOUGHT}</think>{SAID}", ""), (f"<r>{THOUGHT}</r>{SAID}", "")]
)
def test_thoughts_are_dropped_kept_or_learnt(given: tuple[str, str]) -> None:
    own = {"marks": ["<r>", "</r>"]}
    dropped, kept, learnt = (rationale(*given, thoughts=mode, **own) for mode in ("drop", "keep", "learn"))
    assert (dropped.text, dropped.thoughts) == ("2 + 3 = 5.", "")
    assert (kept.text, kept.thoughts) == (f"{THOUGHT}\n\n2 + 3 = 5.", "")
    assert (learnt.text, learnt.thoughts) == ("2 + 3 = 5.", THOUGHT)
    assert {one.answer for one in (dropped, kept, learnt)} == {"5"}
    assert dropped == rationale(*given, **own)


def test_what_a_student_cannot_learn_is_counted() -> None:
    spec = CorpusSpec.model_validate({**SPEC, "thoughts": "learn", "max_words": 8, "samples": 3})
    texts = (SAID, f"<think>{THOUGHT}", f"<think>{THOUGHT * 9}</think>{SAID}", f"<think>Hm.</think>{SAID}")
    rows = [sample(text) for text in texts]
    corpus = shape(spec, [PROBLEM], {"1": rows})
    assert corpus.quality["dropped"] == {"no thoughts": 2, "too long": 1}
    assert [one.thoughts for one in corpus.rationales] == ["Hm."]


def test_keys_and_hashes_without_thoughts_stay_as_they_were() -> None:
    plain = CorpusSpec.model_validate(SPEC).model_dump(mode="json")
    assert not {"thoughts", "marks"} & set(plain)
    assert CorpusSpec.model_validate({**SPEC, "thoughts": "drop"}).model_dump(mode="json") == plain
    one = Rationale("1", "2 + 3 = 5.", "5", True)
    # as computed by the version before rationales could have thoughts
    assert corpus_hash([one]) == "3cdd7c3386f84d9a6e12c85755a8e28396ae1bae961298747d11a09dd8480b01"


def learnt(chat: Any, target: str) -> tuple[str, str]:
    read, text = chat.lesson(asked("Q", "How many?"), target)
    return read, text


def test_a_chat_renders_thoughts_by_its_template(chat_base: Any) -> None:
    chat = load_chat(str(chat_base(REASONING)), FormatSpec(kind="chat", thinking="on"))
    assert chat.marks == MARKS["think"]
    read, text = learnt(chat, Thoughtful(THOUGHT, SAID))
    messages = [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": SAID, "reasoning_content": THOUGHT},
    ]
    assert f"{read}{text}\n" == chat.tokenizer.apply_chat_template(messages, tokenize=False)
    own = Marks("<r>", "</r>")
    assert learnt(chat, Thoughtful(THOUGHT, SAID, own))[1] == f"<r>{THOUGHT}</r>{SAID}<|im_end|>"


def test_a_template_without_thoughts_has_them_within_think(chat_base: Any) -> None:
    chat = load_chat(str(chat_base()), CHAT)
    assert chat.marks is None
    assert learnt(chat, Thoughtful(THOUGHT, SAID))[1] == f"<think>\n{THOUGHT}\n</think>\n\n{SAID}<|im_end|>"


def test_a_prompt_that_opens_the_thoughts(chat_base: Any) -> None:
    place = str(chat_base(OPENED))
    chat = load_chat(place, CHAT)
    read, text = learnt(chat, Thoughtful(THOUGHT, SAID))
    assert read.endswith("<think>\n")
    assert text == f"{THOUGHT}\n</think>\n\n{SAID}<|im_end|>"
    assert marks_for(place, chat.tokenizer, CHAT, None) == Marks("", "</think>")


def test_thoughts_are_supervised(chat_base: Any) -> None:
    import pickle

    chat = load_chat(str(chat_base()), CHAT)
    thinking = Rationale("1", "2 + 3 = 5.", "5", True, thoughts=THOUGHT)
    (example,) = examples_of(COT, {"1": PROBLEM}, [thinking])["model"]
    assert example.target == f" <think>\n{THOUGHT}\n</think>\n\n{SAID}"
    assert pickle.loads(pickle.dumps(example)).target.thoughts == THOUGHT  # noqa: S301
    for one in (chat, None):
        rows = encode([example], chat.tokenizer, encoder_decoder=False, max_length=512, chat=one)
        ids = rows.sequences[0][int(rows.prompts[0]) : -1].tolist()
        assert chat.tokenizer.decode(ids).strip() == example.target.strip()


def test_a_mark_that_texts_are_decoded_without(chat_base: Any) -> None:
    place = str(chat_base())
    tokenizer = load_chat(place, CHAT).tokenizer
    with pytest.raises(UserError, match="is a special token of this tokenizer"):
        marks_for(place, tokenizer, CHAT, Marks("<|im_start|>", "</x>"))


def test_schemes_that_have_no_place_for_thoughts(tmp_path: Path) -> None:
    def recipe(scheme: str, more: str = "") -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(
            f"recipe: mine\nscheme: {scheme}\nbase: {{path: a/b}}\n{more}"
            "corpus: {benchmark: micro_problems, teacher: {kind: file, path: x}, thoughts: learn}\n"
            "optimisation: {steps: 1, learning_rate: 0.001}\n"
        )
        return path

    assert load_recipe(recipe("cot")).corpus is not None
    for scheme in ("socratic", "multitask"):
        with pytest.raises(UserError, match="needs a scheme that makes one text"):
            load_recipe(recipe(scheme))
    with pytest.raises(UserError, match="asks for no thoughts"):
        load_recipe(recipe("cot", "format: {kind: chat, thinking: off}\n"))


@pytest.fixture(scope="module")
def student(chat_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from smallsteps.problems import load_problems
    from smallsteps.studies.run import recipe_stages

    folder = tmp_path_factory.mktemp("thinking")
    rows = [
        {"question": p.question, "rationale": f"<r>Hm.</r>It is so. The answer is {p.answer}."}
        for p in load_problems("micro_problems", "train")[:8]
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: cot\nbase: {{path: {chat_base(CHATML)}}}\n"
        "corpus: {benchmark: micro_problems, limit: 8, teacher: {kind: file, path: r.jsonl},\n"
        "  thoughts: learn, marks: ['<r>', '</r>']}\n"
        "optimisation: {steps: 1, learning_rate: 0.001, batch_tokens: 1024}\n"
    )
    out = folder / "out"
    for stage in recipe_stages(path, out)[2]:
        stage.folder(out).mkdir(parents=True)
        stage.work(out, lambda *_: None)
    return stage.folder(out)


class Thinking:
    """Answers in a row of prepared texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def generate(self, prompts: Any, decoding: Decoding) -> list[list[Generation]]:
        return [[Generation(text, 9, 3, "eos")] for text in self.texts]


def test_a_student_is_scored_without_its_thoughts(student: Path, monkeypatch: Any) -> None:
    assert read_student(student).thoughts == {"opening": "<r>", "closing": "</r>"}
    system = load_system(student)
    assert system.identity["thoughts"] == ["<r>", "</r>"]
    engine = Thinking(f"<r>{THOUGHT}</r> {SAID}", f"<r>{SAID}", SAID)
    monkeypatch.setattr(type(system.engines), "__getitem__", lambda self, part: engine)
    asks = [Ask("t", str(i), "How many?", True, (), Decoding()) for i in range(3)]
    rows = [row[0] for row in system.answer(asks)]
    assert [(row.response, row.thoughts, row.stop) for row in rows] == [
        (SAID, THOUGHT, "eos"),
        ("", SAID, "length"),
        (SAID, "", "eos"),
    ]
    assert rows[1].as_dict()["thoughts"] == SAID
    assert "thoughts" not in rows[2].as_dict()


def test_a_run_names_the_marks(student: Path, tmp_path: Path) -> None:
    evaluate(student, Settings(("smallsteps_micro_problems",), limit=2, max_new_tokens=4), tmp_path / "run")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["system"]["thoughts"] == ["<r>", "</r>"]


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("<think>Perhaps 5", Status.TRUNCATED),
        ("<|channel|>analysis<|message|>5", Status.TRUNCATED),
        ("<think>Hm</think>I do not know.", Status.UNPARSED),
    ],
)
def test_unfinished_thoughts_count_as_truncated(response: str, status: Status) -> None:
    """Of any model, whatever ended its text."""
    doc = {"item": "i", "kind": "number", "answer": "5"}
    row = {
        "filter": "none",
        "doc": doc,
        "resps": [[response]],
        "arguments": [["Q", {}]],
        "prompt_hash": "0" * 16,
    }
    (outcome,) = outcomes_of({"t": [row]}, {}, Label("s", None))
    assert outcome.status is status
    assert outcome.score == 0
