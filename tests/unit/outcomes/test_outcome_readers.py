"""Outcomes from CSV, JSON lines, Parquet, run folders and lm-eval output; and all that can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, OutcomeTable, write_outcomes
from smallsteps.outcomes.lm_eval_files import Choice
from smallsteps.outcomes.readers import load

HEADER = "student,task,item,score\n"


def _csv(folder: Path, text: str, name: str = "o.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _sample(index: int, score: float, *, filter_name: str = "none", prompt: str = "p") -> dict[str, object]:
    return {
        "doc_id": index,
        "doc": {"question": f"q{index}"},
        "target": "7",
        "filter": filter_name,
        "metrics": ["exact_match"],
        "doc_hash": f"{index:064x}"[::-1],
        "prompt_hash": f"{prompt}{index}",
        "exact_match": score,
    }


def _lm_eval(
    folder: Path, model: str, scores: list[float], *, stamp: str = "2025-06-01T10-00-00.000001"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_sample(i, s)) for i, s in enumerate(scores)]
    (folder / f"samples_gsm8k_{stamp}.jsonl").write_text("\n".join(lines) + "\n")
    results = {"model_name": model, "versions": {"gsm8k": 3.0}}
    (folder / f"results_{stamp}.json").write_text(json.dumps(results))
    return folder


def test_csv_with_optional_columns(tmp_path: Path) -> None:
    text = "student,task,item,score,seed,cluster\na,t,i1,1,0,c\na,t,i2,0.5,0,\n"
    table = load([_csv(tmp_path, text)]).table
    assert table.columns["score"] == [1.0, 0.5]
    assert table.columns["seed"] == [0, 0]
    assert table.columns["cluster"] == ["c", None]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    text = "\ufeff" + (HEADER + "a,t,i1,true\n").replace(",", separator)
    assert load([_csv(tmp_path, text)]).table.columns["score"] == [1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a,t,i1,\n", "no score"),
        (HEADER + "a,t,i1,NaN\n", "no score"),
        (HEADER + "a,t,i1,yes\n", "not a number"),
        (HEADER + "a,t,i1,87\n", "not between 0 and 1"),
        (HEADER + "a,t,i1,1\na,t,i1,0\n", "appears twice"),
        (HEADER + ",t,i1,1\n", "no student"),
        (HEADER, "no outcomes"),
        ("student,task,item,scor\na,t,i,1\n", "column score missing; is 'scor' for 'score' meant"),
        ("student,task,item,score,sead\na,t,i,1,2\n", "unknown column 'sead'"),
        ("student,task,item,score,seed\na,t,i,1,x\n", "seed 'x' is not a whole number"),
        ("student,task,item,score,status\na,t,i,1,fine\n", "unknown status"),
    ],
)
def test_bad_tables_are_named_with_their_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load([_csv(tmp_path, text)])


def test_the_row_of_a_bad_score_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"o\.csv:3: no score"):
        load([_csv(tmp_path, HEADER + "a,t,i1,1\na,t,i2,\n")])


def test_json_lines_and_foreign_parquet_read_as_csv_does(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"student": "a", "task": "t", "item": f"i{i}", "score": i % 2} for i in range(4)]
    lines = tmp_path / "o.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parquet = tmp_path / "o.parquet"
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    assert load([lines]).table == load([parquet]).table
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="Parquet"):
        load([tmp_path / "bad.parquet"])


def test_a_folder_of_runs_is_joined(tmp_path: Path) -> None:
    for seed in (1, 2):
        table = OutcomeTable.of([Outcome("a", "t", "i", 1.0, seed=seed)])
        write_outcomes(tmp_path / f"s{seed}" / "outcomes.parquet", table)
    assert load([tmp_path]).table.columns["seed"] == [1, 2]


def test_lm_eval_output_of_anyone(tmp_path: Path) -> None:
    table = load([_lm_eval(tmp_path / "out" / "m", "org/model", [1.0, 0.0, 1.0])]).table
    assert table.unique("student") == ["org/model"]
    assert sorted(table.columns["score"]) == [0.0, 1.0, 1.0]
    assert table.unique("scorer") == ["lm-eval exact_match,none v3.0"]
    assert len(table.unique("item")) == 3


def test_one_lm_eval_run_among_several_is_chosen_by_its_results_file(tmp_path: Path) -> None:
    folder = _lm_eval(tmp_path, "m", [1.0])
    _lm_eval(tmp_path, "m", [0.0], stamp="2025-06-02T10-00-00.000001")
    with pytest.raises(UserError, match="two evaluations of task 'gsm8k'"):
        load([folder])
    table = load([folder / "results_2025-06-02T10-00-00.000001.json"]).table
    assert table.columns["score"] == [0.0]


def test_the_filter_is_chosen_and_said(tmp_path: Path) -> None:
    rows = [_sample(0, 1.0, filter_name="strict-match"), _sample(0, 0.0, filter_name="flexible-extract")]
    path = tmp_path / "samples_gsm8k_2025-06-01T10-00-00.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = load([path])
    assert loaded.table.columns["score"] == [1.0]
    assert "strict-match" in loaded.notes[0]
    assert "flexible-extract" in loaded.notes[0]
    assert load([path], Choice("flexible-extract")).table.columns["score"] == [0.0]
    with pytest.raises(UserError, match="did you mean 'strict-match'"):
        load([path], Choice("strict-mach"))
    with pytest.raises(UserError, match="unknown metric"):
        load([path], Choice(metric="f1"))


def test_a_document_that_a_data_set_holds_twice_is_two_items(tmp_path: Path) -> None:
    rows = [_sample(0, 1.0), {**_sample(0, 0.0), "doc_id": 1}]
    path = tmp_path / "samples_t_2025-06-01T10-00-00.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(load([path]).table.unique("item")) == 2


def test_a_metric_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples_t_2025-06-01T10-00-00.jsonl"
    path.write_text(json.dumps({**_sample(0, 1.0), "exact_match": [1, 0]}) + "\n")
    with pytest.raises(UserError, match="expected a number"):
        load([path])


def test_two_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    first, second = _lm_eval(tmp_path / "x" / "m", "m", [1.0]), _lm_eval(tmp_path / "y" / "m", "m", [0.0])
    assert load([first, second]).table.unique("student") == ["m (x/m)", "m (y/m)"]


def test_other_seeds_and_other_tasks_of_one_student_stay_together(tmp_path: Path) -> None:
    first = _csv(tmp_path, "student,task,item,score,seed\na,t,i,1,1\n", "1.csv")
    second = _csv(tmp_path, "student,task,item,score,seed\na,t,i,1,2\na,u,i,1,1\n", "2.csv")
    assert load([first, second]).table.unique("student") == ["a"]


@pytest.mark.parametrize("name", ["missing", "note.txt", "empty"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=name):
        load([tmp_path / name])


def test_one_source_given_twice_is_refused(tmp_path: Path) -> None:
    path = _csv(tmp_path, HEADER + "a,t,i,1\n")
    with pytest.raises(UserError, match="twice"):
        load([path, path.parent / "." / path.name])


@pytest.mark.parametrize("answer", ["none", "None", "NA", "n/a", "null", "nan", "NaN"])
def test_an_answer_is_text_and_never_missing(tmp_path: Path, answer: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header = "student,task,item,score,sample,extracted,gold\n"
    rows = [
        f"a,t,i,{int(text == answer)},{n},{text},{answer}\n" for n, text in enumerate([answer, "7", answer])
    ]
    table = load([_csv(tmp_path, header + "".join(rows))]).table
    assert table.columns["extracted"] == [answer, "7", answer]
    assert table.columns["gold"] == [answer] * 3
    row = {"student": "a", "task": "t", "item": "i", "score": 1, "extracted": answer, "gold": answer}
    (tmp_path / "o.jsonl").write_text(json.dumps(row))
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "o.parquet")
    for name in ("o.jsonl", "o.parquet"):
        assert load([tmp_path / name]).table.columns["extracted"] == [answer]


def test_an_empty_cell_or_null_is_no_answer(tmp_path: Path) -> None:
    text = "student,task,item,score,extracted,cluster,seed\na,t,i,1,,nan,NA\n"
    table = load([_csv(tmp_path, text)]).table
    assert [table.columns[name] for name in ("extracted", "cluster", "seed")] == [[None], [None], [None]]
    (tmp_path / "o.jsonl").write_text('{"student":"a","task":"t","item":"i","score":1,"extracted":null}')
    assert load([tmp_path / "o.jsonl"]).table.columns["extracted"] == [None]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1" + "0" * 400, "not between 0 and 1"),
        ("1" + "0" * 5000, r"o\.jsonl:2: not JSON: a number has too many digits"),
        ("1e999", "not between 0 and 1"),
        ("NaN", "no score"),
        ("[1]", r"score '\[1\]' is not a number"),
        ("[" * 10_000, r"o\.jsonl:2: not JSON: nested too deeply"),
    ],
)
def test_numbers_beyond_reason_are_one_error(tmp_path: Path, value: str, message: str) -> None:
    good = '{"student":"a","task":"t","item":"i","score":1}\n'
    (tmp_path / "o.jsonl").write_text(good + good.replace('"score":1', f'"score":{value}'))
    with pytest.raises(UserError, match=message):
        load([tmp_path / "o.jsonl"])


@pytest.mark.parametrize("value", ["9223372036854775808", "1e30", "0.5", "true_", "\u0663x", "--1"])
def test_a_seed_is_a_whole_number_of_64_bits(tmp_path: Path, value: str) -> None:
    with pytest.raises(UserError, match=r"o\.csv:2: seed .* is not a whole number"):
        load([_csv(tmp_path, f"student,task,item,score,seed\na,t,i,1,{value}\n")])


def test_unpaired_surrogates_and_control_characters_stay_text(tmp_path: Path) -> None:
    row = {"student": "a\ud800", "task": "t\0", "item": "\x1b[31mi", "score": 1, "extracted": "\udfff"}
    (tmp_path / "o.jsonl").write_text(json.dumps(row))
    table = load([tmp_path / "o.jsonl"]).table
    assert table.columns["student"] == ["a\\ud800"]
    assert table.columns["task"] == ["t\0"]
    write_outcomes(tmp_path / "o.parquet", table)
    assert load([tmp_path / "o.parquet"]).table == table


def test_values_beyond_the_header_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"o\.csv:3: 5 values for 4 columns"):
        load([_csv(tmp_path, HEADER + "a,t,i,1\na,t,j,1,2\n")])


def test_cells_with_line_breaks_and_rows_cut_short(tmp_path: Path) -> None:
    text = 'student,task,item,score,extracted\na,t,i,1,"x\ny"\na,t,j,0\na,t,k,\n'
    with pytest.raises(UserError, match=r"o\.csv:5: no score"):
        load([_csv(tmp_path, text)])
    table = load([_csv(tmp_path, text.replace("a,t,k,\n", ""))]).table
    assert table.columns["extracted"] == ["x\ny", None]


def test_one_json_array_of_outcomes_is_read_as_lines_are(tmp_path: Path) -> None:
    rows = [{"student": "a", "task": "t", "item": f"i{n}", "score": n} for n in (0, 1)]
    (tmp_path / "o.json").write_text("\ufeff" + json.dumps(rows, indent=1))
    assert load([tmp_path / "o.json"]).table.columns["score"] == [0.0, 1.0]


def test_rows_are_joined_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smallsteps.outcomes import tables

    monkeypatch.setattr(tables, "_BATCH", 4)
    lines = [f"s{n % 3},t,i{n},{n % 2},{n}\n" for n in range(11)]
    text = HEADER.replace("score", "score,sample") + "".join(lines)
    table = load([_csv(tmp_path, text)]).table
    assert sorted(table.columns["sample"]) == list(range(11))
    with pytest.raises(UserError, match=r"o\.csv:13: item 'i5' .* \(first in row 7\)"):
        load([_csv(tmp_path, text + lines[5])])


def test_parquet_that_claims_too_many_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from smallsteps.outcomes import table as tables

    rows = [{"student": "a", "task": "t", "item": f"i{n}", "score": n % 2} for n in range(9)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "o.parquet")
    monkeypatch.setattr(tables, "MAX_ROWS", 8)
    with pytest.raises(UserError, match="9 rows, more than the limit of 8"):
        load([tmp_path / "o.parquet"])
