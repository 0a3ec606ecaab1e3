"""Configuration errors: all at once, each with file, line, key and the nearest valid name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import model_validator

from smallsteps.config import Strict, load, read_yaml
from smallsteps.errors import ConfigError, UserError


class Inner(Strict):
    learning_rate: float
    schedule: Literal["linear", "cosine"] = "linear"


class Outer(Strict):
    name: str
    optimisation: Inner
    seeds: list[int] = [1]
    parts: dict[str, Inner] = {}


def write(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_all_errors_at_once_with_line_and_nearest_name(tmp_path: Path) -> None:
    path = write(
        tmp_path, "name: a\noptimisation:\n  learning_rat: 0.1\n  schedule: linaer\nseeds: [1, two]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(Outer, path)
    text = str(caught.value)
    assert f"{path}:3: optimisation.learning_rat: unknown key" in text
    assert "did you mean 'learning_rate'?" in text
    assert f"{path}:4" in text
    assert "did you mean 'linear'?" in text
    assert f"{path}:5: seeds.1" in text
    assert "key 'learning_rate' is missing" in text
    assert len(caught.value.errors) == 4


def test_unknown_key_inside_a_mapping_of_models(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name: a\noptimisation: {learning_rate: 1}\n"
        "parts:\n  solver:\n    learning_rate: 1\n    shedule: x\n",
    )
    with pytest.raises(ConfigError, match=r"recipe.yaml:6: parts.solver.shedule: unknown key") as caught:
        load(Outer, path)
    assert "did you mean 'schedule'?" in str(caught.value)


def test_duplicate_keys_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nname: b\n")
    with pytest.raises(UserError, match=r"key 'name' is given twice \(first on line 1\)"):
        load(Outer, path)


def test_malformed_yaml_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\noptimisation: [1\nseeds: 2\n")
    with pytest.raises(UserError, match=r"recipe.yaml:\d+: malformed YAML"):
        load(Outer, path)


def test_extends_merges_below_and_overrides_win(tmp_path: Path) -> None:
    write(tmp_path, "name: base\noptimisation: {learning_rate: 1, schedule: cosine}\n", "base.yaml")
    path = write(tmp_path, "extends: base.yaml\nname: own\noptimisation: {learning_rate: 2}\n")
    loaded = load(Outer, path, ["optimisation.learning_rate=3", "seeds=[1,2]"])
    assert loaded.name == "own"
    assert loaded.optimisation == Inner(learning_rate=3, schedule="cosine")
    assert loaded.seeds == [1, 2]


def test_extends_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "extends: b.yaml\nname: a\n", "a.yaml")
    write(tmp_path, "extends: a.yaml\nname: b\n", "b.yaml")
    with pytest.raises(UserError, match="circle"):
        load(Outer, tmp_path / "a.yaml")


def test_override_without_value(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\noptimisation: {learning_rate: 1}\n")
    with pytest.raises(UserError, match="not KEY=VALUE"):
        load(Outer, path, ["seeds"])


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = write(tmp_path, "on: yes\na: [1e-3, 2.0e-2, 1_000, no, true, .5, -3, 1e5, 12, .inf, v1.0]\n")
    data = read_yaml(path).data
    assert data["on"] == "yes"
    assert data["a"][:2] == [0.001, 0.02]
    assert data["a"][3:9] == ["no", True, 0.5, -3, 100000.0, 12]
    assert data["a"][10] == "v1.0"


def test_an_error_in_the_extended_file_names_that_file(tmp_path: Path) -> None:
    write(tmp_path, "name: base\noptimisation: {learning_rate: 1, shedule: cosine}\n", "base.yaml")
    path = write(tmp_path, "extends: base.yaml\nname: own\n")
    with pytest.raises(ConfigError, match=r"base.yaml:2: optimisation.shedule"):
        load(Outer, path)


class Pair(Strict):
    low: int
    high: int
    name: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Pair:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


@pytest.mark.parametrize(
    ("overrides", "blamed"),
    [
        (["low=9"], "--set low=9: low is above high"),
        (["name=x", "low=9"], "--set low=9: low is above high"),
        (["low=one"], "--set: low: input should be"),
        (["lwo=1"], "--set: lwo: unknown key 'lwo'"),
    ],
)
def test_an_override_is_blamed_for_what_it_broke(tmp_path: Path, overrides: list[str], blamed: str) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("low: 1\nhigh: 5\n")
    with pytest.raises(ConfigError) as caught:
        load(Pair, path, overrides)
    assert blamed in str(caught.value)
    assert str(path) not in str(caught.value)


def test_an_override_is_not_blamed_for_the_file_s_mistake(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("low: 7\nhigh: 5\n")
    with pytest.raises(ConfigError) as caught:
        load(Pair, path, ["name=x"])
    assert f"{path}" in str(caught.value)
    assert "--set" not in str(caught.value)
