"""Studies that would make far too much of something: one error with its line, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.studies import catalogue
from smallsteps.studies.study import load_study

RECIPE = """recipe: cot
scheme: cot
base: {path: base}
corpus: {benchmark: micro_problems, limit: 5}
optimisation: {steps: 2, learning_rate: 1e-3}
"""
STUDY = "study: s\ntitle: T\nsuites:\n  t: {role: target, tasks: [smallsteps_micro_problems]}\n"
MATRIX = STUDY + "matrix:\n  - recipe: cot.yaml\n    "
LISTED = STUDY + "recipes: [cot.yaml]\n"
LONG = "x" * 900_000
MANY = "[" + ",".join(map(str, range(1, 401))) + "]"


def entry(values: str) -> str:
    return f"  - {{recipe: cot.yaml, vary: {{optimisation.steps: {values}}}}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MATRIX + f"vary: {{optimisation.steps: {MANY}, seed: [1, 2]}}\n", ":6: matrix.0: 800 combinations"),
        (MATRIX + "vary:\n" + "".join(f"      k{i}: [1, 2, 3]\n" for i in range(900)),
         ":6: matrix.0: far too many"),
        (STUDY + "matrix:\n" + entry(MANY) * 40, ":7: matrix.1: 400 combinations in addition to 400 before"),
        (MATRIX + f"vary: {{title: ['{LONG}']}}\n", ":6: matrix.0: a name of 900,009 characters"),
        (MATRIX + f"vary: {{optimisation.steps: {MANY}, title: ['{LONG}']}}\n", "characters, more than 100"),
        (MATRIX + f"name: '{LONG}'\n    vary: {{optimisation.steps: {MANY}}}\n", ":7: matrix.0.name"),
        (MATRIX + "name: a/../b\n    vary: {optimisation.steps: [1]}\n", ":6: matrix.0: string should match"),
        (MATRIX + 'name: "a\\e]0;P"\n    vary: {optimisation.steps: [1]}\n',
         ":6: matrix.0: string should match"),
        (MATRIX + "vary: {optimisation.steps: [1, 1]}\n", "two recipes are called 'cot-steps1'"),
        (MATRIX + "vary: {matrix: [{recipe: cot.yaml}]}\n",
         ":7: matrix.0.vary.matrix.0: a value that is not one"),
        (MATRIX + "vary: {optimisation.step: [1]}\n",
         ":7: matrix.0.vary.optimisation.step.0: unknown key 'step'"),
        (STUDY + "matrix: [{recipe: /dev/zero, vary: {a: [1]}}]\n", "not a regular file"),
        (STUDY + "matrix: [{recipe: s.yaml, vary: {title: [a]}}]\n", "key 'scheme' is missing"),
        (STUDY + f"recipes: [{'cot.yaml,' * 9000}]\n", "9,000 recipes, more than 1,000"),
        (LISTED + f"seeds: {list(range(5000))}\n", ":6: seeds: list should have at most 1000 items"),
        (LISTED + f"seeds: {list(range(100_000))}\n", ":6: malformed YAML: more than 20,000 values"),
        (LISTED + "seeds: [1000000000000000000000000]\n", ":6: malformed YAML: a number has too many digits"),
        (LISTED + "seeds: [-5]\n", ":6: seeds.0: input should be greater than or equal to 0"),
        (STUDY + "rounds: [{recipe: cot.yaml, rounds: 1000000000}]\n",
         ":5: rounds.0.rounds: input should be less"),
        (LISTED + "overrides: {devices: 1000000000}\n", ":6: overrides.devices: input should be less than"),
        (LISTED + "overrides: {optimisation: {steps: 1000000000000}}\n", ":6: overrides.optimisation.steps"),
        (LISTED + "overrides: {optimisaton: {steps: 1}}\n",
         ":6: overrides.optimisaton.steps: unknown key 'optimisaton'"),
        (LISTED + "overrides: {optimisation: {step: 1}}\n", "did you mean 'steps'?"),
        (LISTED + f"overrides: {{x: {{{','.join(f'k{i}: 1' for i in range(9000))}}}}}\n",
         ":6: overrides: more than 200"),
        ("a: [" + "a," * 500_000 + "]", "more than 20,000 values"),
    ],
)  # fmt: skip
def test_too_much_of_anything_is_one_error(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "cot.yaml").write_text(RECIPE)
    (tmp_path / "s.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(UserError) as caught:
        load_study(tmp_path / "s.yaml")
    said = str(caught.value)
    assert words.removesuffix("'") in said
    assert len(said) < 8000
    assert said.replace("\n", "").isprintable()
    assert time.process_time() - started < 8  # most take a tenth of a second


def test_a_thousand_errors_are_not_all_shown(tmp_path: Path) -> None:
    (tmp_path / "cot.yaml").write_text(RECIPE)
    (tmp_path / "s.yaml").write_text(MATRIX + "vary:\n" + "".join(f"      k{i}: [1]\n" for i in range(300)))
    with pytest.raises(ConfigError) as caught:
        load_study(tmp_path / "s.yaml")
    assert len(caught.value.errors) > 200 or "characters" in str(caught.value)
    assert str(caught.value).count("\n- ") <= 21


def test_a_limit_that_allows_no_test_is_noted_with_the_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "check_bases", lambda *_, **__: [])
    (tmp_path / "cot.yaml").write_text(RECIPE)
    text = LISTED.replace("micro_problems]}", "micro_generic_cot], limit: LIMIT}")
    (tmp_path / "s.yaml").write_text(text.replace("LIMIT", "4"))
    (note,) = catalogue.check(tmp_path / "s.yaml")
    assert note.startswith("suite 't': limit 4 leaves fewer than two items of smallsteps_micro_generic_cot (")
    enough = note.rpartition(" ")[2]
    (tmp_path / "s.yaml").write_text(text.replace("LIMIT", enough))
    assert catalogue.check(tmp_path / "s.yaml") == []
    (tmp_path / "s.yaml").write_text(text.replace("LIMIT", str(int(enough) - 1)))
    assert len(catalogue.check(tmp_path / "s.yaml")) == 1
