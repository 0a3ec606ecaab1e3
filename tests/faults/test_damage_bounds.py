"""Files of someone else that would take all time or memory: refused before a library reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from damage_cases import make_model

from smallsteps.engines.adapter_check import check_adapter_config
from smallsteps.engines.counting import token_counter
from smallsteps.engines.loading import load_engine
from smallsteps.engines.patterns import takes_forever
from smallsteps.engines.tokenizer_check import LARGEST, check_tokenizer
from smallsteps.errors import UserError
from smallsteps.files import read_object
from smallsteps.training.models import load_tokenizer
from smallsteps.training.settings import BaseSpec

PUBLISHED = (  # of GPT-2, Llama 3, o200k, DeepSeek, BLOOM, and the micro-world
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{M}]*[\p{Ll}\p{M}]+(?i:'s|'t|'re)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"\n|▁?[0-9]|▁?[A-Za-z]+|▁?[^\sA-Za-z0-9▁]|▁",
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
)
HOSTILE = (
    r"(a+)+$|(.*.*)*x",
    r"(?:a{1,3})+",
    r"((a*)b)*",
    r"((a+){3})+",
    r"(\w+\s?)*$",
    r"([a]+)+",
    "a" * 20_000,
)


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replace(short: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": short}, "content": content}


def tokenizer(folder: Path, **changes: Any) -> Path:
    """A model whose tokenizer.json says something else."""
    make_model(folder)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_patterns_of_published_tokenizers_pass(pattern: str) -> None:
    assert not takes_forever(pattern)


@pytest.mark.parametrize("pattern", HOSTILE)
def test_repeated_repetitions_are_refused_by_everything_that_reads_tokenizers(
    pattern: str, tmp_path: Path
) -> None:
    folder = tokenizer(tmp_path, pre_tokenizer={"type": "Sequence", "pretokenizers": [split(pattern)]})
    readers = (
        lambda: load_engine(folder, dtype="float32", device="cpu"),
        lambda: load_tokenizer(BaseSpec(path=str(folder))),
        lambda: token_counter(folder),
    )
    for read in readers:
        with pytest.raises(UserError, match="pre_tokenizer has a pattern that can take forever"):
            read()


def test_replacements_that_double_a_text_again_and_again_are_refused(tmp_path: Path) -> None:
    steps = [replace("a", "aa")] * 30
    folder = tokenizer(tmp_path, normalizer={"type": "Sequence", "normalizers": steps})
    with pytest.raises(UserError, match="more than 64 times as long"):
        check_tokenizer(folder)
    check_tokenizer(tokenizer(tmp_path, normalizer=replace(" ", "▁")))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.json", "spiece.model"])
def test_absurdly_large_files_are_not_read(name: str, tmp_path: Path) -> None:
    make_model(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.truncate(LARGEST + 1)  # takes no room on the disk
    with pytest.raises(UserError, match="larger than 67,108,864 bytes"):
        load_engine(tmp_path, dtype="float32", device="cpu")


def test_a_device_in_place_of_a_tokenizer_is_refused() -> None:
    with pytest.raises(UserError, match="not a regular file"):
        from smallsteps.engines.tokenizer_check import check_file

        check_file(Path("/dev/zero"))


CONFIG = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "base_model_name_or_path": "x"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"target_modules": r".*layers\.\d+\.(q_proj|v_proj)", "megatron_config": None}, None),
        ({"r": 10**9}, "the rank 'r' is 1000000000"),
        ({"r": -1}, "the rank 'r'"),
        ({"r": True}, "the rank 'r'"),
        ({"rank_pattern": {"q_proj": 10**9}}, "the rank 'q_proj'"),
        ({"peft_type": "PROMPT_TUNING"}, "only LORA is read"),
        ({"peft_type": None}, "only LORA is read"),
        ({"target_modules": r"(\w+)*x"}, "take forever"),
        ({"exclude_modules": "(((a+)+)+)+$"}, "take forever"),
        ({"alpha_pattern": {"(a+)+": 3}}, "take forever"),
        ({"target_modules": "("}, "is none"),
        ({"megatron_config": {"a": 1}, "megatron_core": "evil"}, "'megatron_config' is not read"),
        ({"megatron_core": "evil"}, "names a module"),
        ({"layer_replication": [[0, 10**9]]}, "'layer_replication' is not read"),
    ],
)  # fmt: skip
def test_a_hostile_adapter_is_refused_before_peft_reads_it(
    changes: dict[str, Any], words: str | None, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a.lora_A.weight": torch.zeros(4, 16)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({**CONFIG, **changes}))
    if words is None:
        check_adapter_config(tmp_path)
        return
    with pytest.raises(UserError, match=words):
        check_adapter_config(tmp_path)


def test_the_tokenizer_of_a_model_is_read_as_before(tmp_path: Path) -> None:
    make_model(tmp_path)
    check_tokenizer(tmp_path)
    assert read_object(tmp_path / "tokenizer.json")["pre_tokenizer"]["type"] == "Whitespace"
