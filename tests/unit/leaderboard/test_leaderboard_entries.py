"""Entries: packed from runs, checked against the benchmark, rejected with a reason, the board unchanged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from entry_cases import answers_of, check, rejected, reseal, rewrite

import board_cases as cases
from board_cases import GENERIC, ITEMS, TARGET
from smallsteps.errors import UserError
from smallsteps.files import read_object, sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.adding import add_entry, check_all
from smallsteps.leaderboard.answers import (
    ordered,
    read_answers,
    schema,
    write_answers,
)
from smallsteps.leaderboard.board import Board, read_board
from smallsteps.leaderboard.checking import check_entry
from smallsteps.leaderboard.items import Items, pin_items, read_lock, write_lock


def test_a_run_becomes_an_entry_that_holds(board: Board, entry: Path) -> None:
    found = check(board)
    seen = {name: (one.items, one.complete, one.scores, one.seeds) for name, one in found.tasks.items()}
    assert seen == dict.fromkeys((TARGET, GENERIC), (ITEMS, True, "from responses", (1,)))
    assert found.unknown == ("corpus", "contamination")
    record = json.loads((entry / "runs.json").read_text())
    assert record["runs"][0]["decoding"][TARGET] == [{"until": [], "max_gen_toks": 64, "do_sample": False}]
    assert sorted(path.name for path in entry.iterdir()) == ["answers.parquet", "entry.yaml", "runs.json"]


def test_lm_eval_output_made_elsewhere_shows_what_it_cannot_show(board: Board, tmp_path: Path) -> None:
    run = cases.write_run(
        tmp_path / "run", "org/model", {TARGET: cases.responses(TARGET, 0.5, 1)}, seed=None, manifest=False
    )
    found = add_entry(board, [run], who="tests")
    assert (found.entry, found.tasks[TARGET].scores) == ("org-model", "from responses")
    assert set(found.unknown) >= {"stop reasons", "contamination", "manifest"}


def test_a_forged_score_is_rejected_naming_the_item(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    place = next(i for i, row in enumerate(rows) if row.score == 0)
    forged = replace(rows[place], score=1.0)
    rewrite(entry, [*rows[:place], forged, *rows[place + 1 :]])
    error = rejected(board, f"item '{forged.item}'")
    assert "claims score 1" in str(error)
    assert "its response scores 0" in str(error)


def test_a_forged_status_is_rejected(board: Board, tmp_path: Path) -> None:
    texts = cases.responses(TARGET, 0.5, 1)
    texts[3] = "I do not know."
    add_entry(board, [cases.write_run(tmp_path / "run", "cot", {TARGET: texts})], name="cot")
    rows = answers_of(board.entries / "cot")
    (place,) = [i for i, row in enumerate(rows) if row.status == "unparsed"]
    rewrite(board.entries / "cot", [*rows[:place], replace(rows[place], status="ok"), *rows[place + 1 :]])
    rejected(board, "but its response scores 0 .unparsed.")


def test_reordered_scores_are_rejected(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    scores = [row.score for row in rows]
    assert scores[::-1] != scores
    rewrite(entry, [replace(row, score=score) for row, score in zip(rows, scores[::-1], strict=True)])
    rejected(board, "but its response scores")


def test_swapped_responses_are_rejected(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    right = next(i for i, row in enumerate(rows) if row.score == 1)
    wrong = next(i for i, row in enumerate(rows) if row.score == 0)
    swapped = list(rows)
    swapped[right] = replace(rows[right], response=rows[wrong].response)
    swapped[wrong] = replace(rows[wrong], response=rows[right].response)
    rewrite(entry, swapped)
    rejected(board, "but its response scores")


def test_a_missing_response_is_rejected(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    rewrite(entry, [replace(rows[0], response=None), *rows[1:]])
    rejected(board, "has no response")


def test_rows_out_of_order_or_twice_are_rejected(board: Board, entry: Path) -> None:
    table = read_answers(entry / "answers.parquet")
    for rows in ([1, 0, *range(2, len(table))], [0, 0, *range(1, len(table))]):
        pq.write_table(table.take(rows).cast(schema()), entry / "answers.parquet")
        reseal(entry)
        rejected(board, "row 2 is out of order or repeated")


def test_items_that_the_task_does_not_have_are_rejected(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    rewrite(entry, ordered([replace(rows[0], item="0" * 16), *rows[1:]]))
    rejected(board, "item '0000000000000000' is not among the 40 items")


def test_another_cluster_is_rejected(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    rewrite(entry, [replace(row, cluster="all") for row in rows])
    rejected(board, "is in cluster 'all'")


def test_a_task_of_no_suite_is_rejected(board: Board, entry: Path) -> None:
    rewrite(entry, [replace(row, task="smallsteps_gsm8k") for row in answers_of(entry)[:ITEMS]])
    rejected(board, "'smallsteps_gsm8k' is no task of this leaderboard")


def test_missing_items_make_an_entry_incomplete(board: Board, entry: Path) -> None:
    rewrite(entry, [row for row in answers_of(entry)[:-1] if row.task == GENERIC or row.task == TARGET])
    found = check(board).tasks
    assert [found[task].complete for task in sorted(found)] == [True, False]
    assert found[sorted(found)[1]].items == ITEMS - 1


def test_seeds_with_other_items_make_an_entry_incomplete(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    second = [replace(row, seed=2) for row in rows]
    rewrite(entry, [*rows, *second])
    assert check(board).tasks[TARGET].seeds == (1, 2)
    assert check(board).tasks[TARGET].complete
    rewrite(entry, [*rows, *second[:-1]])
    assert [one.complete for _, one in sorted(check(board).tasks.items())] == [True, False]


def test_a_benchmark_that_changed_is_an_error_and_no_new_score(board: Board, entry: Path) -> None:
    lock = read_lock(board)
    write_lock(board, {**lock, TARGET: replace(lock[TARGET], golds="0" * 64)})
    rejected(board, "the right answers of 'smallsteps_sums' are not those that this board pinned")
    with pytest.raises(UserError, match="not those that this board pinned"):
        pin_items(board, None)


def test_responses_that_were_exchanged_after_packing_are_noticed(board: Board, entry: Path) -> None:
    write_answers(entry / "answers.parquet", [replace(row, tokens=1) for row in answers_of(entry)])
    rejected(board, "is not the file that runs.json was written with")
    text = (entry / "runs.json").read_text()
    (entry / "runs.json").write_text(text.replace('"cot"', '"top"'))
    rejected(board, "damaged or changed")


def test_where_a_base_lay_is_not_told(board: Board, tmp_path: Path) -> None:
    run = cases.whole_run(tmp_path / "run", "cot", 0.6, 1)
    manifest = read_object(run / "manifest.json")
    manifest["student"]["base"] = str(tmp_path / "models" / "tiny")
    write_sealed(run / "manifest.json", {name: value for name, value in manifest.items() if name != "digest"})
    add_entry(board, [run], name="cot", who="tests")
    text = (board.entries / "cot" / "runs.json").read_text()
    assert json.loads(text)["runs"][0]["student"]["base"] == "tiny"
    assert str(tmp_path) not in text


def reference(tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A data directory with published outputs, and the card of the reference."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "SHA256SUMS").write_text("")
    texts = cases.responses(TARGET, 0.5, 3)
    rows = [
        {"q": doc["question"], "m": {"out": text}}
        for doc, text in zip(cases.docs_of(TARGET), texts, strict=True)
    ]
    (data / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {
        "repository": "org/model", "commit": "abc", "path": "out.jsonl", "licence": "MIT",
        "file": "out.jsonl",
        "sha256": sha256_file(data / "out.jsonl"), "task": TARGET, "question": "q", "response": "m.out",
    }  # fmt: skip
    card = {
        "entry": 1,
        "name": "Ref",
        "kind": "reference",
        "who": "t",
        "date": "2026-01-01",
        "published": [source],
    }
    (tmp_path / "ref.yaml").write_text(yaml.safe_dump(card))
    return data, tmp_path / "ref.yaml"


def test_published_outputs_are_scored_and_their_texts_left_out(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, card = reference(tmp_path, board, monkeypatch)
    found = add_entry(board, [], name="ref", card=card, data=data)
    assert found.tasks[TARGET].scores == "from published outputs"
    rows = answers_of(board.entries / "ref")
    assert {row.response for row in rows} == {None}
    pairs = zip(cases.docs_of(TARGET), cases.responses(TARGET, 0.5, 3), strict=True)
    right = {doc["item"] for doc, text in pairs if "1000000" not in text}
    assert {row.item for row in rows if row.score} == right
    assert check_entry(board, "ref", Items(board)).tasks[TARGET].scores == "not recomputed"
    place = next(i for i, row in enumerate(rows) if row.score == 0)
    rewrite(board.entries / "ref", [*rows[:place], replace(rows[place], score=1.0), *rows[place + 1 :]])
    with pytest.raises(UserError, match=f"item '{rows[place].item}'"):
        check_entry(board, "ref", Items(board, data))
    (data / "out.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match="other sha256"):
        check_entry(board, "ref", Items(board, data))


def state(board: Board) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(board.folder.rglob("*")) if path.is_file()}


def run_of_other_score(tmp_path: Path) -> Path:
    run = cases.write_run(tmp_path / "bad", "bad", {TARGET: cases.responses(TARGET, 0.5, 1)}, manifest=False)
    path = run / f"samples_{TARGET}_{cases.STAMP}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[5]["flexible"] = 1.0 - rows[5]["flexible"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def two_students(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        cases.whole_run(tmp_path / "two" / name, name, 0.5, 1)
    return tmp_path / "two"


def damaged(tmp_path: Path) -> Path:
    run = cases.whole_run(tmp_path / "damaged", "bad", 0.5, 1)
    path = run / f"samples_{TARGET}_{cases.STAMP}.jsonl"
    path.write_text(path.read_text().replace("1000000", "1000001"))
    return run


def other_task(tmp_path: Path) -> Path:
    run = tmp_path / "other"
    run.mkdir()
    row = {"doc_id": 0, "doc": {"x": 1}, "resps": [["a"]], "filter": "none", "metrics": ["acc"], "acc": 1.0}
    (run / "samples_gsm8k_0123456789ab.jsonl").write_text(json.dumps(row) + "\n")
    return run


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (run_of_other_score, "but its response scores"),
        (two_students, "two students: 'one'"),
        (damaged, "is damaged or was changed"),
        (other_task, "no task of this leaderboard"),
        (lambda tmp_path: tmp_path / "nowhere", "no such folder"),
    ],
)
def test_nothing_is_added_where_something_is_wrong(
    board: Board, entry: Path, tmp_path: Path, make: Callable[[Path], Path], text: str
) -> None:
    before = state(board)
    with pytest.raises(UserError, match=text):
        add_entry(board, [make(tmp_path)], name="bad")
    assert state(board) == before


def test_an_entry_is_replaced_only_on_demand(board: Board, entry: Path, tmp_path: Path) -> None:
    run = cases.whole_run(tmp_path / "better", "cot", 0.9, 1)
    with pytest.raises(UserError, match="there is an entry 'cot'"):
        add_entry(board, [run], name="cot")
    before = sum(row.score for row in answers_of(entry))
    add_entry(board, [run], name="cot", replace=True)
    assert sum(row.score for row in answers_of(entry)) > before


def test_one_bad_entry_hides_no_other(board: Board, entry: Path, tmp_path: Path) -> None:
    add_entry(board, [cases.whole_run(tmp_path / "two", "two", 0.9, 2)], name="two")
    (entry / "runs.json").write_text("[]")
    found = check_all(board, (), None)
    assert [one.entry for one in found.passed] == ["two"]
    assert [name for name, _ in found.rejected] == ["cot"]


def test_the_same_run_gives_the_same_entry(board: Board, entry: Path, tmp_path: Path) -> None:
    before = (entry / "answers.parquet").read_bytes(), (entry / "runs.json").read_bytes()
    add_entry(board, [tmp_path / "run"], name="cot", replace=True)
    assert ((entry / "answers.parquet").read_bytes(), (entry / "runs.json").read_bytes()) == before


def test_hostile_texts_are_kept_as_they_are(board: Board, tmp_path: Path) -> None:
    texts = cases.responses(TARGET, 0.5, 1, text=cases.HOSTILE + "=cmd()\n")
    texts[0] += "y" * 1_000_000
    add_entry(board, [cases.write_run(tmp_path / "run", "cot", {TARGET: texts[:5]})], name="cot")
    assert answers_of(board.entries / "cot")[0].response.startswith("<script>")  # type: ignore[union-attr]
    assert os.path.getsize(board.entries / "cot" / "answers.parquet") < 100_000


def test_a_board_with_two_limits_of_a_task_is_refused(tmp_path: Path) -> None:
    suites = {
        name: {"title": "T", "tasks": [TARGET], "limits": {TARGET: n}} for name, n in (("a", 5), ("b", 6))
    }
    (tmp_path / "board.yaml").write_text(yaml.safe_dump({"board": 1, "title": "B", "suites": suites}))
    with pytest.raises(UserError, match="different limits"):
        read_board(tmp_path)
