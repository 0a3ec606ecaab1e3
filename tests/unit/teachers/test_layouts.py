"""Files found in the wild are read without loss; what does not fit is named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from smallsteps.corpora import Store
from smallsteps.corpora.export import export_store, import_store
from smallsteps.errors import UserError
from smallsteps.files import read_jsonl, write_jsonl
from smallsteps.teachers import Sample, Status, import_file, read_rationales

REAL = {
    "mcc_kd_svamp_train.jsonl.gz": ("mcc_kd", 7000),
    "llm_adapters_math_train.jsonl.gz": ("llm_adapters", 2363),
    "math_prealgebra_gpt35_8samples.jsonl.gz": ("generated_answers", 9640),
    "codex_gsm8k_train_logprobs.jsonl.gz": ("codex_logprobs", 52),
    "divergent_cot_gpt35/svamp.jsonl.gz": ("dcot", None),
    "divergent_cot_gpt35/quartz.jsonl.gz": ("dcot", None),
    "divergent_cot_gpt35/coin_flip.jsonl.gz": ("dcot", None),
    "divergent_cot_gpt35/LLC.jsonl.gz": ("dcot", None),
    "abel_gsm8k/7b.jsonl.gz": ("responses", 1319),
    "bamboogle_openai_outputs.jsonl.gz": ("returned", 3000),
    "bbh_code-davinci-002_cot.jsonl.gz": ("predictions", 6511),
    "bbh_code-davinci-002_direct.jsonl.gz": ("predictions", 6511),
    "gsm8k_ai_subq/chatgpt_test_raw.jsonl.gz": ("dialogues", 1319),
    "gsm8k_ai_subq/chatgpt_test_dataset.jsonl.gz": ("sub_questions", 1319),
    "gsm8k_ai_subq/student_eval_responses.jsonl.gz": ("dialogue_responses", 21104),
    "program_of_thoughts/svamp_few_shot.jsonl.gz": ("programs", 999),
    "program_of_thoughts/svamp_zero_shot.jsonl.gz": ("programs", 999),
    "program_of_thoughts/gsm8k_few_shot.jsonl.gz": ("programs", 1318),
    "program_of_thoughts/aqua_gpt4_cot.jsonl": ("rationale_options", 253),
    "zero_shot_cot_instructgpt/strategyqa.jsonl.gz": ("completions", 4580),
    "zero_shot_cot_instructgpt/svamp.jsonl.gz": ("completions", 2000),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_files_without_loss(data_dir: Path, name: str) -> None:
    layout, count = REAL[name]
    path = data_dir / "teacher" / name
    items = list(read_rationales(path))  # the layout is recognised
    assert items == list(read_rationales(path, layout))
    if count is not None:
        assert len(items) == count
    # every string of every record stands somewhere in what was read
    read: set[str] = set()
    for item in items:
        read.update(_strings([item.question, item.text, item.gold, item.extra]))
    for _, row in read_jsonl(path):
        for text in _strings(row):
            assert text in read or text.removeprefix("Problem:\n") in read, text


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [found for part in value.values() for found in _strings(part)]
    if isinstance(value, list | tuple):
        return [found for part in value for found in _strings(part)]
    return []


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_export_and_import_keep_the_hash(data_dir: Path, tmp_path: Path, ending: str) -> None:
    path = data_dir / "teacher" / "codex_gsm8k_train_logprobs.jsonl.gz"
    with Store(tmp_path / "a", durable=False) as store:
        assert import_file(path, None, store.add) == 52 == len(store)
        assert import_file(path, None, store.add) == 52
        assert len(store) == 52, "a second import adds nothing"
        rows, digest = list(store), store.hash()
        export_store(store, tmp_path / f"x.{ending}")
    with Store(tmp_path / "b", durable=False) as store:
        import_store(store, tmp_path / f"x.{ending}")
        assert list(store) == rows
        assert store.hash() == digest


def test_a_broken_row_of_an_export_is_named(tmp_path: Path) -> None:
    with Store(tmp_path / "a", durable=False) as store:
        store.add([Sample("k", "p", "t", "q", "{}", 0, Status.OK, "x")])
        export_store(store, tmp_path / "x.jsonl")
    good = (tmp_path / "x.jsonl").read_text()
    for bad in (good.replace('"text"', '"texts"'), good.replace('"ok"', '"fine"'), '{"schema": 1}\n'):
        (tmp_path / "x.jsonl").write_text(good + bad)
        with Store(tmp_path / "b", durable=False) as store, pytest.raises(UserError, match=r"x\.jsonl:2"):
            import_store(store, tmp_path / "x.jsonl")


def test_codex_probabilities_become_logprobs(data_dir: Path) -> None:
    first = next(iter(read_rationales(data_dir / "teacher" / "codex_gsm8k_train_logprobs.jsonl.gz")))
    newline = first.tokens[1]
    assert newline.token == "\n"
    assert newline.logprob == pytest.approx(math.log(0.9862))
    assert [value for _, value in newline.top] == sorted((v for _, v in newline.top), reverse=True)
    assert len(newline.top) == 5


def test_openai_batch_output(tmp_path: Path) -> None:
    def line(name: str, **changes: object) -> dict[str, object]:
        body = {
            "id": "c1",
            "model": "m",
            "choices": [
                {"index": 0, "message": {"content": "So 5."}, "finish_reason": "stop"},
                {"index": 1, "message": {"content": "No"}, "finish_reason": "length"},
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4},
        }
        response = {"status_code": 200, "request_id": "r", "body": body}
        return {"id": "b1", "custom_id": name, "response": response, "error": None, **changes}

    refused = {
        "status_code": 200,
        "body": {"choices": [{"message": {"refusal": "I will not."}, "finish_reason": "stop"}]},
    }
    filtered = {"status_code": 200, "body": {"choices": [{"message": {}, "finish_reason": "content_filter"}]}}
    rows = [
        line("p1"),
        line("p2", response=refused),
        line("p3", response=filtered),
        line("p4", response=None, error={"code": "batch_expired", "message": "late"}),
        line("p5", response={"status_code": 429, "body": {"error": {"message": "quota"}}}),
    ]
    write_jsonl(tmp_path / "out.jsonl", rows)
    items = list(read_rationales(tmp_path / "out.jsonl"))
    assert [(i.row, i.status, i.sample) for i in items] == [
        ("p1", Status.OK, 0),
        ("p1", Status.LENGTH, 1),
        ("p2", Status.REFUSED, 0),
        ("p3", Status.FILTERED, 0),
        ("p4", Status.ERROR, 0),
        ("p5", Status.ERROR, 0),
    ]
    assert items[0].prompt_tokens == 9
    assert "late" in items[4].error
    assert "quota" in items[5].error


def test_openai_batch_output_is_read_as_an_endpoint_s_answer(tmp_path: Path) -> None:
    def row(choice: dict[str, object]) -> dict[str, object]:
        return {"custom_id": "p1", "response": {"status_code": 200, "body": {"choices": [choice]}}}

    parts = [{"type": "text", "text": "So "}, {"type": "text", "text": "5."}]
    message = {"content": parts, "reasoning_content": "Two and three."}
    write_jsonl(tmp_path / "out.jsonl", [row({"message": message, "finish_reason": "stop"})])
    (item,) = read_rationales(tmp_path / "out.jsonl")
    assert (item.text, item.thoughts) == ("So 5.", "Two and three.")
    bad = {"message": {"content": "5"}, "logprobs": {"content": [{"token": "5", "logprob": "low"}]}}
    write_jsonl(tmp_path / "bad.jsonl", [row({"message": message}), row(bad)])
    with pytest.raises(UserError, match=r"bad\.jsonl:2: choice 0: a log-probability is not a finite number"):
        list(read_rationales(tmp_path / "bad.jsonl"))


def test_step_by_step_completions_end_before_the_next_question(tmp_path: Path) -> None:
    raw = ["He has 5. So the answer is (a).\n\nQ: What next?\nA: Else", "Plain. The answer is 7."]
    (tmp_path / "train_CoT_0.json").write_text(json.dumps(raw))
    items = list(read_rationales(tmp_path / "train_CoT_0.json"))
    assert [item.text for item in items] == ["He has 5. So the answer is (a).", raw[1]]
    assert items[0].extra == {"raw": raw[0]}


def test_unknown_and_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"foo": 1}\n')
    with pytest.raises(UserError, match="none of the known formats"):
        list(read_rationales(tmp_path / "a.jsonl"))
    (tmp_path / "b.jsonl").write_text('{"instruction": "q", "output": ["x"], "label": "1"}\n{"output": []}\n')
    with pytest.raises(UserError, match="field 'instruction' is missing") as caught:
        list(read_rationales(tmp_path / "b.jsonl"))
    assert caught.value.where == f"{tmp_path / 'b.jsonl'}:2"
    with pytest.raises(UserError, match="did you mean 'mcc_kd'"):
        list(read_rationales(tmp_path / "b.jsonl", "mcc-kd"))
