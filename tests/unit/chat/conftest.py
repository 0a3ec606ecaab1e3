"""The tiny Llama of the data directory with the marks of ChatML, and templates to give it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_templates import CHATML


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
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            folder = tmp_path_factory.mktemp("chat_base")
            source = data_dir / "models" / "stories260K" / "hf"
            tokenizer = AutoTokenizer.from_pretrained(source)
            tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
            tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
            tokenizer.chat_template = template
            torch.manual_seed(1)
            model = AutoModelForCausalLM.from_pretrained(source)
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
            model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.eos_token_id
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[template] = folder
        return made[template]

    return make
