"""Logs of inspect_ai. `sums.eval` is a real one: four samples, two epochs, three scorers, a mock model."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, Status
from smallsteps.outcomes.inspect_files import is_inspect, value_of
from smallsteps.outcomes.lm_eval_files import Choice
from smallsteps.outcomes.readers import Loaded, load

LOG = Path(__file__).parent / "sums.eval"


def _load(path: Path, scorer: str | None = None) -> Loaded:
    pytest.importorskip("inspect_ai")
    return load([path], Choice(metric=scorer))


def _by_id(loaded: Loaded) -> dict[tuple[str, int], Outcome]:
    return {(row.item.partition(":")[0], row.sample): row for row in loaded.table.rows()}


def test_letters_become_scores_and_epochs_become_samples() -> None:
    loaded = _load(LOG)
    rows = _by_id(loaded)
    assert {(r.student, r.task, r.scorer) for r in rows.values()} == {
        ("mockllm/model", "sums", "inspect graded")
    }
    assert {key: row.score for key, row in rows.items()} == {
        **{("1", epoch): 1.0 for epoch in (0, 1)},
        **{("2", epoch): 0.5 for epoch in (0, 1)},
        **{("3", epoch): 0.0 for epoch in (0, 1)},
        **{("4", epoch): 0.0 for epoch in (0, 1)},
    }
    assert {key[0]: row.status for key, row in rows.items() if key[1] == 0} == {
        "1": Status.OK,
        "2": Status.OK,
        "3": Status.UNPARSED,
        "4": Status.TRUNCATED,
    }
    assert rows["4", 1].status == Status.ERROR
    assert (rows["1", 0].extracted, rows["1", 0].gold, rows["1", 0].tokens) == ("2", "2", 4)
    assert rows["1", 0].prompt == rows["1", 1].prompt is not None
    assert len({row.item for row in rows.values()}) == 4


def test_the_scorer_is_chosen_and_said() -> None:
    assert _load(LOG).notes == (
        "sums: inspect scorer 'graded' "
        "(not a score of 0 to 1: length; also there: match; choose with --metric)",
    )
    rows = _by_id(_load(LOG, "match"))
    assert rows["2", 0].score == 0.0
    assert rows["3", 0].status == Status.UNPARSED  # no number in the response
    with pytest.raises(UserError, match="scorer 'length' gives 15, expected a number between 0 and 1"):
        _load(LOG, "length")
    with pytest.raises(UserError, match="did you mean 'graded'"):
        _load(LOG, "grade")


def test_a_folder_with_two_logs_of_one_model_is_refused(tmp_path: Path) -> None:
    shutil.copy(LOG, tmp_path / "a.eval")
    assert len(_load(tmp_path).table) == 8
    shutil.copy(LOG, tmp_path / "b.eval")
    with pytest.raises(UserError, match=r"two logs of 'mockllm/model' on task 'sums': a\.eval and b\.eval"):
        _load(tmp_path)


def test_the_json_form_reads_like_the_archive(tmp_path: Path) -> None:
    log = pytest.importorskip("inspect_ai.log")
    log.write_eval_log(log.read_eval_log(str(LOG)), str(tmp_path / "log.json"))
    assert is_inspect(tmp_path / "log.json")
    assert _load(tmp_path / "log.json").table == _load(LOG).table


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_damaged_log_is_one_error(tmp_path: Path, share: float) -> None:
    data = LOG.read_bytes()
    (tmp_path / "cut.eval").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"cut\.eval: not a readable log of inspect_ai"):
        _load(tmp_path / "cut.eval")


def test_a_log_that_unpacks_to_far_too_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(8):
            archive.writestr(f"samples/{n}.json", b" " * (16 << 20))
    with pytest.raises(UserError, match="unpacks to 128 MiB, more than 100 times its size"):
        _load(tmp_path / "bomb.eval")


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(UserError, match="needs the package inspect_ai") as error:
        load([LOG])
    assert error.value.fix == "pip install 'smallsteps[inspect]'"


@pytest.mark.parametrize("value", ["C", "I", "P", "N", "yes", "No", "TRUE", "0.25", True, False, 1, 0, 0.5])
def test_values_become_the_scores_that_inspect_makes_of_them(value: object) -> None:
    scorer = pytest.importorskip("inspect_ai.scorer")
    assert value_of(value) == scorer.value_to_float()(value)


@pytest.mark.parametrize("value", ["good", 3, -1.0, float("nan"), [1], None])
def test_what_is_no_score_is_none(value: object) -> None:
    assert value_of(value) is None
