"""The commands and examples of the pages, as they are written there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from smallsteps.cli.main import cli
from support.doc_commands import Block, blocks, run_block, run_page

NO_DATA = {"SMALLSTEPS_DATA": "", "SMALLSTEPS_TASKS": "", "SMALLSTEPS_PLUGINS": ""}
_EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> dict[str, str]:
    """The Python files that a page shows, by the name above them."""
    return dict(_EXAMPLE.findall(page.read_text()))


def with_scheme(repository: Path, folder: Path, file: str, recipe: str) -> str:
    """What the commands of the page print that use one of its schemes."""
    page = repository / "docs" / "extending.md"
    scheme = examples(page)[file]
    assert len(scheme.splitlines()) <= 42
    (folder / file).write_text(scheme)
    (block,) = [block for block in blocks(page) if f"new recipe {recipe} " in block.text]
    return run_block(block, folder, NO_DATA)


def test_the_tutorial_runs_from_problems_to_a_report(repository: Path, tmp_path: Path) -> None:
    printed = run_page(repository / "docs" / "tutorial.md", tmp_path, NO_DATA)
    everything = "".join(printed.values())
    assert "tickets: 100 test, 140 train problems" in everything
    assert "tickets_cot is better than base by" in everything
    report = (tmp_path / "runs" / "study" / "report.html").read_text()
    assert "Do rationales help with tickets?" in report


def test_a_scheme_from_outside_the_package_trains_and_answers(repository: Path, tmp_path: Path) -> None:
    printed = with_scheme(repository, tmp_path, "answer_first.py", "first")
    assert "ok     first.yaml" in printed
    assert "smallsteps_micro_problems: " in printed


def test_a_scheme_with_sub_questions_from_outside_the_package(repository: Path, tmp_path: Path) -> None:
    """Two parts, one file, nothing else touched; its solver follows gold sub-questions."""
    printed = with_scheme(repository, tmp_path, "one_pass.py", "planned")
    assert "smallsteps_micro_problems: " in printed
    (card,) = (tmp_path / "runs").glob("planned/students/*/student.json")
    assert json.loads(card.read_text())["parts"] == {"planner": "planner", "writer": "writer"}
    manifest = json.loads((tmp_path / "runs" / "planned-run" / "manifest.json").read_text())
    assert manifest["settings"]["plans"] == "gold"


def test_a_reader_from_outside_the_package_reads(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "units.py").write_text(examples(repository / "docs" / "extending.md")["units.py"])
    (tmp_path / "p.jsonl").write_text('{"q": "How long is the table?", "cm": 120}\n')
    (tmp_path / "b.yaml").write_text(
        "schema: 1\nname: tables\nkind: number\nreader: lengths\nfiles: {all: {path: p.jsonl}}\n"
        "splits: {test: {}}\n"
    )
    show = Block(Path("test"), 1, "smallsteps tasks show b.yaml --plugin units.py\n")
    assert "[gold: 1.2]" in run_block(show, tmp_path, NO_DATA)
    unknown = Block(Path("test"), 1, "smallsteps tasks show b.yaml 2>&1 || true\n")
    assert "unknown reader 'lengths'" in run_block(unknown, tmp_path, NO_DATA)


def test_a_maker_from_outside_the_package_is_known_to_recipes(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "drill.py").write_text(examples(repository / "docs" / "extending.md")["drill.py"])
    replay = "replay: {source: additions, share: 0.2, arguments: {largest: 20}}"
    assert replay in (repository / "docs" / "extending.md").read_text()
    commands = f"smallsteps new recipe mine\necho '{replay}' >> mine.yaml\nsmallsteps recipes check mine.yaml"
    assert "ok     mine.yaml" in run_block(
        Block(Path("test"), 1, f"{commands} --plugin drill.py\n"), tmp_path, NO_DATA
    )
    unknown = Block(Path("test"), 1, f"{commands.splitlines()[-1]} 2>&1 || true\n")
    assert "unknown example maker 'additions'" in run_block(unknown, tmp_path, NO_DATA)


def test_the_page_about_models_runs(repository: Path, tmp_path: Path) -> None:
    printed = "".join(run_page(repository / "docs" / "models.md", tmp_path, NO_DATA).values())
    assert "example/tiny  not recorded" in printed
    assert "'example/tiny' is read from the models directory" in printed
    assert (tmp_path / "runs/chat/manifest.json").exists()
    (card,) = (tmp_path / "runs/thinking/students").glob("*/student.json")
    assert json.loads(card.read_text())["thoughts"] == {"opening": "<reasoning>", "closing": "</reasoning>"}


def test_a_page_with_a_failing_command_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# x\n\n```sh\necho one\n```\n\n```yaml\nnot: run\n```\n\n"
        "<!-- not run: needs a GPU -->\n```sh\nexit 3\n```\n\n```sh\ncat nowhere\necho two\n```\n"
    )
    first, skipped, last = blocks(page)
    assert (first.line, skipped.not_run, last.text) == (4, "needs a GPU", "cat nowhere\necho two\n")
    with pytest.raises(AssertionError, match=r"page\.md:17: exit code 1"):
        run_page(page, tmp_path)
    assert run_page(page, tmp_path, only=["echo one"]) == {4: "one\n"}


PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/tutorial.md",
    "docs/extending.md",
    "docs/formats.md",
    "docs/models.md",
)


def test_the_readme_s_commands_run(repository: Path, tmp_path: Path) -> None:
    printed = "".join(run_page(repository / "README.md", tmp_path, NO_DATA).values())
    assert "micro_problems" in printed
    assert "32 benchmarks" in printed


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_pages_has_these_verbs_and_options(repository: Path, page: str) -> None:
    """Also of those that a test cannot run."""
    for block in blocks(repository / page):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["smallsteps"] and words[1:2] != ["lm-eval"]:
                _check_words(words[1:], f"{page}:{block.line}: {line}")


def _check_words(words: list[str], where: str) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(context, word)
            assert found is not None, where
            command, context = found, click.Context(found, parent=context)
        elif word.startswith("--"):
            known = {name for option in command.get_params(context) for name in option.opts}
            assert word.partition("=")[0] in known, where
