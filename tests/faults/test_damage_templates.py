"""Templates of model folders and task files: no code, no endless loop, no memory bomb."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from damage_cases import make_model

from smallsteps.engines.chat import load_chat
from smallsteps.engines.guard import OutOfTimeError, bounded
from smallsteps.engines.prompts import FormatSpec
from smallsteps.errors import UserError
from smallsteps.evaluation.manager import quietly, task_manager
from smallsteps.evaluation.task_code import TRUST, refuse_code

LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DOUBLING = (
    "{% set n = namespace(x='a') %}{% for i in range(31) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}"
)
TEMPLATES = {
    "objects": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "objects by another name": "{{ ''['\\x5f\\x5fclass\\x5f\\x5f']['\\x5f\\x5fmro\\x5f\\x5f'] }}",
    "a loop": LOOP,
    "a long text": "{{ 'a' * 2000000000 }}",
    "a wide field": "{{ '%01999999999d' % 1 }}",
    "doubling": DOUBLING,
    "a filter": "{{ 'a'.ljust(2000000000) }}",
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smallsteps.engines.guard.SECONDS", 0.5)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.usefixtures("quick")
def test_a_hostile_chat_template_is_one_error(name: str, tmp_path: Path) -> None:
    make_model(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(TEMPLATES[name] + "{{ messages[0].content }}")
    began = time.process_time()
    with pytest.raises(UserError, match=r"chat template does not render|leaves out messages"):
        load_chat(str(tmp_path), FormatSpec(kind="chat"))
    assert time.process_time() - began < 10


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.usefixtures("quick")
def test_templates_of_tasks_are_rendered_in_a_sandbox(name: str) -> None:
    from lm_eval import utils

    with quietly(), pytest.raises(UserError, match="a template of a task"):
        found = utils.apply_template(TEMPLATES[name], {"question": "q"})
        assert found == "", found  # the sandbox gives an undefined value for what it refuses
        raise UserError("a template of a task gave nothing")
    with quietly():
        assert utils.apply_template("{{ question | regex_replace('q', 'r') }}\n", {"question": "q"}) == "r\n"


def test_trusted_templates_are_rendered_as_lm_eval_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval import utils

    monkeypatch.setenv(TRUST, "1")
    with quietly():
        assert "str" in utils.apply_template("{{ ''.__class__ }}", {})


def test_the_bounds_are_taken_off_again() -> None:
    import resource
    import signal

    limits, handler = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(OutOfTimeError), bounded(0.1):
        while True:
            pass
    with pytest.raises(MemoryError), bounded(more=1 << 26):
        bytearray(1 << 28)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert signal.getsignal(signal.SIGVTALRM) == handler
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


TASK = "task: evil\ndataset_path: json\ndoc_to_text: '{{question}}'\ndoc_to_target: x\n"
BOMB = "a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}\n" for n in range(1, 30))
MERGES = "a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TASK + BOMB, "more than 20,000 values"),
        (TASK + MERGES, "merges of mappings"),
        (TASK + "x: " + "[" * 5000 + "]" * 5000, "nested more than 50 levels"),
        (TASK + "#" * (1 << 20), "larger than 1,048,576 bytes"),
        (TASK + "include: /dev/zero\n", "not a regular file"),
        (TASK + "include: [device.yaml]\n", "not a regular file"),
    ],
    ids=["aliases", "merges", "depth", "size", "device", "link to a device"],
)
def test_a_folder_that_lm_eval_would_read_for_ever_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """lm-eval opens every YAML file of the folder, whatever was asked for."""
    (tmp_path / "good.yaml").write_text(TASK.replace("evil", "good"))
    (tmp_path / "other.yaml").write_text(text)
    if "device.yaml" in text:
        (tmp_path / "device.yaml").symlink_to("/dev/zero")
    with pytest.raises(UserError, match=words) as caught:
        task_manager(None, [tmp_path], ["good"])
    assert "lm-eval would read it too" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", TASK + "metadata: {}\nmetadata: {}\nprocess_docs: !function evil.run\n"),
        ("benchmark.yaml", TASK + "process_docs: !function evil.run\n"),
        ("a.yaml", "recipe: x\n" + TASK + "process_docs: !function evil.run\n"),
    ],
    ids=["a key twice", "the name of another file", "a key of another file"],
)
def test_a_task_in_a_file_that_is_not_checked_does_not_hide_behind_another(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lm-eval takes the first file of a name; a harmless one behind it passed the check for code."""
    (tmp_path / name).write_text(text)
    (tmp_path / "z.yaml").write_text(TASK)
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    refuse_code([tmp_path], ["evil"])  # sees the harmless file alone
    with pytest.raises(UserError, match="its code cannot be checked"):
        task_manager(None, [tmp_path], ["evil"])
    monkeypatch.setenv(TRUST, "1")
    task_manager(None, [tmp_path], ["evil"])


@pytest.mark.parametrize(
    "metric", ["{metric: ./evil}", "{metric: exact_match, hf_evaluate: true}", "nothing"]
)
def test_a_metric_that_is_a_script_counts_as_code(metric: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TASK + f"metric_list: [{metric}]\n")
    with pytest.raises(UserError, match="the script of the metric"):
        refuse_code([tmp_path], ["evil"])


def test_metrics_of_lm_eval_pass(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TASK + "metric_list: [{metric: exact_match}, {metric: acc_norm}]\n")
    refuse_code([tmp_path], ["evil"])


def test_the_gate_looks_for_code_as_well(repository: Path, tmp_path: Path) -> None:
    from smallsteps.evaluation.runner import Settings
    from smallsteps.gate.student import StudentGrader

    (tmp_path / "a.yaml").write_text(TASK + "process_results: !function evil.process\n")
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    reference: Any = [SimpleNamespace(task="evil", items=("i",), prompts=("p",))]
    with pytest.raises(UserError, match="the function evil"):
        StudentGrader(
            repository / "baselines/micro/base", Settings(tasks=("evil",)), reference, include=[tmp_path]
        )
