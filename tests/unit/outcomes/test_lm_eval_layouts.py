"""Sample files as each version of lm-eval has written them, and the choices made in reading them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.outcomes.lm_eval_files import Choice
from smallsteps.outcomes.lm_eval_names import find_samples, is_lm_eval
from smallsteps.outcomes.readers import load

TIME = "2024-06-11T09-10-11.000123"
LATER = "2024-06-11T11-10-11.000123"
ALL = Choice()


def _row(index: int, score: Any = 1.0, **more: Any) -> dict[str, Any]:
    row = {
        "doc_id": index,
        "doc": {"question": f"Wie viel ist {index} plus 2? — é", "answer": str(index + 2), "n": [1.5, None]},
        "target": str(index + 2),
        "arguments": [["prompt", {"until": ["\n"]}]],
        "resps": [["x"]],
        "filtered_resps": ["x"],
        "exact_match": score,
    }
    return {**row, **more}


def _hash(row: dict[str, Any]) -> str:
    """As lm-eval's evaluator computes `doc_hash`."""
    text = json.dumps(row["doc"], indent=2, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _hashed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "doc_hash": _hash(row), "prompt_hash": "f" * 64, "target_hash": "e" * 64}


def _lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def _array(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2))
    return path


def _results(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps({"results": {}, **values}, indent=2))
    return path


def _read(path: Path, choice: Choice = ALL) -> tuple[list[str], list[float], list[str], list[str]]:
    loaded = load([path], choice)
    columns = loaded.table.columns
    return (
        loaded.table.unique("student"),
        columns["score"],
        loaded.table.unique("task"),
        list(loaded.notes),
    )


def _outcome(path: Path) -> list[float] | str:
    """The scores, or the file that the error names."""
    try:
        return _read(path)[1]
    except UserError as error:
        return Path((error.where or "").partition(":")[0]).name


@pytest.mark.parametrize("name", ["pretrained__org__some-model,dtype__float16", "pretrained=org__some-model"])
def test_version_0_4_0_names_samples_by_model_arguments_and_task(tmp_path: Path, name: str) -> None:
    for task in ("arc_easy", "easy"):
        _array(tmp_path / f"{name}_{task}.jsonl", [_row(0, acc=0.0), _row(1)])
    arguments = "pretrained=org/some-model,dtype=float16"
    if "=" in name:
        arguments = "pretrained=org/some-model"
    _results(
        tmp_path / "results.json",
        configs={"arc_easy": {}, "easy": {}},
        config={"model": "hf", "model_args": arguments},
    )
    student, scores, tasks, _ = _read(tmp_path)
    assert student == ["org/some-model"]
    assert tasks == ["arc_easy", "easy"]
    assert scores == [1.0] * 4
    assert len(load([tmp_path / "results.json"]).table) == 4
    assert len(load([tmp_path / f"{name}_easy.jsonl"]).table) == 2


@pytest.mark.parametrize("name", ["pretrained__org__some-model,dtype__float16", "pretrained=org__some-model"])
def test_without_results_the_task_is_read_off_the_name_and_said(tmp_path: Path, name: str) -> None:
    _array(tmp_path / f"{name}_arc_easy.jsonl", [_row(0)])
    student, _, tasks, notes = _read(tmp_path)
    assert (student, tasks) == (["org/some-model"], ["arc_easy"])
    assert any("read off the file name" in note for note in notes)


def test_old_results_of_two_models_in_one_folder_are_told_apart_by_their_arguments(tmp_path: Path) -> None:
    for model, score in (("left", 1.0), ("left_2", 0.0)):
        _array(tmp_path / f"pretrained__org__{model}_gsm8k.jsonl", [_row(0, score)])
        config = {"model": "hf", "model_args": f"pretrained=org/{model}"}
        _results(tmp_path / f"{model}.json", configs={"gsm8k": {}}, config=config)
    assert _read(tmp_path / "left_2.json")[:3] == (["org/left_2"], [0.0], ["gsm8k"])
    assert _read(tmp_path)[0] == ["org/left", "org/left_2"]


@pytest.mark.parametrize("write", [_array, _lines])
def test_june_2024_names_samples_json(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "org__m" / f"samples_gsm8k_{TIME}.json", [_hashed(_row(0)), _hashed(_row(1, 0.0))])
    _results(tmp_path / "org__m" / f"results_{TIME}.json", model_name="org/m")
    student, scores, tasks, _ = _read(tmp_path)
    assert (student, tasks, sorted(scores)) == (["org/m"], ["gsm8k"], [0.0, 1.0])


def test_a_task_name_may_look_like_the_start_of_a_time(tmp_path: Path) -> None:
    for name in ("samples_mmlu_5shot.jsonl", f"samples_minerva_2024_{TIME}.jsonl", "samples_x.jsonl.gz"):
        _lines(tmp_path / name, [_row(0)])
    assert [file.task for file in find_samples(tmp_path)] == ["minerva_2024", "mmlu_5shot", "x"]


