"""A user's own benchmark: its fields, files and splits, how it is found, and what a mistake says."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.problems import Problem, list_benchmarks, load_benchmark, load_problems, named_benchmark
from smallsteps.problems.counts import counted
from smallsteps.problems.finding import ENVIRONMENT, add_place, own_content
from smallsteps.problems.listing import benchmarks_of, listing
from smallsteps.problems.model import Step

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write NAME/benchmark.yaml with its rows (any text, or objects as JSON lines) and return its path."""

    def write(
        *rows: Any,
        fields: str = "{}",
        kind: str = "number",
        name: str = "mine",
        file: str = "p.jsonl",
        splits: str = "{test: {}}",
        more: str = "",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / file).write_text("".join(f"{line}\n" for line in lines))
        path = folder / "benchmark.yaml"
        path.write_text(
            f"schema: 1\nname: {name}\nkind: {kind}\nreader: jsonl\nfields: {fields}\n"
            f"files: {{all: {{path: {file}}}}}\nsplits: {splits}\n{more}"
        )
        return path

    return write


def read(path: Path, split: str = "test") -> list[Problem]:
    return load_problems(named_benchmark(str(path)), split)


def test_fields_are_mapped_and_dots_go_inside(make: Make) -> None:
    row = {
        "meta": {"id": "a-1", "template": 7},
        "body": {"passage": "Tom has 3 apples.", "ask": "How many?"},
        "gold": [3, "3 apples"],
        "why": "He has 3.",
        "parts": [{"question": "How many?", "solution": "3.", "answer": 3, "equation": "3"}, "Sure?"],
        "level": "easy",
    }
    fields = (
        "{id: meta.id, question: [body.passage, body.ask], answer: gold.0, rationale: why, steps: parts, "
        "cluster: meta.template, tags: {difficulty: level}}"
    )
    (problem,) = read(make(row, fields=fields))
    assert problem.id == "a-1"
    assert problem.question == "Tom has 3 apples.\nHow many?"
    assert (problem.answer, problem.rationale, problem.cluster) == ("3", "He has 3.", "7")
    assert problem.steps == (Step("How many?", "3.", "3", "3"), Step("Sure?", "", ""))
    assert problem.tags == {"difficulty": "easy"}


def test_the_gold_answer_behind_four_marks_leaves_the_rationale_and_its_steps(make: Make) -> None:
    row = {"question": "q?", "answer": "Half is 48/2 = <<48/2=24>>24.\nAll is 72.\n#### 1,072"}
    (problem,) = read(make(row))
    assert problem.answer == "1072"
    assert problem.rationale == "Half is 48/2 = 24.\nAll is 72."
    assert problem.steps[0] == Step("", "Half is 48/2 = 24.", "24", "48/2")


@pytest.mark.parametrize(
    ("gold", "kind", "answer"),
    [
        (18, "number", "18"),
        (2.50, "number", "2.5"),
        ("$1,200", "number", "1200"),
        ("-3/4", "number", "-3/4"),
        (True, "boolean", "yes"),
        ("No", "boolean", "no"),
        (0, "boolean", "no"),
        ("Oslo ", "text", "Oslo"),
    ],
)
def test_gold_answers_take_the_form_of_their_kind(make: Make, gold: Any, kind: str, answer: str) -> None:
    (problem,) = read(make({"question": "q?", "answer": gold}, kind=kind))
    assert problem.answer == answer


def test_further_answers_come_from_a_list_and_from_aliases(make: Make) -> None:
    row = {"question": "Who?", "answer": ["Will", "William"], "also": ["Bill"]}
    (problem,) = read(make(row, kind="text", fields="{aliases: also}"))
    assert (problem.answer, problem.aliases) == ("Will", ("William", "Bill"))


@pytest.mark.parametrize(
    ("choices", "gold", "form", "letter"),
    [
        (["x", "y"], "B", "auto", "B"),
        (["x", "y"], "(b)", "auto", "B"),
        (["x", "y"], 1, "auto", "B"),
        (["x", "y"], "y", "auto", "B"),
        (["x", "y"], "1", "index", "B"),
        (["x", "y"], 1, "index_from_1", "A"),
        ({"label": ["1", "2"], "text": ["x", "y"]}, "2", "auto", "B"),
        ({"label": ["1", "2"], "text": ["x", "y"]}, 2, "auto", "B"),
        ([{"label": "C", "text": "x"}, {"label": "D", "text": "y"}], "D", "auto", "B"),
        ({"P": "x", "Q": "y"}, "Q", "auto", "B"),
        (["B", "A"], "B", "text", "A"),
        (["B", "A"], "B", "letter", "B"),
    ],
)
def test_options_and_their_right_answer_in_many_layouts(
    make: Make, choices: Any, gold: Any, form: str, letter: str
) -> None:
    fields = f"{{choices: options, answer_as: {form}}}"
    (problem,) = read(
        make({"question": "q?", "options": choices, "answer": gold}, kind="choice", fields=fields)
    )
    assert problem.answer == letter
    assert problem.question.startswith("q?\nOptions:\n(A) ")
    assert len(problem.choices) == 2


