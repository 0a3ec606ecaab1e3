"""The files: safe, small, reproducible, complete."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from study_inputs import TARGET, counted, pair, rows, study

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.study import Claim, StudentInfo, TaskInfo, build, write
from smallsteps.reports.study.html import LIMIT, to_html
from smallsteps.reports.study.markdown import to_markdown

HOSTILE = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202e"
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


def generic_rows(student: str, rate: float, seed: int | None) -> list[Outcome]:
    draw = random.Random(student)
    return [
        Outcome(student, "suite", f"{name}{k}", float(draw.random() < rate), seed=seed, cluster=name)
        for name in ("a", "b", "c", "d", "e", "f", "g")
        for k in range(40)
    ]


def whole_study(response: str | None = "The answer is 7."):  # type: ignore[no-untyped-def]
    students = (
        StudentInfo("base", "Base", "answer_only", 1000),
        StudentInfo("answer_only", "Answer only", "answer_only", 1000, 2000, 10),
        StudentInfo("cot", "CoT", "cot", 1000, 4000, 10),
        StudentInfo(
            "socratic", "Socratic", "socratic", 2000, 4100, 20, {"solver": {"training_tokens": 2000}}
        ),
        StudentInfo("socratic+gold_plans", "Socratic, gold plans", "socratic", 2000, 4100, 20),
    )
    first, second = pair(60, 50, 10, 80)
    outcomes = rows("cot", first) + rows("answer_only", second) + rows("base", [0] * 200, seed=None)
    outcomes += rows("socratic", second[::-1]) + rows("socratic+gold_plans", [1] * 200)
    outcomes += generic_rows("base", 0.8, None) + generic_rows("cot", 0.2, 1)
    tasks = (TARGET, TaskInfo("suite", "Generic", "generic", 0.25))
    claims = (
        Claim("cot", "answer_only", ("word_problems",), "Steps help"),
        Claim("base", "cot", ("suite",), "It costs"),
    )
    return study(outcomes, tasks=tasks, claims=claims, reference="base", students=students, response=response)


def test_hostile_responses_are_text() -> None:
    report = build(whole_study(HOSTILE))
    page = to_html(report)
    assert "&lt;script&gt;alert(1)" in page
    tags = outline(page).tags
    assert not [tag for tag, _ in tags if tag in ("script", "img", "iframe", "object", "base", "form")]
    assert not [a for _, attributes in tags for a in attributes if a.startswith("on") or a == "style"]


def test_hostile_names_are_text_everywhere() -> None:
    bad = '"><script>alert(1)</script>|x'
    students = (StudentInfo("answer_only", bad, bad), StudentInfo("cot", "CoT", "cot", note=bad))
    task = TaskInfo("word_problems", bad, "target", note=bad)
    given = study(counted(30, 20, 5, 10), tasks=(task,), students=students, response=bad)
    report = build(given)
    assert not [tag for tag, _ in outline(to_html(report)).tags if tag == "script"]
    assert "<script>" not in to_markdown(report)
    # a pipe in a name must not make a new column
    table = [line for line in to_markdown(report).splitlines() if line.startswith("| CoT")]
    assert table
    assert all(re.search(r"(?<!\\)\|x", line) is None for line in table)


def test_the_page_allows_no_network_and_its_style_matches_the_policy() -> None:
    page = to_html(build(whole_study()))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'")
    assert f"'sha256-{digest}'" in policy.group(1)
    assert "http://" not in page
    assert "https://" not in page


def test_every_link_leads_somewhere_and_ids_are_unique() -> None:
    tags = outline(to_html(build(whole_study()))).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for tag, a in tags if tag == "a"]
    assert len(targets) > 10
    assert not [t for t in targets if t is None or not t.startswith("#") or t[1:] not in ids]


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


def test_a_big_study_stays_under_the_limit_and_says_what_it_left_out() -> None:
    first, second = pair(300, 400, 300, 0)
    given = study(rows("cot", first) + rows("answer_only", second), response="word " * 2000)
    claims = tuple(Claim("cot", "answer_only", ("word_problems",), f"claim {k}") for k in range(40))
    page = to_html(build(given.__class__(**{**_fields(given), "claims": claims})))
    assert len(page.encode()) <= LIMIT
    assert re.search(r"\d+ more: their ids are in report.json", page)
    assert "more characters)" in page


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
