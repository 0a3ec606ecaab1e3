"""What would stop a training is found before its corpus is collected or paid, with file, line and remedy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli import main
from smallsteps.errors import DATA


@pytest.fixture
def base(repository: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    shutil.copytree(repository / "baselines/micro/base", folder)
    return folder


def write(folder: Path, base: str = "path: base", corpus: str = "", optimisation: str = "") -> Path:
    path = folder / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: cot\nbase: {{{base}}}\n"
        f"corpus: {{benchmark: micro_problems, limit: 16, teacher: {{kind: oracle}}{corpus}}}\n"
        f"optimisation: {{steps: 1, learning_rate: 0.001{optimisation}}}\n"
    )
    return path


def refused(capsys: Any, path: Path, *command: str) -> str:
    with pytest.raises(SystemExit) as done:
        main([*command, str(path), "--out", str(path.parent / "out")])
    assert done.value.code == DATA
    assert not (path.parent / "out").exists()
    return str(capsys.readouterr().err)


def without_end(folder: Path) -> None:
    """The tokenizer with its end token called otherwise, and none declared."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text((folder / name).read_text().replace("</s>", "<halt>"))
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).exists():
            config = json.loads((folder / name).read_text())
            config.pop("eos_token", None)
            (folder / name).write_text(json.dumps(config))


@pytest.mark.parametrize("command", [("recipes", "plan"), ("distill",), ("run",)])
def test_a_tokenizer_without_an_end_token(
    base: Path, tmp_path: Path, capsys: Any, command: tuple[str, ...]
) -> None:
    without_end(base)
    err = refused(capsys, write(tmp_path), *command)
    assert "mine.yaml:3: base: " in err
    assert "no token for the end of a text" in err
    assert "'eos_token' in the recipe's 'base' section" in err


def test_an_end_token_that_is_none_of_the_tokenizer(base: Path, tmp_path: Path, capsys: Any) -> None:
    err = refused(capsys, write(tmp_path, "path: base, eos_token: </S>"), "recipes", "plan")
    assert "the end token '</S>' is not a token of the tokenizer" in err
    assert "did you mean '</s>'?" in err


def test_one_that_is_named_will_do(base: Path, tmp_path: Path, capsys: Any) -> None:
    without_end(base)
    with pytest.raises(SystemExit) as done:
        main(["recipes", "plan", str(write(tmp_path, "path: base, eos_token: <halt>"))])
    assert done.value.code == 0, capsys.readouterr().err


def test_a_context_too_short_for_the_prompt(base: Path, tmp_path: Path, capsys: Any) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 12}))
    err = refused(capsys, write(tmp_path), "recipes", "plan")
    assert "mine.yaml:3: base: 16 of 16 prompts leave no room for a reply" in err
    assert "the base's context of 12 tokens" in err
    assert "use a base with a longer context" in err


def test_examples_too_short_for_the_prompt(base: Path, tmp_path: Path, capsys: Any) -> None:
    err = refused(capsys, write(tmp_path, optimisation=", max_length: 10"), "recipes", "plan")
    assert "mine.yaml:5: optimisation.max_length: 16 of 16 prompts" in err
    with pytest.raises(SystemExit) as done:
        main(["recipes", "plan", str(write(tmp_path, optimisation=", max_length: 10, too_long: drop"))])
    assert done.value.code == 0


def test_an_adapter_is_no_base(base: Path, tmp_path: Path, capsys: Any) -> None:
    (base / "config.json").rename(base / "adapter_config.json")
    err = refused(capsys, write(tmp_path), "recipes", "plan")
    assert "mine.yaml:3: base.path" in err
    assert "an adapter, not a whole model" in err


def test_a_mark_that_is_a_special_token(base: Path, tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path, corpus="")
    path.write_text(
        path.read_text().replace(
            "{kind: oracle}", "{kind: file, path: r.jsonl}, thoughts: learn, marks: ['<t>', '</s>']"
        )
    )
    err = refused(capsys, path, "recipes", "plan")
    assert "mine.yaml:4: corpus.thoughts: " in err
    assert "the mark '</s>' is a special token of this tokenizer" in err