def test_an_answer_that_fits_two_options_is_refused_not_guessed(make: Make) -> None:
    row = {"question": "q?", "options": ["B", "A"], "answer": "B"}
    with pytest.raises(UserError) as caught:
        read(make(row, kind="choice", fields="{choices: options}"))
    assert "fits 2 options" in str(caught.value)
    assert "answer_as" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        (
            {"question": "q?", "anwser": 1},
            "number",
            ":1: field 'answer' is missing\n  is it 'anwser'?",
        ),
        (
            {"question": "q?", "answer": "some"},
            "number",
            "p.jsonl:1: answer: expected a number, found 'some'",
        ),
        ({"question": "", "answer": 1}, "number", "p.jsonl:1: question: expected text, found ''"),
        ({"question": "q?", "answer": None}, "text", "p.jsonl:1: answer: expected an answer, found None"),
        ({"question": "q?", "answer": "maybe"}, "boolean", "expected yes or no, true or false"),
        ({"question": "q?", "answer": "A"}, "choice", "needs the field with the options"),
        ("{", "number", "p.jsonl:1: not JSON"),
        ("[1]", "number", "p.jsonl:1: expected a JSON object"),
    ],
)
def test_a_wrong_row_is_named_with_file_row_and_field(make: Make, row: Any, kind: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(make(row, kind=kind))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("p.csv", ['q,a,"n, m"', '"1, 2 and ""3""?",6,x', "4?,4,y"]),
        ("p.tsv", ["q\ta", '1, 2 and ""3""?\t6', "4?\t4"]),
        ("p.json", ['[{"q": "1, 2 and \\"3\\"?", "a": 6}, {"q": "4?", "a": 4}]']),
        ("p.jsonl", ['{"q": "1, 2 and \\"3\\"?", "a": 6}', '{"q": "4?", "a": 4}']),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_file_layout_packed_or_not(make: Make, file: str, rows: list[str], packed: bool) -> None:
    path = make(*rows, file=file, fields="{question: q, answer: a}")
    if packed:
        plain = path.parent / file
        (path.parent / f"{file}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    assert [problem.answer for problem in read(path)] == ["6", "4"]


@pytest.mark.parametrize(
    ("file", "rows", "message"),
    [
        ("p.csv", ["q,a", "1?,6,7"], "p.csv:2: 3 cells, but 2 columns"),
        ("p.csv", ["q,q", "1?,6"], "p.csv:1: two columns are called 'q'"),
        ("p.json", ['{"rows": []}'], "p.json: key 'examples' is missing"),
        ("p.json", ['{"examples": 3}'], "p.json: expected a JSON array of objects"),
        ("p.txt", ["q"], "p.txt: no reader for files with this ending"),
    ],
)
def test_a_file_of_another_layout_is_explained(make: Make, file: str, rows: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(make(*rows, file=file))
    assert message in str(caught.value)


def test_one_file_gives_disjoint_splits_that_do_not_depend_on_its_order(make: Make) -> None:
    rows = [{"question": f"What is {n}?", "answer": n} for n in range(40)]
    splits = "{test: {file: all, held_out: 8}, dev: {file: all, held_out: 5}, train: {without: [test, dev]}}"
    path = make(*rows, splits=splits)
    found = {split: {p.answer for p in read(path, split)} for split in ("train", "dev", "test")}
    assert {split: len(answers) for split, answers in found.items()} == {"train": 27, "dev": 5, "test": 8}
    assert len(set.union(*found.values())) == 40
    again = make(*reversed(rows), splits=splits)
    assert {p.answer for p in read(again, "test")} == found["test"]


def test_nothing_left_and_a_repeated_id_are_errors(make: Make) -> None:
    with pytest.raises(UserError, match="no problem is left"):
        read(make(name="empty"))
    row = {"id": "x", "question": "q?", "answer": 1}
    with pytest.raises(UserError, match="two problems have the id 'x'"):
        read(make(row, row, fields="{id: id}"))


def test_what_is_left_out_has_sensible_defaults(make: Make) -> None:
    benchmark = load_benchmark(named_benchmark(str(make({"question": "q?", "answer": 1}))))
    assert (benchmark.title, benchmark.version, benchmark.suite) == ("mine", 1, "own")
    assert list(benchmark.variants) == ["question", "zeroshot_answer_only", "zeroshot_cot"]


def test_a_path_a_folder_and_several_places_are_found(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"question": "q?", "answer": 1}
    first, second = make(row, name="one"), make(row, name="two")
    assert "one" not in list_benchmarks()
    monkeypatch.setenv(ENVIRONMENT, os.pathsep.join(map(str, (first, second.parent))))
    assert {"one", "two", "gsm8k"} <= set(list_benchmarks())
    monkeypatch.setenv(ENVIRONMENT, "")
    assert add_place(tmp_path) == ["one", "two"]
    assert len(load_problems("two", "test")) == 1
    assert benchmarks_of(["own"]) == ["one", "two"]
    assert {"one", "two"} <= set(benchmarks_of(["all"]))
    assert not {"one", "two"} & set(benchmarks_of(["math", "transfer", "generic"]))


def test_a_missing_place_in_the_environment_is_named_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"SMALLSTEPS_TASKS: .*nowhere: no such file"):
        list_benchmarks()
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(UserError, match="no benchmark in this folder"):
        list_benchmarks()


def test_a_yaml_of_any_name_will_do(make: Make) -> None:
    path = make({"question": "q?", "answer": 1})
    other = path.rename(path.with_name("sums.yaml"))
    assert named_benchmark(str(other)) == "mine"


def test_names_are_unique(make: Make, tmp_path: Path) -> None:
    row = {"question": "q?", "answer": 1}
    with pytest.raises(UserError, match="'gsm8k' ships with smallsteps"):
        named_benchmark(str(make(row, name="gsm8k")))
    os.environ[ENVIRONMENT] = ""
    path = make(row, name="one")
    other = make(row, name="two")
    other.write_text(path.read_text())
    with pytest.raises(UserError, match="two benchmarks are called 'one'"):
        add_place(tmp_path)


@pytest.mark.parametrize("place", ["../secret.jsonl", "/etc/hostname"])
def test_a_file_outside_the_folder_of_the_yaml_is_refused(make: Make, tmp_path: Path, place: str) -> None:
    (tmp_path / "secret.jsonl").write_text('{"question": "q?", "answer": 1}\n')
    path = make({"question": "q?", "answer": 1})
    path.write_text(path.read_text().replace("path: p.jsonl", f"path: {place}"))
    with pytest.raises(UserError, match="is not below the folder"):
        read(path)


def test_a_link_that_leads_outside_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text('{"question": "q?", "answer": 1}\n')
    path = make({"question": "q?", "answer": 1})
    (path.parent / "p.jsonl").unlink()
    (path.parent / "p.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(UserError, match="is not below the folder"):
        read(path)


def test_a_benchmark_file_alone_imports_nothing(make: Make) -> None:
    path = make()
    path.write_text(
        "schema: 1\nname: mine\nkind: number\npython: {function: 'os:listdir'}\nsplits: {test: {}}\n"
    )
    with pytest.raises(UserError) as caught:
        read(path)
    assert "'os' is not a module that you asked for" in str(caught.value)
    assert "--plugin os" in str(caught.value)


def test_a_missing_file_says_where_it_is_looked_for(make: Make) -> None:
    path = make({"question": "q?", "answer": 1})
    (path.parent / "p.jsonl").unlink()
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path.parent / "p.jsonl") in str(caught.value)
    assert "--data DIR" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("fields: {}", "fields: {qestion: a}", "unknown key 'qestion'\n  did you mean 'question'?"),
        ("reader: jsonl\n", "", "'files' need a 'reader', for example 'jsonl'"),
        ("fields: {}\n", "", "'fields' and 'reader: jsonl' belong together"),
        ("{test: {}}", "{train: {}}", "'test' is missing"),
        ("{test: {}}", "{test: {}, train: {without: test}}", "'test' is not a split with 'held_out'"),
    ],
)
def test_a_wrong_yaml_is_explained_with_its_line(make: Make, before: str, after: str, message: str) -> None:
    path = make({"question": "q?", "answer": 1})
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(ConfigError) as caught:
        named_benchmark(str(path))
    assert message in str(caught.value)
    assert f"{path}:" in str(caught.value)


