"""Several students in one call: labels, folders, and what `compare` makes of the result."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import UserError
from smallsteps.evaluation.several import places_of
from smallsteps.files import read_json
from smallsteps.outcomes.readers import load
from smallsteps.students import Student, write_student


@pytest.fixture
def students(llama: Path, tmp_path: Path) -> list[str]:
    """Two seeds of one recipe and one of another, as `smallsteps distill` lays them out."""
    card = Student("cot", "cot", {"model": "model"}, seed=1)
    made = []
    for name, seed in (("cot", 1), ("cot", 2), ("direct", 1)):
        folder = tmp_path / "students" / f"{name}-s{seed}-0123456789ab"
        shutil.copytree(llama, folder / "model")
        write_student(folder, replace(card, name=name, seed=seed))
        made.append(str(folder))
    return made


def test_seeds_of_one_recipe_keep_its_name(students: list[str], tmp_path: Path) -> None:
    places = places_of(students, tmp_path / "out")
    assert [place.label for place in places] == ["cot", "cot", "direct"]
    assert [place.out.name for place in places] == [Path(student).name for student in students]
    assert places_of(students[:1], tmp_path / "out")[0].out == tmp_path / "out"


def test_the_same_name_and_seed_twice_is_told_apart_by_folder(students: list[str], tmp_path: Path) -> None:
    again = tmp_path / "older" / "students" / "cot-s1-0123456789ab"
    shutil.copytree(students[0], again)
    places = places_of([*students, str(again)], tmp_path / "out")
    assert len({place.out for place in places}) == 4
    assert len({place.label for place in places if place.label.startswith("direct")}) == 1
    assert places[0].label != places[3].label
    assert places[1].label == "cot"


@pytest.mark.parametrize("how", ["label", "twice", "run"])
def test_mistakes(how: str, students: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    if how == "label":
        with pytest.raises(UserError, match="--label names one student"):
            places_of(students, out, "mine")
    elif how == "twice":
        with pytest.raises(UserError, match="is given twice"):
            places_of([students[0], students[0] + "/"], out)
    else:
        out.mkdir()
        (out / "manifest.json").write_text("{}")
        with pytest.raises(UserError, match="is the run of one student"):
            places_of(students, out)


def test_a_folder_of_students_names_them(students: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds 3: cot-s1-0123456789ab, cot-s2-0123456789ab, direct"):
        places_of([str(tmp_path / "students")], tmp_path / "out")


def test_eval_of_a_glob_can_be_compared_as_it_is(
    students: list[str], tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's `smallsteps eval runs/mine/students/* --out runs/eval`, and `compare` on what it wrote."""
    from smallsteps.cli import main

    def call(*arguments: object) -> Any:
        with pytest.raises(SystemExit) as done:
            main([str(argument) for argument in arguments])
        found = capsys.readouterr()
        assert done.value.code == 0, found.err
        return found

    out = tmp_path / "eval"
    options = ("--tasks", "toy", "--include-path", tasks, "--limit", 9, "--out", out, "--noise-floor", 4)
    said = call("eval", *students, *options).out
    assert "cot:" in said
    assert f"smallsteps compare {out}" in said
    table = load([out]).table
    seeds = set(zip(table.columns["student"], table.columns["seed"], strict=True))
    assert seeds == {("cot", 1), ("cot", 2), ("direct", 1)}
    assert "direct" in call("compare", out).out
    runs = json.loads(call("eval", *students, *options, "--json").out)["runs"]
    assert [run["student"] for run in runs] == ["cot", "cot", "direct"]
    floor = read_json(Path(runs[0]["out"]) / "manifest.json")["noise_floor"]
    assert floor == runs[0]["noise_floor"]
    assert (floor["items"], floor["asked"], floor["against"]["dtype"]) == (4, 4, "float32")
    assert not (Path(runs[0]["out"]) / "noise_floor").exists()
