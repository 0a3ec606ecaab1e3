"""`--html` of compare, tradeoff, gate and score: one kind of page, with every item, safe for any text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli import main
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.page import items as page_items
from smallsteps.reports.page.items import Sample, collect_items
from smallsteps.reports.page.texts import logged_samples, places_of

HOSTILE = "<script>alert(1)</script>"


def outcomes(path: Path, students: Sequence[str], tasks: Sequence[str], items: int = 60) -> Path:
    with path.open("w") as file:
        for s, student in enumerate(students):
            for task in tasks:
                for k in range(items):
                    row = {
                        "student": student,
                        "task": task,
                        "item": f"i{k:03d}",
                        "score": (k * (s + 2)) % 3 > s,
                    }
                    file.write(json.dumps(row | {"score": float(row["score"])}) + "\n")
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def blocks_of(page: str) -> list[Any]:
    import base64
    import re

    found = re.findall(r'type="application/gzip" data-column="[^"]*">([^<]+)<', page)
    return [json.loads(gzip.decompress(base64.b64decode(text))) for text in found]


def test_compare_writes_a_page_with_every_item(tmp_path: Path) -> None:
    data = outcomes(tmp_path / "o.jsonl", ["a", HOSTILE, "c"], ["gsm8k", "svamp"])
    assert run("compare", str(data), "--html", str(tmp_path / "p.html")) == 0
    page = (tmp_path / "p.html").read_text()
    assert HOSTILE not in page
    assert [sum(len(item[5]) for item in block) for block in blocks_of(page)] == [180, 180]
    assert "Differences" in page
    first = page
    assert run("compare", str(data), "--html", str(tmp_path / "p.html")) == 0
    assert (tmp_path / "p.html").read_text() == first


def test_tradeoff_and_gate_write_pages(tmp_path: Path) -> None:
    data = outcomes(tmp_path / "o.jsonl", ["base", "student"], ["gsm8k", "bbh_snarks"])
    options = ("--base", "base", "--target", "gsm8k", "--generic", "bbh_snarks", "--chance", "bbh_snarks=0.5")
    assert run("tradeoff", str(data), *options, "--html", str(tmp_path / "t.html")) == 0
    assert 'class="region' in (tmp_path / "t.html").read_text()
    new, old = (
        outcomes(tmp_path / "n.jsonl", ["new"], ["gsm8k"]),
        outcomes(tmp_path / "r.jsonl", ["old"], ["gsm8k"]),
    )
    assert (
        run("gate", str(new), "--against", str(old), "--margin", "5", "--html", str(tmp_path / "g.html")) == 0
    )
    page = (tmp_path / "g.html").read_text()
    assert "PASS: new" in page
    assert [len(block) for block in blocks_of(page)] == [60]


def test_score_writes_a_page_with_questions_and_responses(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    given = {"response": f"The answer is 3. {HOSTILE}", "answer": "3", "kind": "number", "question": "How?"}
    rows.write_text(json.dumps(given) + "\n" + json.dumps({**given, "response": "none"}) + "\n")
    assert run("score", str(rows), "--html", str(tmp_path / "s.html")) == 0
    page = (tmp_path / "s.html").read_text()
    assert HOSTILE not in page
    right, wrong = blocks_of(page)[0]
    assert right[2:4] == ["How?", "3"]
    assert right[5][0][3:7] == [1.0, "ok", "3", given["response"]]
    assert wrong[5][0][4] == "unparsed"


def lm_eval_log(folder: Path, response: str) -> Path:
    folder.mkdir()
    sample = {
        "doc_id": 0,
        "doc": {"question": "1 + 1?", "answer": "2"},
        "target": "2",
        "arguments": {"gen_args_0": {"arg_0": "Q: 1 + 1?", "arg_1": {"until": []}}},
        "resps": [[response]],
        "filtered_resps": ["2"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
    }
    (folder / "samples_sums_2026-01-01T00-00-00.000000.jsonl").write_text(json.dumps(sample) + "\n")
    (folder / "results_2026-01-01T00-00-00.000000.json").write_text(
        json.dumps({"results": {"sums": {"exact_match,none": 1.0}}, "config": {"model_args": folder.name}})
    )
    return folder


def test_texts_come_from_the_logs_of_lm_eval(tmp_path: Path) -> None:
    from smallsteps.outcomes.readers import load
    from smallsteps.reports.page.items import ItemColumn

    loaded = load([lm_eval_log(tmp_path / "one", "it is 2"), lm_eval_log(tmp_path / "two", "2, I think")])
    students = [(name, name) for name in loaded.table.unique("student")]
    assert len(students) == 2
    columns = [ItemColumn("sums", "sums", ("sums",))]
    items = collect_items(loaded.table, students, columns, logged_samples(places_of(loaded.runs)))
    ((_, _, question, _, _, answers),) = json.loads(gzip.decompress(items.blocks[0].data))
    assert question == "1 + 1?"
    assert [answer[6] for answer in answers] == ["it is 2", "2, I think"]


@pytest.mark.parametrize("verb", ["compare", "tradeoff", "gate", "score"])
def test_the_option_is_explained(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, "--help") == 0
    assert "--html" in capsys.readouterr().out


def test_texts_are_read_once_however_short_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were read again for every limit that was tried, four times for a large page."""
    table = OutcomeTable.of([Outcome("a", "t", f"i{k}", 1.0) for k in range(5)])
    asked: list[str] = []

    def samples(student: str, seed: int | None, task: str, item: str) -> Sample:
        asked.append(item)
        return Sample("q", ("x" * 30_000,))

    monkeypatch.setattr(page_items, "MOST_BYTES", 1)
    items = collect_items(table, [("a", "a")], [page_items.ItemColumn("t", "t", ("t",))], samples)
    assert (items.text_limit, asked) == (page_items.TEXT_LIMITS[-1], [f"i{k}" for k in range(5)])
    (rows,) = [json.loads(gzip.decompress(block.data)) for block in items.blocks]
    assert rows[0][5][0][6] == f"{'x' * 80} … (29,920 more characters)"


def test_limits_that_cut_nothing_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing is what takes time on a page of 100,000 items."""
    table = OutcomeTable.of([Outcome("a", "t", "i", 1.0)])
    packed: list[int] = []
    whole = page_items._block
    monkeypatch.setattr(page_items, "_block", lambda *given: (packed.append(given[2]), whole(*given))[1])
    monkeypatch.setattr(page_items, "MOST_BYTES", 1)
    columns = [page_items.ItemColumn("t", "t", ("t",))]
    collect_items(table, [("a", "a")], columns, lambda *_: Sample("q" * 300, ("short",)))
    assert packed == [page_items.TEXT_LIMITS[0], 200, 80]