def test_output_path_with_a_file_name(tmp_path: Path) -> None:
    for model, time, score in (("left", TIME, 1.0), ("right", LATER, 0.0)):
        _lines(tmp_path / f"samples_gsm8k_{time}.jsonl", [_row(0, score)])
        _results(tmp_path / f"{model}_{time}.json", model_name=f"org/{model}")
    assert _read(tmp_path / f"right_{LATER}.json")[:2] == (["org/right"], [0.0])
    assert _read(tmp_path)[0] == ["org/left", "org/right"]  # a folder of several models


def test_two_evaluations_of_one_model_name_the_files_to_choose_from(tmp_path: Path) -> None:
    for time in (TIME, LATER):
        _lines(tmp_path / f"samples_gsm8k_{time}.jsonl", [_row(0)])
        _results(tmp_path / f"run_{time}.json", model_name="org/m")
    with pytest.raises(UserError, match="two evaluations of task 'gsm8k' by 'org/m'") as error:
        load([tmp_path])
    assert error.value.fix == (
        f"give the one you mean instead of the folder: run_{TIME}.json or run_{LATER}.json"
    )


def test_own_outcomes_in_a_file_named_samples_are_no_lm_eval_output(tmp_path: Path) -> None:
    path = _lines(tmp_path / "samples_mine.jsonl", [{"student": "a", "task": "t", "item": "i", "score": 1}])
    assert not is_lm_eval(path)
    assert load([path]).table.unique("student") == ["a"]


def test_items_pair_across_versions_with_and_without_hashes(tmp_path: Path) -> None:
    rows = [_row(index) for index in range(4)]
    old = _array(tmp_path / "pretrained__m_gsm8k.jsonl", rows)
    new = _lines(tmp_path / "new" / f"samples_gsm8k_{TIME}.jsonl", [_hashed(row) for row in rows])
    items = load([old]).table.columns["item"]
    assert items == load([new]).table.columns["item"]
    assert set(items) == {_hash(row)[:16] for row in rows}


def test_unnamed_filters_are_told_apart_by_the_repeated_document(tmp_path: Path) -> None:
    # two processes, each with its documents once for each filter
    rows = [_hashed(_row(i, float(f == 0))) for part in ((0, 2), (1, 3)) for f in (0, 1) for i in part]
    path = _lines(tmp_path / f"samples_gsm8k_{TIME}.jsonl", rows)
    _, scores, _, notes = _read(path)
    assert scores == [1.0] * 4
    assert "do not name them" in notes[0]
    assert _read(path, Choice(filter="2"))[1] == [0.0] * 4
    with pytest.raises(UserError, match="unknown filter"):
        load([path], Choice(filter="strict-match"))
    named = {"gsm8k": {"alias": "gsm8k", "exact_match,strict": 1, "exact_match_stderr,strict": 0}}
    named["gsm8k"]["exact_match,flexible"] = 0
    _results(tmp_path / f"results_{TIME}.json", results=named)
    assert _read(path, Choice(filter="flexible"))[1] == [0.0] * 4


def test_a_document_that_is_repeated_unevenly_is_refused(tmp_path: Path) -> None:
    path = _lines(tmp_path / f"samples_t_{TIME}.jsonl", [_row(0), _row(0), _row(1)])
    with pytest.raises(UserError, match="document 1 appears 1 times, others 2 times"):
        load([path])
    rows = [_row(0, filter="none"), _row(0, 0.0, filter="none")]
    path = _lines(tmp_path / f"samples_u_{TIME}.jsonl", rows)
    with pytest.raises(UserError, match=r"jsonl:2: document 0 appears twice under filter 'none'"):
        load([path])


def test_twin_documents_are_numbered_by_document_not_by_line(tmp_path: Path) -> None:
    twin = _row(0)["doc"]
    rows = [_row(1, 0.0, doc=twin), _row(0, 1.0)]
    first = load([_lines(tmp_path / "a" / f"samples_t_{TIME}.jsonl", rows)]).table
    second = load([_lines(tmp_path / "b" / f"samples_t_{TIME}.jsonl", rows[::-1])]).table
    assert first.columns["item"] == second.columns["item"]
    assert first.columns["score"] == second.columns["score"] == [1.0, 0.0]


def test_repeats_are_one_response_with_the_score_of_their_filter(tmp_path: Path) -> None:
    rows = [
        _row(i, 1.0, resps=[["a", "b", "c"]], filter=name, metrics=["exact_match"])
        for name in ("maj@3", "score-first")
        for i in range(2)
    ]
    _, scores, _, notes = _read(_lines(tmp_path / f"samples_gsm8k_cot_{TIME}.jsonl", rows))
    assert scores == [1.0, 1.0]
    assert "maj@3" in notes[0]


