"""The task files: written from benchmark.yaml to the byte, sound, and read by lm-eval as we show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.evaluation.manager import our_names
from smallsteps.evaluation.preview import preview
from smallsteps.evaluation.task_check import check_asked, check_task_files
from smallsteps.evaluation.task_files import HEADER, all_files, unknown_task
from smallsteps.problems import list_benchmarks, load_benchmark
from smallsteps.problems.benchmark import Variant
from smallsteps.problems.listing import GROUPS
from smallsteps.problems.tasks import find_task, task_name


@pytest.fixture(scope="module")
def manager(data_dir: Path) -> Any:
    from smallsteps.evaluation.manager import task_manager

    return task_manager(data_dir)


def test_committed_files_are_what_the_benchmarks_say(repository: Path) -> None:
    tasks = repository / "tasks"
    written = all_files(tasks)
    committed = {
        path.relative_to(tasks).as_posix(): path.read_text()
        for path in tasks.glob("*/**/*.yaml")
        if path.read_text().startswith(HEADER)
    }
    assert committed == written


def test_all_task_files_are_sound(repository: Path) -> None:
    assert check_task_files(repository / "tasks") == len(all_files(repository / "tasks"))


def test_lm_eval_finds_every_task_and_group(manager: Any) -> None:
    for name in list_benchmarks():
        benchmark = load_benchmark(name)
        for variant in benchmark.variants:
            assert task_name(name, variant) in manager.all_tasks
    assert {f"smallsteps_{group}" for group in GROUPS} <= {*manager.all_groups, *manager.all_tags}
    assert {"smallsteps_bbh", "smallsteps_bbh_cot", "smallsteps_bbh_answer_only"} <= set(manager.all_groups)
    assert not [name for name in manager.all_tasks if not name.startswith("smallsteps_")]


def test_overlapping_groups_run_together(tmp_path: Path) -> None:
    from smallsteps.evaluation.manager import task_manager

    index = task_manager().task_index
    math, transfer = index["smallsteps_math"].tags, index["smallsteps_transfer"].tags
    assert "smallsteps_svamp" in math & transfer
    assert math - transfer == {"smallsteps_gsm8k"}
    assert "smallsteps_bbh" in (index["smallsteps_all"].cfg or {})["task"]


def _knows_one_in_three() -> Any:
    from lm_eval.api.model import LM

    class Guess(LM):
        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            return [
                f"The answer is {r.doc['answer']}." if n % 3 == 0 else "?" for n, r in enumerate(requests)
            ]

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    return Guess()


def test_bbh_is_averaged_over_items_and_over_subtasks(manager: Any) -> None:
    from lm_eval.evaluator import simple_evaluate

    from smallsteps.evaluation.manager import quietly

    names = [task_name("bbh", "question", subtask) for subtask in load_benchmark("bbh").subtask_names]
    samples = {name: list(range(12 if place == 0 else 2)) for place, name in enumerate(names)}
    with quietly():
        found = simple_evaluate(
            model=_knows_one_in_three(),
            tasks=["smallsteps_bbh"],
            task_manager=manager,
            samples=samples,
            bootstrap_iters=0,
        )
    right = {name: sum(row["flexible"] for row in rows) for name, rows in found["samples"].items()}
    sizes = {name: len(rows) for name, rows in found["samples"].items()}
    assert sizes == {name: len(rows) for name, rows in samples.items()}
    assert 0.2 < sum(right.values()) / sum(sizes.values()) < 0.8
    group = found["groups"]["smallsteps_bbh"]
    assert group["flexible,none"] == pytest.approx(sum(right.values()) / sum(sizes.values()))
    assert group["flexible_macro,none"] == pytest.approx(sum(right[n] / sizes[n] for n in names) / 27)


SHOWN = [
    *("gsm8k", "gsm8k_answer_only", "gsm8k_cot", "gsm8k_zeroshot_cot", "gsm8k_fu_icl_answer_only"),
    *("gsm8k_fu_icl_cot", "gsm8k_fu_zeroshot_answer_only", "gsm8k_fu_zeroshot_cot", "aqua_cot"),
    *("commonsenseqa_cot", "strategyqa_cot", "openbookqa_answer_only", "last_letters_cot", "asdiv_cot"),
    *(
        "bbh_cot_word_sorting",
        "bbh_answer_only_navigate",
        "bbh_dyck_languages",
        "micro_generic_cot",
        "drop_contrast",
    ),
]


@pytest.mark.parametrize("name", SHOWN)
def test_lm_eval_shows_the_prompt_that_we_show(name: str, manager: Any, data_dir: Path) -> None:
    from smallsteps.evaluation.manager import quietly

    task_id = f"smallsteps_{name}"
    with quietly():
        task = manager.load([task_id])["tasks"][task_id]
        task.build_all_requests(limit=2)
    parts = find_task(task_id)
    shown = preview(load_benchmark(parts.benchmark), str(parts.variant), data_dir, parts.subtask, row=1)
    assert task.instances[1].args[0] == shown.prompt
    assert not shown.error
    assert task.instances[1].args[1]["until"] == ([] if parts.variant == "question" else ["\nQ:"])


def test_every_task_with_data_scores_its_own_gold_answer_right(manager: Any, data_dir: Path) -> None:
    from smallsteps.evaluation.docs import documents
    from smallsteps.evaluation.scoring import process_results

    graded = {"span": [], "other": []}
    for name in list_benchmarks():
        try:
            rows = documents(load_benchmark(name), "question", data=data_dir)["test"]
        except UserError:
            continue
        for row in rows[:: max(len(rows) // 80, 1)]:
            answer = f"({row['answer']})" if row["kind"] == "choice" else row["answer"]
            found = process_results(row, [f"Some steps.\nThe answer is {answer}."])
            assert found["strict"] == 1.0, (name, row["id"], row["answer"], found)
            graded["span" if row["kind"] == "span" else "other"].append(found["flexible"])
    assert len(graded["other"]) > 1000
    assert all(graded["other"])
    assert sum(graded["span"]) / len(graded["span"]) > 0.9


def test_items_are_distinct_and_repeats_share_a_cluster(data_dir: Path) -> None:
    from smallsteps.evaluation.docs import documents

    rows = documents(load_benchmark("multiarith"), "question", data=data_dir)["test"]
    assert len({row["item"] for row in rows}) == len(rows) == 450
    again = [row for row in rows if row["item"].endswith("-2")]
    assert again
    for row in again:
        assert row["cluster"] == row["item"].removesuffix("-2")


def test_no_shipped_exemplar_is_a_question_that_is_tested(data_dir: Path) -> None:
    from smallsteps.evaluation.docs import documents
    from smallsteps.problems import normalised

    compared = 0
    for name in list_benchmarks():
        benchmark = load_benchmark(name)
        for variant, chosen in benchmark.variants.items():
            if chosen.exemplars is None or variant == "socratic":
                continue
            for subtask in benchmark.subtask_names if benchmark.subtasks else [None]:
                try:
                    rows = documents(benchmark, variant, data=data_dir, subtask=subtask)
                except UserError as error:
                    if "missing" in error.message:
                        continue
                    raise
                tested = {normalised(row["question"]) for row in rows["test"]}
                assert not tested & {normalised(row["question"]) for row in rows["fewshot"]}
                assert len(rows["fewshot"]) == benchmark.exemplars[chosen.exemplars].count
                compared += 1
    assert compared > 60


def test_variants_name_rules_that_exist() -> None:
    from smallsteps.answers.compat import COMPAT

    for name in list_benchmarks():
        benchmark = load_benchmark(name)
        rules = {benchmark.stock, *(variant.stock for variant in benchmark.variants.values())} - {None}
        assert rules <= set(COMPAT)


def test_unknown_tasks_get_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'smallsteps_gsm8k_cot'"):
        find_task("smallsteps_gsm8k_cto")
    assert Variant().exemplars is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gsm9k", "smallsteps_gsm8k"),
        ("gsm8k", "smallsteps_gsm8k"),
        ("bbh_ctt", "smallsteps_bbh_cot"),
        ("smallsteps_swamp", "smallsteps_svamp"),
    ],
)
def test_the_prefix_of_our_tasks_may_be_left_out(name: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in str(unknown_task(name, our_names()))


def test_a_shared_prefix_makes_no_names_similar() -> None:
    assert "did you mean" not in str(unknown_task("smallsteps_zzzzzz", our_names()))
    assert "did you mean" not in str(unknown_task("zzzzzz", our_names()))


GOOD = """\
include: base_yaml
task: mine
doc_to_text: "Q: {{question}}"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("doc_to_text:", "doc_to_tekst:", 3, "unknown key 'doc_to_tekst'\n  did you mean 'doc_to_text'?"),
        ("{{question}}", "{{qestion}}", 3, "no document has a field 'qestion'\n  did you mean 'question'?"),
        ("{{question}}", "{{question", 3, "malformed Jinja"),
        ("base_yaml", "bas_yaml", 1, "no such file: bas_yaml\n  did you mean 'base_yaml'?"),
        ("task: mine", "task: [mine", 3, "malformed YAML"),
        ("task: mine", "tag: mine", None, "key 'task' is missing"),
        ("task: mine", "task: mine\ntask: yours", 3, "key 'task' is given twice"),
        (
            "task: mine",
            "task: mine\nprocess_results: !function nowhere.score",
            3,
            "no module 'nowhere' for 'score'",
        ),
    ],
)
def test_a_wrong_task_file_is_one_error_with_file_line_key_and_name(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    (tmp_path / "base_yaml").write_text("custom_dataset: !function smallsteps.evaluation.docs.dataset\n")
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        check_task_files(tmp_path)
    where = f"{path}:{line}" if line else str(path)
    assert where in str(caught.value)
    assert message in str(caught.value)


def test_an_unknown_member_of_a_group_gets_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("task: mine\n")
    (tmp_path / "all.yaml").write_text("group: all\ntask:\n  - mien\n")
    with pytest.raises(
        UserError, match=r"all\.yaml:3: task\.0: no task or group 'mien'\n  did you mean 'mine'"
    ):
        check_task_files(tmp_path)


def test_sound_files_of_ones_own_pass(tmp_path: Path) -> None:
    (tmp_path / "base_yaml").write_text("custom_dataset: !function smallsteps.evaluation.docs.dataset\n")
    (tmp_path / "mine.yaml").write_text(GOOD)
    (tmp_path / "all.yaml").write_text("group: all\ntask: [mine]\n")
    assert check_task_files(tmp_path) == 2


def test_all_wrong_files_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("task: one\ndoc_to_tekst: x\n")
    (tmp_path / "two.yaml").write_text("task: two\noutput_tipe: x\n")
    with pytest.raises(ConfigError) as caught:
        check_task_files(tmp_path)
    assert len(caught.value.errors) == 2


def test_only_files_that_are_asked_for_are_checked(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("task: good\ntag: [mine]\n")
    (tmp_path / "bad.yaml").write_text("task: bad\ntag: mine\ndoc_to_tekst: x\n")
    (tmp_path / "group.yaml").write_text("group: both\ntask: [good, bad, smallsteps_gsm8k]\n")
    (tmp_path / "broken.yaml").write_text("task: [x\n")
    known = {"smallsteps_gsm8k"}
    check_asked([tmp_path], ["good", "smallsteps_gsm8k"], known)
    for asked in ("bad", "both", "mine"):
        with pytest.raises(ConfigError, match=r"bad\.yaml:3: doc_to_tekst: .*\n.*'doc_to_text'"):
            check_asked([tmp_path], [asked], known)
    with pytest.raises(ConfigError, match=r"broken\.yaml:2: malformed YAML"):
        check_asked([tmp_path], ["broken"], known)
