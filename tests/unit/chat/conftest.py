"""The tiny Llama of the data directory with the marks of ChatML, and templates to give it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_templates import CHATML

from support.chat_base import make_chat_base


@pytest.fixture(scope="session")
def qwen2_template(data_dir: Path) -> str:
    """The published template of Qwen2: it adds a system text, and asks for a reply behind each question."""
    file = data_dir / "tokenizers" / "qwen2" / "tokenizer_config.json"
    return str(json.loads(file.read_text())["chat_template"])


@pytest.fixture(scope="session")
def chat_base(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder of the tiny Llama with ChatML's marks as tokens; the padding token is the end token."""
    made: dict[str, Path] = {}

    def make(template: str = CHATML) -> Path:
        if template not in made:
            folder = tmp_path_factory.mktemp("chat_base")
            make_chat_base(data_dir, folder, template)
            made[template] = folder
        return made[template]

    return make
