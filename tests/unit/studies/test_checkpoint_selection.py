"""Choosing among checkpoints: the rule, the only items it may see, and what training makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.files import read_object
from smallsteps.outcomes import read_outcomes
from smallsteps.problems import load_problems
from smallsteps.problems.finding import ENVIRONMENT
from smallsteps.resources import shipped_baseline
from smallsteps.students import hash_weights, read_student
from smallsteps.studies import selection
from smallsteps.studies.bases import check_bases
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.selection import Allowed, SelectionSpec, allowed_items
from smallsteps.studies.source import Source
from smallsteps.studies.stages import corpus_stage, student_stage
from smallsteps.studies.watching import Seen, Selector, chosen_of
from smallsteps.training import trackers
from smallsteps.training.watch import Checkpoint, declared_steps
from support.sums import SELECTION, TASK, make_sums, write_recipe

TARGET = "smallsteps_micro_problems"
BASE = shipped_baseline("baselines/micro/base") or Path()


def spec(**changes: Any) -> SelectionSpec:
    tasks = {name: [TARGET] for name in ("target", "transfer", "generic")}
    return SelectionSpec.model_validate({"tasks": tasks, "at": [10], **changes})


def seen(*scores: float, losses: Sequence[float] = (), within: Sequence[bool] = ()) -> list[Seen]:
    base = Seen(0, 0, 0, {"target": 0.99, "transfer": 0.99})
    rows = [Seen(n, 10 * n, 5 * n, {"target": s, "transfer": 1 - s}) for n, s in enumerate(scores, 1)]
    for n, loss in enumerate(losses):
        rows[n] = replace(rows[n], generic_loss=loss, noninferior=within[n])
    return [base, *rows]


def test_each_rule_chooses_its_checkpoint() -> None:
    found = seen(0.2, 0.6, 0.6, 0.4, losses=[0.0, 0.01, 0.05, 0.2], within=[True, True, False, False])
    assert chosen_of(spec(), found).step == 4
    assert chosen_of(spec(best_on="target_dev"), found).step == 2  # of equal ones the earliest
    assert chosen_of(spec(best_on="transfer_dev"), found).step == 1
    margin = {"noninferior_on": "generic", "margin": 0.02}
    assert chosen_of(spec(**margin), found).step == 2  # the last within
    assert chosen_of(spec(**margin, best_on="transfer_dev"), found).step == 1
    none = seen(0.2, 0.6, losses=[0.3, 0.2], within=[False, False])
    assert chosen_of(spec(**margin, best_on="target_dev"), none).step == 2  # the smallest loss


def test_the_base_is_never_chosen() -> None:
    assert chosen_of(spec(best_on="target_dev"), seen(0.1)).step == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"at": []}, "give the checkpoints"),
        ({"tasks": {"target": [TARGET]}, "best_on": "transfer_dev"}, "tasks.transfer"),
        ({"noninferior_on": "generic"}, "go together"),
        ({"patience": 2}, "set 'best_on'"),
        ({"split": "test"}, "'dev' or 'train'"),
        ({"tasks": {"target": ["smallsteps_micro_problem"]}}, "did you mean"),
    ],
)
def test_contradictions_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spec(**changes)


def test_no_choice_on_the_test_split() -> None:
    with pytest.raises(UserError, match="cannot be chosen on the split 'test'"):
        allowed_items([TARGET], "test", None)


def test_a_test_item_among_the_dev_items_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    dev, leaked = load_problems("sums", "dev"), load_problems("sums", "test")[5]

    def load(name: str, split: str, data: Path | None = None) -> list[Any]:
        other = {("sums", "dev"): [*dev, *more], ("micro_more_steps", "test"): dev[:1]}
        return other.get((name, split)) or load_problems(name, split, data)

    more = [leaked]
    assert leaked.item not in allowed_items([TASK], "dev", None).items["sums"]
    monkeypatch.setattr(selection, "load_problems", load)
    with pytest.raises(UserError, match=f"1 dev items of 'sums' are test items of 'sums'.*{leaked.item}"):
        allowed_items([TASK], "dev", None)
    more.clear()
    with pytest.raises(UserError, match="are test items of 'micro_more_steps'"):  # of the study alone
        allowed_items([TASK], "dev", None, ["micro_more_steps"])


def test_outcomes_of_other_items_are_refused() -> None:
    allowed = Allowed("dev", {"micro_problems": frozenset({"aa", "bb"})})
    allowed.check(TARGET, ["aa", "bb-2"])
    with pytest.raises(UserError, match=r"item cc .* not of the dev split"):
        allowed.check(TARGET, ["aa", "cc"])


def test_a_benchmark_without_dev_is_named() -> None:
    with pytest.raises(UserError, match="'addsub' has no dev split"):
        allowed_items(["smallsteps_addsub"], "dev", None)


def test_checkpoints_are_declared_by_tokens() -> None:
    import numpy as np

    real = np.array([100, 200, 300, 400])
    assert declared_steps([100, 250], None, real) == [1, 3, 4]
    assert declared_steps([], 150, real) == [2, 3, 4]
    with pytest.raises(UserError, match=r"500 tokens, but the training reads 400"):
        declared_steps([500], None, real)


# --- trainings of the micro base


@pytest.fixture(scope="module", autouse=True)
def sums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a small benchmark, known by name to this module."""
    place = make_sums(tmp_path_factory.mktemp("own"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(place))
        yield place


def trained(folder: Path, sums: Path, **changes: Any) -> Path:
    """The student's folder."""
    path = write_recipe(folder, sums, **changes)
    recipe = load_recipe(path)
    corpus = corpus_stage(recipe.recipe, recipe.corpus, path, folder, None)
    assert corpus is not None
    student = student_stage(recipe, path, 1, None, corpus, tested=("sums",))
    for stage in (corpus, student):
        stage.work(folder, lambda done, total, note: None)
    return student.folder(folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, sums: Path) -> Path:
    return trained(tmp_path_factory.mktemp("plain"), sums)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, sums: Path) -> Path:
    return trained(tmp_path_factory.mktemp("watched"), sums, selection=SELECTION)


