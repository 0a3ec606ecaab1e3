"""The files: safe, small, reproducible, complete."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from study_inputs import HOSTILE, counted, pair, rows, study, whole_study

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.page import items
from smallsteps.reports.study import Claim, StudentInfo, TaskInfo, build, write
from smallsteps.reports.study.front import marked
from smallsteps.reports.study.headlines import headlines
from smallsteps.reports.study.html import to_html
from smallsteps.reports.study.markdown import to_markdown

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Tags and their balance."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def scripts(page: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in outline(page).tags if tag == "script"]


def test_hostile_responses_are_packed_and_only_our_script_runs() -> None:
    page = to_html(build(whole_study(HOSTILE)))
    assert "alert(1)" not in page
    kinds = [one.get("type") for one in scripts(page)]
    assert kinds == ["application/json", *["application/gzip"] * 2, None]
    tags = outline(page).tags
    assert not [tag for tag, _ in tags if tag in ("img", "iframe", "object", "base", "form")]
    assert not [a for _, attributes in tags for a in attributes if a.startswith("on") or a == "style"]


def test_hostile_names_are_text_everywhere() -> None:
    bad = '"><script>alert(1)</script>|x'
    students = (StudentInfo("answer_only", bad, bad), StudentInfo("cot", "CoT", "cot", note=bad))
    task = TaskInfo("word_problems", bad, "target", note=bad)
    given = study(counted(30, 20, 5, 10), tasks=(task,), students=students, response=bad)
    report = build(given)
    assert len(scripts(to_html(report))) == 3
    assert "<script>alert" not in to_html(report)
    assert "<script>" not in to_markdown(report)
    # a pipe in a name must not make a new column
    table = [line for line in to_markdown(report).splitlines() if line.startswith("| CoT")]
    assert table
    assert all(re.search(r"(?<!\\)\|x", line) is None for line in table)


def test_the_page_allows_no_network_and_its_style_and_script_match_the_policy() -> None:
    page = to_html(build(whole_study()))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'")
    for name, element in (("style-src", "style"), ("script-src", "script")):
        content = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content.group(1).encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy.group(1)
    page = page.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in page
    assert "https://" not in page


def test_every_link_leads_somewhere_and_ids_are_unique() -> None:
    tags = outline(to_html(build(whole_study()))).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for tag, a in tags if tag == "a"]
    assert len(targets) > 10
    assert not [t for t in targets if t is None or not t.startswith("#") or t[1:].split("?")[0] not in ids]


def test_the_same_study_gives_the_same_bytes_in_any_order_of_rows(tmp_path: Path) -> None:
    given = whole_study()
    write(build(given), tmp_path / "a")
    order = list(range(len(given.outcomes)))
    random.Random(0).shuffle(order)
    shuffled = OutcomeTable({n: [v[i] for i in order] for n, v in given.outcomes.columns.items()})
    write(build(given.__class__(**{**_fields(given), "outcomes": shuffled})), tmp_path / "b")
    for name in ("report.json", "report.md", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _fields(given: object) -> dict[str, object]:
    return {name: getattr(given, name) for name in given.__dataclass_fields__}  # type: ignore[attr-defined]


def test_json_holds_every_item_won_and_lost(tmp_path: Path) -> None:
    write(build(whole_study()), tmp_path)
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["schema"] == "smallsteps.study-report/2"
    found = data["claims"][0]["tests"][0]["comparison"]["pairs"][0]
    assert found["won"]["word_problems"] == [f"i{k:04d}" for k in range(60, 110)]
    assert found["lost"]["word_problems"] == [f"i{k:04d}" for k in range(110, 120)]
    assert found["counts"] == {"both": 60, "only_a": 50, "only_b": 10, "neither": 80}


def test_the_diagnostic_is_marked_and_kept_out_of_the_competition() -> None:
    report = build(whole_study())
    page = to_html(report)
    assert "diagnostic: uses gold sub-questions, not a competitor" in page
    pairs = [(p.a, p.diagnostic) for p in report.layouts]
    assert pairs == [("socratic", False), ("socratic+gold_plans", True)]
    assert report.layouts[0].matched  # 4,100 against 4,000 tokens
    assert "socratic+gold_plans" not in [c.student for g in report.generic for c in g.changes]


def test_missing_cells_are_shown_as_missing() -> None:
    report = build(whole_study())
    assert report.cell("socratic", "suite").missing == "not evaluated"
    assert "not evaluated" in to_html(report)
    assert "not evaluated" in to_markdown(report)


def unpacked(block: items.Block) -> list[Any]:
    found: list[Any] = json.loads(gzip.decompress(block.data))
    return found


def test_every_graded_response_is_in_the_page() -> None:
    report = build(whole_study())
    blocks = {block.column: unpacked(block) for block in report.items.blocks}
    assert sum(len(item[5]) for block in blocks.values() for item in block) == len(whole_study().outcomes)
    task, item, question, gold, plan, answers = blocks["word_problems"][0]
    assert (task, item, question, gold, plan) == ("word_problems", "i0000", "How many?", "7", [])
    assert [answer[0] for answer in answers] == [0, 1, 2, 3, 4]
    assert answers[2] == [2, 1, 0, 1.0, "ok", "7", "The answer is 7.", []]


def test_a_big_study_shortens_its_texts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST_BYTES", 3000)
    first, second = pair(30, 40, 30, 0)
    words = random.Random(1).choices("abcdefghijklmnop ", k=9000)
    given = study(rows("cot", first) + rows("answer_only", second), response="".join(words))
    report = build(given)
    assert report.items.text_limit == 400
    assert [block.items for block in report.items.blocks] == [100]
    assert "texts are cut at 400 characters" in to_html(report)


def test_the_first_screen_says_what_the_report_says() -> None:
    report = build(whole_study())
    lines = {line.name: line.text for line in headlines(report)}
    assert lines["Differences"] == (
        "CoT is better than Answer only on Word problems by 20.0 points "
        "(95% interval 13.0 to 27.2, p = 4.8e-07)."
    )
    assert lines["Undecided"].startswith(
        "Every declared comparison between students shows a difference. One training"
    )
    assert lines["Cost"].startswith("The base gets 80% right on “Generic” (chance: 25%); CoT lost 61.1")
    target, generic = report.front
    assert (target.title, generic.title) == ("Target", "Generic")
    assert [mark for _, mark, _ in marked(report, generic)] == ["", "", "lost", "", ""]
    assert target.cells[2].accuracy == report.cell("cot", "word_problems").accuracy


def test_one_suite_of_several_tasks_is_one_column_with_its_tasks_as_subtasks() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    names = ("navigate", "hyperbaton", "snarks")
    tasks = tuple(TaskInfo(n, n.title(), "generic", 0.5, suite="bbh") for n in names)
    outcomes = [
        o
        for n in names
        for o in rows("base", [1] * 36 + [0] * 4, n, seed=None) + rows("cot", [1] * 20 + [0] * 20, n)
    ]
    claim = Claim("base", "cot", ("bbh", "snarks"))
    report = build(study(outcomes, tasks=tasks, claims=(claim,), reference="base", students=students))
    assert [c.name for c in report.columns] == ["bbh"]
    assert [s.title for s in report.generic[0].subtasks] == ["Hyperbaton", "Navigate", "Snarks"]
    sizes = [t.comparison.n for t in report.claims[0].tests if t.comparison]
    assert sizes == [120, 40]
    to_html(report)


def test_a_suite_with_a_task_missing_is_not_a_number() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    tasks = tuple(TaskInfo(n, n, "generic", 0.5, suite="bbh") for n in ("x", "y"))
    outcomes = rows("base", [1] * 9, "x", None) + rows("base", [1] * 9, "y", None) + rows("cot", [1] * 9, "x")
    report = build(study(outcomes, tasks=tasks, claims=(), reference="base", students=students))
    assert report.cell("cot", "bbh").missing == "1 of 2 tasks"


def test_different_items_are_refused_and_named() -> None:
    with pytest.raises(
        UserError, match=r"'cot' and 'answer_only' were graded on different items: .*1 only in 'cot'"
    ):
        build(study(rows("cot", [1] * 20) + rows("answer_only", [1] * 19)))


@pytest.mark.parametrize(
    ("claim", "close"),
    [
        (Claim("cott", "answer_only"), "cot"),
        (Claim("cot", "answer_only", ("word_problem",)), "word_problems"),
    ],
)
def test_a_claim_that_names_nothing_is_refused_with_the_nearest_name(claim: Claim, close: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{close}'"):
        build(study(counted(5, 5, 5, 5), claims=(claim,)))


def test_different_prompts_are_said() -> None:
    a, b = pair(50, 30, 10, 10)
    report = build(study(rows("cot", a, prompt="p1") + rows("answer_only", b, prompt="p2")))
    assert "different prompts on 100 of 100 items" in to_html(report)


def test_several_samples_an_item_are_compared_as_shares() -> None:
    outcomes = []
    draw = random.Random(3)
    for k in range(120):
        for sample in range(4):
            for student, rate in (("cot", 0.7), ("answer_only", 0.4)):
                right = float(draw.random() < rate)
                outcomes.append(Outcome(student, "word_problems", f"i{k}", right, seed=1, sample=sample))
    report = build(study(outcomes))
    test = report.claims[0].tests[0]
    assert test.comparison is not None
    assert test.comparison.counts is None
    assert test.comparison.n == 120  # items, not samples
    assert test.verdict == "confirmed"
    to_html(report)


def test_a_study_without_claims_reference_or_texts_has_a_report(tmp_path: Path) -> None:
    write(build(study(counted(5, 3, 2, 1), claims=())), tmp_path)
    outline((tmp_path / "report.html").read_text())