def test_a_changed_problem_changes_the_key_of_what_it_shapes(make: Make) -> None:
    path = make({"question": "q?", "answer": 1})
    name = named_benchmark(str(path))
    before = own_content([name])
    assert before == own_content(tasks=["smallsteps_mine_zeroshot_cot"])
    (path.parent / "p.jsonl").write_text('{"question": "q?", "answer": 2}\n')
    assert own_content([name]) != before
    assert own_content(["gsm8k"]) == {}


def test_the_list_counts_own_problems_and_names_what_optional_files_are_missing(
    make: Make, data_dir: Path
) -> None:
    named_benchmark(str(make({"question": "q?", "answer": 1})))
    rows = {row.name: row for row in listing(data_dir)}
    assert (rows["mine"].splits, rows["mine"].data) == ({"test": 1}, "yes")
    assert rows["gsm8k"].data == "yes"
    assert rows["gsm8k"].lacks == ("gsm8k/socratic_train.jsonl.gz",)
    assert rows["multiarith"].data == "part"


def test_a_plan_counts_the_data_that_are_there_and_says_so(make: Make, data_dir: Path) -> None:
    path = str(make({"question": "q?", "answer": 1}))
    found = counted([path, "strategyqa", "multiarith", "svamp=50"], data_dir)
    assert {name: count.items for name, count in found.items() if count.note} == {
        "mine": 1,
        "strategyqa": 229,
        "multiarith": 450,
    }
    assert "687" in found["strategyqa"].note
    assert "600 are published" in found["multiarith"].note
    assert "as published" in counted(["multiarith"])["multiarith"].note
    assert counted(["multiarith"])["multiarith"].items == 600


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'gsm8k'"):
        counted(["gms8k"])
    with pytest.raises(UserError, match="your own are found by path"):
        load_benchmark("zzzzzz")