def test_a_student_without_the_section_says_nothing_of_a_choice(plain: Path) -> None:
    assert read_student(plain).selection == {}
    assert not (plain / "watch").exists()


def test_watching_does_not_change_the_training(plain: Path, watched: Path) -> None:
    assert hash_weights(watched / "model") == hash_weights(plain / "model")


def test_outcomes_of_every_checkpoint_are_kept(watched: Path) -> None:
    card = read_student(watched)
    tokens = [one["tokens"] for one in card.selection["trajectory"]]
    assert tokens[0] == 0
    assert len(tokens) >= 3
    assert card.selection["tokens"] == tokens[-1]
    dev = {problem.item for problem in load_problems("sums", "dev")}
    test = {problem.item for problem in load_problems("sums", "test")}
    for one in card.selection["trajectory"]:
        run = watched / "watch" / f"tokens-{one['tokens']:012d}" / "run"
        table = read_outcomes(run / "outcomes.parquet")
        assert set(table.columns["student"]) == {f"cot@{one['tokens']}"}
        assert len(table) == 4
        assert set(table.columns["item"]) <= dev - test
        assert read_object(run / "manifest.json")["settings"]["split"] == "dev"
    assert not list((watched / "watch").glob("*/model"))
    assert not list((watched / "watch").glob("*/student.json"))


def test_only_a_stated_selection_names_another_student(tmp_path: Path, sums: Path) -> None:
    keys = []
    for changes in ({}, {"report_to": ["wandb"]}, {"selection": SELECTION}):
        path = write_recipe(tmp_path, sums, **changes)
        recipe = load_recipe(path)
        stage = student_stage(
            recipe, path, 1, None, corpus_stage(recipe.recipe, recipe.corpus, path, tmp_path, None)
        )
        shaping = stage.content()["recipe"]
        assert ("selection" in shaping) == ("selection" in changes)
        assert "report_to" not in shaping
        keys.append(stage.key)
    assert keys[0] == keys[1] != keys[2]


def test_schemes_of_several_models_are_refused(tmp_path: Path, sums: Path) -> None:
    with pytest.raises(ConfigError, match="one model"):
        load_recipe(write_recipe(tmp_path, sums, selection=SELECTION, scheme="socratic"))


def test_a_record_is_read_again_only_for_the_same_weights(watched: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(watched / "watch", tmp_path / "watch")
    card = read_student(watched)
    last = card.selection["trajectory"][-1]
    place = folder / f"tokens-{last['tokens']:012d}"
    checkpoint = Checkpoint(last["step"], last["tokens"], place, last["supervised_tokens"])
    shutil.copytree(watched / "model", checkpoint.model)
    again = Selector(SelectionSpec.model_validate(SELECTION), card, folder, Allowed("dev", {}), None)
    again.resume(last["step"] - 1)
    assert [one.step for one in again.seen] == [one["step"] for one in card.selection["trajectory"][:-1]]
    assert again.assess(checkpoint).best  # nothing is allowed, so an evaluation would be refused
    assert again.outcome() == card.selection
    shutil.copy(BASE / "model.safetensors", checkpoint.model / "model.safetensors")
    with pytest.raises(UserError, match="is not of the dev split"):
        again.assess(checkpoint)


def test_outcomes_that_are_gone_are_an_error(watched: Path, tmp_path: Path) -> None:
    again = Selector(
        SelectionSpec.model_validate(SELECTION), read_student(watched), tmp_path, Allowed("dev", {}), None
    )
    again.resume(0)
    with pytest.raises(UserError, match="outcomes of the earlier checkpoints are gone"):
        again.resume(4)


def test_a_missing_tracker_is_found_before_any_work(
    tmp_path: Path, sums: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recipe(tmp_path, sums, report_to=["wandb"])
    monkeypatch.setattr(trackers, "installed", lambda package: False)
    with pytest.raises(UserError, match=r"recipe\.yaml:\d+: report_to: the tracker 'wandb' needs"):
        check_bases({Source(path): load_recipe(path)}, None)
