"""The compatibility column equals lm-eval's own filters and metric, item by item, on identical responses.

The stock task files of the installed lm-eval are loaded with their data set replaced by the local files, so a
new lm-eval that changes a filter or a metric fails here.
"""

from __future__ import annotations

import gzip
import json
from importlib import resources
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from smallsteps.answers.compat import compat

GOLDEN = Path(__file__).parent / "golden.jsonl"


def rows(path: Path) -> list[dict[str, Any]]:
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        return [json.loads(line) for line in file]


def stock_task(tmp_path: Path, stock: str, data: dict[str, Any]) -> Any:
    """A stock lm-eval task over local files: its own YAML, included, with another data set."""
    from lm_eval.tasks import TaskManager

    source = resources.files("lm_eval") / "tasks" / stock
    wrapper = {
        "include": str(source),
        "task": "local_task",
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": data | {"cache_dir": str(tmp_path / "cache")},
    }
    (tmp_path / "local_task.yaml").write_text(yaml.safe_dump(wrapper))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    return manager.load(["local_task"])["tasks"]["local_task"]


def lm_eval_verdicts(task: Any, pairs: list[tuple[dict[str, Any], str]]) -> dict[str, list[tuple[str, bool]]]:
    """filter name -> (filtered response, exact match) per pair of document and response."""
    from lm_eval.api.instance import Instance

    instances = []
    for number, (doc, response) in enumerate(pairs):
        instance = Instance("generate_until", doc, ("", {}), 0, (task.config.task, number, 1))
        instance.resps = [response]
        instances.append(instance)
    task._instances = instances
    task.apply_filters()
    return {
        name: [
            (
                instance.filtered_resps[name],
                bool(task.process_results(instance.doc, [instance.filtered_resps[name]])["exact_match"]),
            )
            for instance in instances
        ]
        for name in instances[0].filtered_resps
    }


def gsm8k_pairs(data_dir: Path) -> list[tuple[dict[str, Any], str]]:
    """Documents of GSM8K's test split with real responses of three models, and the adversarial ones."""
    docs = rows(data_dir / "gsm8k/main_test.jsonl.gz")
    pairs: list[tuple[dict[str, Any], str]] = []
    for doc, solutions in zip(docs, rows(data_dir / "gsm8k/example_model_solutions.jsonl.gz"), strict=True):
        solution = solutions["175b_verification"]["solution"]
        pairs.append((doc, solution))
        # the same chains in the formats that the two stock tasks ask for
        pairs.append((doc, solution.replace("\nA: ", "\n#### ")))
        pairs.append((doc, solution.replace("\nA: ", "\nThe answer is ") + "."))
    for size in ("7b", "13b", "70b"):
        pairs += [
            (docs[row["id"]], row["response"])
            for row in rows(data_dir / f"teacher/abel_gsm8k/{size}.jsonl.gz")
        ]
    log = rows(data_dir / "teacher/zero_shot_cot_instructgpt/gsm8k.jsonl.gz")
    pairs += list(zip(docs, [row["completion"] for row in log], strict=False))
    return pairs + list(zip(cycle(docs), (row["response"] for row in rows(GOLDEN)), strict=False))


@pytest.mark.parametrize(
    ("stock", "name", "step"),
    [
        # lm-eval takes a millisecond per item: a part of the pairs here, all in the long version
        ("gsm8k/gsm8k.yaml", "gsm8k", 2),
        ("gsm8k/gsm8k-cot.yaml", "gsm8k_cot", 7),
        pytest.param("gsm8k/gsm8k.yaml", "gsm8k", 1, marks=pytest.mark.full),
        pytest.param("gsm8k/gsm8k-cot.yaml", "gsm8k_cot", 1, marks=pytest.mark.full),
    ],
)
def test_gsm8k_equals_lm_eval(tmp_path: Path, data_dir: Path, stock: str, name: str, step: int) -> None:
    files = {split: str(data_dir / f"gsm8k/main_{split}.jsonl.gz") for split in ("train", "test")}
    task = stock_task(tmp_path, stock, {"data_files": files})
    assert len(task.test_docs()) == 1319
    pairs = gsm8k_pairs(data_dir)[::step]
    verdicts = lm_eval_verdicts(task, pairs)
    assert set(verdicts) == {"strict-match", "flexible-extract"}
    for rule, theirs in verdicts.items():
        ours = [compat(f"lm_eval/{name}/{rule}", response, doc["answer"]) for doc, response in pairs]
        assert [(one.extracted, one.right) for one in ours] == theirs
        assert 0.02 < sum(one.right for one in ours) / len(ours) < 0.98  # both verdicts occur


def bbh_tasks(style: str) -> list[str]:
    """Names of the stock subtasks of one style (`cot_fewshot`, `fewshot`)."""
    folder = resources.files("lm_eval") / "tasks/bbh" / style
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    return sorted(name.removesuffix(".yaml") for name in names if not name.startswith("_"))


@pytest.mark.parametrize(
    ("style", "outputs", "rule", "least", "step"),
    [
        ("cot_fewshot", "cot", "get-answer", 1300, 3),
        ("fewshot", "direct", "none", 400, 6),
        pytest.param("cot_fewshot", "cot", "get-answer", 4800, 1, marks=pytest.mark.full),
        pytest.param("fewshot", "direct", "none", 3000, 1, marks=pytest.mark.full),
    ],
)
def test_bbh_equals_lm_eval(
    tmp_path: Path, data_dir: Path, style: str, outputs: str, rule: str, least: int, step: int
) -> None:
    names = bbh_tasks(style)
    assert len(names) == 27
    real = rows(data_dir / f"teacher/bbh_code-davinci-002_{outputs}.jsonl.gz")
    golden = [row["response"] for row in rows(GOLDEN)]
    right = 0
    for name in names[::step]:
        folder = tmp_path / name
        folder.mkdir()
        data = {"data_files": {"test": str(data_dir / f"bbh/{name}.json")}, "field": "examples"}
        task = stock_task(folder, f"bbh/{style}/{name}.yaml", data)
        docs = list(task.test_docs())
        responses = {row["index"]: row["prediction"] for row in real if row["task"] == name}
        assert len(responses) == len(docs)
        pairs = [(docs[index], response) for index, response in responses.items()]
        pairs += list(zip(cycle(docs[:7]), golden, strict=False)) if name == names[0] else []
        (theirs,) = lm_eval_verdicts(task, pairs).values()
        ours = [compat(f"lm_eval/bbh_{style}/{rule}", response, doc["target"]) for doc, response in pairs]
        assert [(one.extracted, one.right) for one in ours] == theirs, name
        right += sum(one.right for one in ours)
    assert right > least
