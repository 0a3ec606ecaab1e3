"""Chat and reasoning corpora: what was asked, what was said, and the thoughts before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.corpora import Store
from smallsteps.errors import UserError
from smallsteps.teachers import FileTeacher, Status, import_file, read_rationales
from smallsteps.teachers.files import resolve_layout
from smallsteps.teachers.imported import Imported

QUESTION = "Ida has 4 jars and fills 3 more. How many?"
SAID = "4 + 3 = 7. The answer is 7."
THOUGHT = "Four and three.\n\nThat is seven."


def _read(tmp_path: Path, *rows: dict[str, Any], array: bool = False) -> tuple[str, list[Imported]]:
    path = tmp_path / "corpus.json"
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text("\ufeff" + (json.dumps(list(rows), indent=1) if array else lines))
    return resolve_layout(path, None), list(read_rationales(path))


def _turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


CORPORA: dict[str, dict[str, Any]] = {
    "messages": {"messages": [_turn("system", "Think."), _turn("user", QUESTION), _turn("assistant", SAID)]},
    "conversations": {"conversations": [_turn("user", QUESTION), _turn("assistant", SAID)]},
    "sharegpt": {
        "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": SAID}],
        "system": "Think.",
    },
    "s1": {"question": QUESTION, "solution": "7", "attempt": SAID, "thinking_trajectories": [THOUGHT]},
    "open_thoughts": {
        "problem": QUESTION,
        "deepseek_reasoning": THOUGHT,
        "deepseek_solution": SAID,
        "ground_truth_solution": "7",
    },
    "source_target": {"source": QUESTION, "target": SAID},
    "llm_adapters": {"instruction": QUESTION, "output": SAID},
    "plain": {"question": QUESTION, "rationale": SAID},
}


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("layout", sorted(CORPORA))
def test_each_layout_is_recognised_and_read(tmp_path: Path, layout: str, array: bool) -> None:
    found, (item,) = _read(tmp_path, CORPORA[layout], array=array)
    assert found == layout
    assert (item.question, item.text, item.status) == (QUESTION, SAID, Status.OK)
    thinks = layout in ("s1", "open_thoughts")
    assert item.thoughts == (THOUGHT if thinks else "")
    assert item.gold == ("7" if thinks else None)


def test_a_worked_answer_states_its_gold_behind_the_mark(tmp_path: Path) -> None:
    layout, items = _read(tmp_path, {"question": QUESTION, "answer": "4 + 3 = <<4+3=7>>7\n#### 7"})
    assert layout == "worked_answers"
    assert (items[0].text, items[0].gold) == ("4 + 3 = <<4+3=7>>7\n#### 7", "7")


def test_a_question_with_a_bare_answer_holds_no_rationale(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of the known formats"):
        _read(tmp_path, {"question": QUESTION, "answer": "7"})


def test_every_turn_of_the_model_answers_the_turn_before_it(tmp_path: Path) -> None:
    turns = [_turn("user", "a"), _turn("assistant", "A"), _turn("user", "b"), _turn("assistant", "B")]
    _, items = _read(tmp_path, {"id": "x", "messages": turns}, {"messages": turns[:2]})
    assert [(i.row, i.question, i.text, i.sample) for i in items] == [
        ("x", "a", "A", 0),
        ("x", "b", "B", 0),
        ("1", "a", "A", 1),
    ]


def test_parts_of_a_turn_and_its_reasoning_field(tmp_path: Path) -> None:
    asked = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    turns = [_turn("user", asked), _turn("assistant", SAID, reasoning_content=THOUGHT)]
    _, (item,) = _read(tmp_path, {"messages": turns})
    assert (item.question, item.text, item.thoughts) == ("one\ntwo", SAID, THOUGHT)


def test_the_attempts_of_several_models_are_several_samples(tmp_path: Path) -> None:
    row = {
        "question": QUESTION,
        "solution": "7",
        "deepseek_thinking_trajectory": "d",
        "deepseek_attempt": "D",
    }
    row |= {"gemini_thinking_trajectory": "g", "gemini_attempt": "G"}
    _, items = _read(tmp_path, row)
    assert [(i.text, i.thoughts, i.sample) for i in items] == [("D", "d", 0), ("G", "g", 1)]


def test_thoughts_that_never_end_are_no_answer_but_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"messages": [_turn("user", "q"), _turn("assistant", f"<think>{THOUGHT}")]},
        {"messages": [_turn("user", "q"), _turn("assistant", f"<think>{THOUGHT}</think>{SAID}")]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Store(tmp_path / "s", durable=False) as store:
        assert import_file(path, None, store.add) == 2
        samples = sorted(store, key=lambda sample: sample.sample)
    assert [(s.text, s.status) for s in samples] == [("", Status.LENGTH), (SAID, Status.OK)]
    assert [s.extra["thoughts"] for s in samples] == [THOUGHT, THOUGHT]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [5]}, r"a\.jsonl:2: field 'messages' is not a list of turns"),
        ({"messages": [{"role": "user"}]}, r"a\.jsonl:2: a turn of 'messages' has no 'role' or no 'content'"),
        ({"other": 1}, r"a\.jsonl:2: field 'messages' is missing"),
    ],
)
def test_broken_conversations_are_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(CORPORA["messages"]) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(UserError, match=message):
        list(read_rationales(path))


@pytest.mark.parametrize(
    "text",
    [
        '{"custom_id":"a","response":{"status_code":200,"body":{"choices":[5]}}}',
        '{"custom_id":"a","response":5}',
        '{"custom_id":"a","response":{"status_code":200,"body":{"choices":[{"logprobs":{"content":[1]}}]}}}',
        '{"question":"q","text":"t","sample":1e400}',
        '{"question":"q","text":"t","sample":-1}',
        '{"question":"q","text":"t","sample":' + "9" * 5000 + "}",
        '{"instruction":"q","output":5,"label":1}',
        '{"correct_cots":5,"question":"q"}',
        '{"question_index":1,"text":"t","steps":[{"token":"a","prob":"x","top5":[]}]}',
        '{"question":"q","text":' + "[" * 5000,
        '{"question":"q","text":"t","x":' + "[" * 700 + "]" * 700 + "}",
        "[" * 200_000,
        "[1, 2]",
        "[]",
        "",
        "\0\0\0",
        '{"question":"q","text":""}',
    ],
)
def test_a_hostile_file_is_one_error_and_stores_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with Store(tmp_path / "s", durable=False) as store:
        with pytest.raises(UserError) as error:
            import_file(path, None, store.add)
        assert len(store) == 0
    assert "a.jsonl" in str(error.value) or "problem '0'" in str(error.value)


def test_odd_values_are_stored_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"question":"q\\ud800","text":"t\\udfff\\u0000","x":NaN,"id":"\\ud800","y":[1e999,"\\ud800"]}'
    )
    with Store(tmp_path / "s", durable=False) as store:
        assert import_file(path, None, store.add) == 1
        (sample,) = store
    assert (sample.prompt, sample.text, sample.problem_id) == ("q\\ud800", "t\\udfff\\u0000", "\\ud800")
    assert sample.extra["x"] == "nan"
    assert sample.extra["y"] == ["inf", "\\ud800"]


def test_samples_without_any_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"completion": ""}, {"completion": " "}]))
    with Store(tmp_path / "s", durable=False) as store:
        with pytest.raises(UserError, match=r"none of 2 samples has a text \(the file has an empty text\)"):
            import_file(path, None, store.add)
        assert len(store) == 0


def test_rationales_for_other_questions_are_refused_with_the_nearest_pair(tmp_path: Path) -> None:
    from smallsteps.problems import AnswerKind, Problem

    rows = [{"question": f"Who won the race of {year}?", "text": SAID} for year in range(1900, 2100)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = [
        Problem("p1", QUESTION, "7", AnswerKind.NUMBER),
        Problem("p2", "Who won the race in 1907?", "x", AnswerKind.TEXT),
    ]
    with pytest.raises(UserError, match="none of 200 questions matches svamp train") as error:
        FileTeacher(path).check_matches(problems, "svamp train")
    assert error.value.fix == (
        "nearest: 'Who won the race of 1907?' in the file, 'Who won the race in 1907?' (p2)"
    )


def test_a_file_for_some_of_the_problems_says_so(tmp_path: Path) -> None:
    from smallsteps.problems import AnswerKind, Problem

    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": QUESTION, "text": SAID}))
    problems = [
        Problem("p1", QUESTION, "7", AnswerKind.NUMBER),
        Problem("p2", "Else?", "1", AnswerKind.NUMBER),
    ]
    teacher = FileTeacher(path)
    teacher.check_matches(problems, "svamp train")
    assert teacher.notices == [f"{path}: has rationales for 1 of 2 problems of svamp train"]
    teacher = FileTeacher(path)
    teacher.check_matches(problems[:1], "svamp train")
    assert teacher.notices == []


@pytest.mark.parametrize("text", [None, ["a"], {"a": 1}])
def test_what_is_no_text_is_not_imported_as_one(tmp_path: Path, text: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "q", "text": text}))
    with Store(tmp_path / "s", durable=False) as store:
        with pytest.raises(UserError, match=r"none of 1 samples has a text|field 'text' is not text"):
            import_file(path, None, store.add)
        assert len(store) == 0


def test_the_plain_layout_with_all_its_fields(tmp_path: Path) -> None:
    row = {"question": "q", "text": SAID, "id": 5, "sample": 3, "answer": "7", "thoughts": THOUGHT, "more": 1}
    _, (item,) = _read(tmp_path, row)
    assert (item.row, item.sample, item.gold, item.thoughts) == ("5", 3, "7", THOUGHT)
    assert item.extra["more"] == 1


def test_the_input_of_an_instruction_belongs_to_the_question(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "input": "4 and 3", "output": SAID, "label": "7"}
    layout, (item,) = _read(tmp_path, row)
    assert (layout, item.question, item.text, item.gold) == ("llm_adapters", "Add.\n4 and 3", SAID, "7")
