"""What lm-eval finds of us: by entry points where it reads them, and registered by our own command."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.registry import get_filter, get_metric, get_metric_aggregation, get_model, is_higher_better

from smallsteps.errors import UserError
from smallsteps.evaluation.components import AnswerFilter, match

LOOKUPS = {"lm_eval.models": get_model, "lm_eval.filters": get_filter, "lm_eval.metrics": get_metric}


def declared(repository: Path) -> dict[str, dict[str, str]]:
    return dict(tomllib.loads((repository / "pyproject.toml").read_text())["project"]["entry-points"])


@pytest.mark.parametrize("group", sorted(LOOKUPS))
def test_each_declared_entry_is_what_its_name_resolves_to(group: str, repository: Path) -> None:
    """lm-eval keeps the decorated object and the declared one apart unless they are the same."""
    (entry,) = declared(repository)[group].items()
    name, place = entry
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert LOOKUPS[group](name) is found


def test_the_metric_has_its_direction_and_aggregation() -> None:
    assert is_higher_better("smallsteps_match") is True
    aggregate: Any = get_metric_aggregation("smallsteps_match")
    assert aggregate([1.0, 0.0]) == 0.5


def test_the_filter_finds_answers_of_every_kind() -> None:
    docs: list[dict[str, Any]] = [{}, {"choices": ["red", "blue"]}, {"choices": {"text": ["red", "blue"]}}]
    texts = [["So 3 + 4 = 7. The answer is 7.", "no idea"], ["The answer is (B)."], ["The answer is blue."]]
    assert AnswerFilter(kind="number").apply(texts[:1], docs[:1]) == [["7", "[invalid]"]]
    found = AnswerFilter(kind="choice").apply(texts[1:], docs[1:])
    assert found == [["B"], ["B"]]


def test_the_metric_compares_by_kind() -> None:
    assert match(references=["18"], predictions=["$18.00"]) == 1.0
    assert match(references=["18"], predictions=["19"]) == 0.0
    assert match(references=["18"], predictions=["[invalid]"]) == 0.0
    assert match(references=["yes"], predictions=["True"], kind="boolean") == 1.0


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'number'"):
        AnswerFilter(kind="numbr")


def test_a_task_with_both_is_scored_by_our_command(llama: Path, tmp_path: Path, capsys: Any) -> None:
    """The whole way: a task file of somebody else that names our filter and our metric."""
    from smallsteps.cli import main

    (tmp_path / "rows.py").write_text(
        "import datasets\n\n\ndef rows(**_):\n"
        "    one = {'question': 'Tom has 2 apples', 'answer': '2'}\n"
        "    return {'test': datasets.Dataset.from_list([one])}\n"
    )
    (tmp_path / "elsewhere.yaml").write_text(
        "task: elsewhere\ncustom_dataset: !function rows.rows\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: 'Q: {{question}} A:'\ndoc_to_target: '{{answer}}'\n"
        "generation_kwargs: {until: [], max_gen_toks: 4}\n"
        "filter_list:\n  - name: answer\n"
        "    filter: [{function: smallsteps_answer, kind: number}, {function: take_first}]\n"
        "metric_list:\n  - {metric: smallsteps_match, kind: number}\n"
    )
    arguments = ["lm-eval", "run", "--model", "smallsteps", "--model_args", f"student={llama}"]
    with pytest.raises(SystemExit) as done:
        main([*arguments, "--tasks", "elsewhere", "--include_path", str(tmp_path)])
    found = capsys.readouterr()
    assert done.value.code in (0, None), found.err
    assert "smallsteps_match" in found.out
