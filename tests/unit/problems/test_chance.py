"""Chance levels: recorded as the data give them, and found by any of our names without data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.problems import Chance, chance_levels, list_benchmarks, load_benchmark, load_problems
from smallsteps.problems.chance import chances, survey, write_chances
from smallsteps.problems.tasks import TaskParts, parse_task, subtasks_of, task_name

ABSENT = {"addsub", "date_understanding", "drop", "quarel", "singleeq"}  # not in the data directory


@pytest.mark.parametrize("name", list_benchmarks())
def test_recorded_levels_are_those_of_the_data(name: str, data_dir: Path) -> None:
    benchmark = load_benchmark(name)
    if name in ABSENT:
        assert benchmark.chance is None or benchmark.chance.majority is None
        return
    whole, parts = chances(benchmark, data_dir)
    assert (benchmark.chance, benchmark.chances) == (whole, parts)


def test_each_of_bbhs_27_and_of_the_micro_suites_16_subtasks_has_its_level() -> None:
    for name, count in (("bbh", 27), ("micro_generic", 16)):
        benchmark = load_benchmark(name)
        assert len(benchmark.chances) == count
        assert set(benchmark.chances) == set(benchmark.forms) == set(benchmark.subtask_names)


def test_levels_of_bbh_against_counts_made_elsewhere() -> None:
    """`No` is right in 145 of the 250 items of navigate, `(K)` in 50 of the 250 of shapes."""
    assert chance_levels("smallsteps_bbh_navigate") == Chance(uniform=0.5, majority=0.58)
    shapes = chance_levels("smallsteps_bbh_cot_geometric_shapes")
    assert shapes is not None
    assert shapes.majority == 0.2
    assert shapes.best == 0.2  # more than 1 in 10 or 11 options
    words = chance_levels("smallsteps_bbh_answer_only_word_sorting")
    assert words == Chance(uniform=0, majority=0.004)


def test_levels_are_found_by_task_group_benchmark_and_cluster() -> None:
    assert chance_levels("smallsteps_openbookqa_zeroshot_cot") == chance_levels("openbookqa")
    assert chance_levels("smallsteps_bbh") == load_benchmark("bbh").chance
    assert chance_levels("smallsteps_micro_generic", "ordering") == Chance(uniform=0.3333, majority=0.115)
    assert chance_levels("smallsteps_gsm8k") == Chance(uniform=0, majority=0.0303)
    for unknown in ("hellaswag", "smallsteps_nothing", "smallsteps_bbh_nothing"):
        assert chance_levels(unknown) is None
    assert chance_levels("smallsteps_bbh", "nothing") is None


def test_the_level_of_a_suite_is_the_mean_over_its_items(data_dir: Path) -> None:
    problems = load_problems("bbh", "test", data_dir)
    sizes = [p.tags["subtask"] for p in problems]
    benchmark = load_benchmark("bbh")
    mean = sum(benchmark.chances[name].uniform for name in sizes) / len(sizes)
    assert benchmark.chance is not None
    assert benchmark.chance.uniform == pytest.approx(mean, abs=1e-4)


def test_every_task_name_is_taken_apart_as_it_was_put_together() -> None:
    for name in list_benchmarks():
        benchmark = load_benchmark(name)
        for variant in benchmark.variants:
            assert parse_task(task_name(name, variant)) == TaskParts(name, variant)
            for subtask in subtasks_of(benchmark, variant) if benchmark.subtasks else ():
                assert parse_task(task_name(name, variant, subtask)) == TaskParts(name, variant, subtask)


def test_levels_are_written_in_place_of_older_ones_and_nothing_else_changes(
    tmp_path: Path, repository: Path
) -> None:
    shutil.copytree(repository / "tasks" / "micro_generic", tmp_path / "micro_generic")
    path = tmp_path / "micro_generic" / "benchmark.yaml"
    before = path.read_text()
    path.write_text(before.replace("majority: 0.115", "majority: 0.9").replace("chance: {", "chance: {", 1))
    benchmark = load_benchmark("micro_generic", tmp_path)
    assert benchmark.chances["ordering"].majority == 0.9
    assert write_chances(tmp_path, benchmark, *chances(benchmark))
    assert path.read_text() == before
    assert not write_chances(tmp_path, benchmark, *chances(benchmark))


def test_a_survey_says_what_differs_and_what_has_no_data(tmp_path: Path) -> None:
    found = survey(["micro_problems"])
    assert [(level.benchmark, level.recorded) for level in found.levels] == [("micro_problems", True)]
    with pytest.raises(UserError, match="no data"):
        survey(["gsm8k"], tmp_path)


def test_forms_and_levels_of_unknown_subtasks_are_errors(make_benchmark: Callable[..., Path]) -> None:
    body = "files:\n  test: {path: a.jsonl}\nsplits:\n  test: {file: test}\n"
    folder = make_benchmark("odd", "gsm8k", body + "forms: {nothing: number}")
    with pytest.raises(UserError) as caught:
        load_benchmark("odd", folder)
    assert "forms: no subtask 'nothing'" in str(caught.value)
    folder = make_benchmark("even", "gsm8k", body + "chance: 0.25")
    with pytest.raises(UserError, match="error"):
        load_benchmark("even", folder)