def test_the_first_metric_that_scores_items_is_taken_and_said(tmp_path: Path) -> None:
    pair = [["a"], ["b"]]
    rows = [
        _row(i, 1.0, metrics=["f1", "bleu", "exact_match", "acc"], f1=pair, bleu=38.5, acc=0.0)
        for i in (0, 1)
    ]
    path = _lines(tmp_path / f"samples_dialog_{TIME}.jsonl", rows)
    _, scores, _, notes = _read(path)
    assert scores == [1.0, 1.0]
    assert notes == [
        "dialog: lm-eval metric 'exact_match' "
        "(not a score of 0 to 1: f1, bleu; also there: acc; choose with --metric)"
    ]
    with pytest.raises(UserError, match=r"metric 'bleu' of this item is 38\.5") as error:
        load([path], Choice(metric="bleu"))
    assert error.value.fix == "choose another with --metric: exact_match, acc"


def test_old_rows_without_a_list_of_metrics(tmp_path: Path) -> None:
    rows = [_row(i, 0.0, acc_norm=1.0) for i in range(2)]
    path = _lines(tmp_path / f"samples_arc_{TIME}.jsonl", rows)
    assert _read(path)[1] == [0.0, 0.0]
    assert _read(path, Choice(metric="acc_norm"))[1] == [1.0, 1.0]


def test_a_task_without_a_score_is_left_out_with_a_note(tmp_path: Path) -> None:
    _lines(tmp_path / f"samples_gsm8k_{TIME}.jsonl", [_row(0)])
    other = {key: value for key, value in _row(0).items() if key != "exact_match"} | {"mae": 12.5}
    _lines(tmp_path / f"samples_other_{TIME}.jsonl", [other])
    _, _, tasks, notes = _read(tmp_path)
    assert tasks == ["gsm8k"]
    assert notes[0].startswith("other: left out, metric 'mae' of this item is 12.5")
    assert _read(tmp_path, Choice(tasks=("gsm8k",)))[3] == []
    with pytest.raises(UserError, match="mae"):
        load([tmp_path / f"samples_other_{TIME}.jsonl"])


def test_a_task_that_was_not_asked_for_is_not_read(tmp_path: Path) -> None:
    _lines(tmp_path / f"samples_gsm8k_{TIME}.jsonl", [_row(0)])
    (tmp_path / f"samples_damaged_{TIME}.jsonl").write_text("{")
    assert _read(tmp_path, Choice(tasks=("gsm8k",)))[2] == ["gsm8k"]
    with pytest.raises(UserError, match="damaged"):
        load([tmp_path])


@pytest.mark.parametrize(
    ("text", "score"), [("True", 1.0), ("False", 0.0), ("0.5", 0.5), ("1", 1.0), (True, 1.0)]
)
def test_scores_written_as_text(tmp_path: Path, text: object, score: float) -> None:
    assert _read(_lines(tmp_path / f"samples_t_{TIME}.jsonl", [_row(0, text)]))[1] == [score]


def test_a_response_without_an_answer_is_unparsed(tmp_path: Path) -> None:
    rows = [_row(0, 0.0, filtered_resps=["[invalid]"]), _row(1, 1.0, filtered_resps=["3"])]
    columns = load([_lines(tmp_path / f"samples_t_{TIME}.jsonl", rows)]).table.columns
    assert sorted(zip(columns["status"], columns["extracted"], strict=True), key=str) == [
        ("ok", "3"),
        ("unparsed", None),
    ]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    for name, text in ((f"samples_t_{TIME}.jsonl", json.dumps(_row(0))), ("pretrained__m_u.jsonl", "[]")):
        (tmp_path / name).write_text("\ufeff" + text)
    _array(tmp_path / "b" / "pretrained__m_u.jsonl", [_row(0)])
    marked = tmp_path / "b" / "pretrained__m_u.jsonl"
    marked.write_text("\ufeff" + marked.read_text())
    assert _read(tmp_path / f"samples_t_{TIME}.jsonl")[1] == [1.0]
    assert _read(tmp_path / "b")[1] == [1.0]


@pytest.mark.parametrize(
    "results", ["[" * 100_000, "{", "[]", '{"results": 5, "versions": [], "config": 5, "model_name": 7}']
)
def test_damaged_results_are_one_error_or_none(tmp_path: Path, results: str) -> None:
    _lines(tmp_path / f"samples_t_{TIME}.jsonl", [_row(0)])
    (tmp_path / f"results_{TIME}.json").write_text(results)
    assert _outcome(tmp_path) in ([1.0], f"results_{TIME}.json")


@pytest.mark.parametrize(
    "change",
    [
        {"doc_id": [1]},
        {"doc": "\ud800"},
        {"doc": 5, "target": None},
        {"filtered_resps": 5},
        {"metrics": 5},
        {"metrics": [5, None], "target": "\ud800\0"},
        {"prompt_hash": 5, "doc_hash": 7},
        {"filter": 3},
    ],
)
def test_odd_fields_are_read_or_one_error(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / f"samples_t_{TIME}.jsonl"
    path.write_text(json.dumps({**_row(0), **change}))
    assert _outcome(path) in ([1.0], path.name)
