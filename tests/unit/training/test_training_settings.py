from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smallsteps.config import parse_yaml, validate
from smallsteps.errors import ConfigError
from smallsteps.training import BaseSpec, Optimisation


def messages(model: type, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(model, parse_yaml(text, Path("recipe.yaml")))
    return str(caught.value)


@pytest.mark.parametrize("text", ["{learning_rate: 1.0e-3}", "{learning_rate: 1.0e-3, steps: 3, epochs: 2}"])
def test_duration_is_steps_or_epochs(text: str) -> None:
    assert "exactly one of 'steps' and 'epochs'" in messages(Optimisation, text)


def test_unknown_key_names_the_nearest() -> None:
    assert "'learning_rate'" in messages(Optimisation, "{learnin_rate: 1.0e-3, steps: 3}")


def test_no_fp16() -> None:
    assert "'fp16' is not allowed" in messages(
        Optimisation, "{learning_rate: 1.0e-3, steps: 3, precision: fp16}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "exactly one of 'path' and 'architecture'"),
        ("{path: a, architecture: {model_type: llama}, tokenizer: t}", "exactly one of"),
        ("{architecture: {hidden_size: 8}, tokenizer: t}", "needs 'model_type'"),
    ],
)
def test_base_has_one_source(text: str, said: str) -> None:
    assert said in messages(BaseSpec, text)


def test_importing_the_room_loads_no_torch() -> None:
    code = "import sys, smallsteps.training; print({'torch', 'transformers', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
