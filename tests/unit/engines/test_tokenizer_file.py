"""The tokenizer read from its file alone against transformers' own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smallsteps.engines.fast.tokenizer import FileTokenizer, read_tokenizer

BASE = Path(__file__).parents[3] / "baselines" / "micro" / "base"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("0123456789 abc+-=.<>/s\n", max_size=40)


@pytest.fixture(scope="module")
def both() -> tuple[FileTokenizer, Any]:
    from transformers import AutoTokenizer

    own = read_tokenizer(BASE)
    assert own is not None
    return own, AutoTokenizer.from_pretrained(BASE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), special=st.booleans())
def test_same_tokens_and_texts(both: tuple[FileTokenizer, Any], texts: list[str], special: bool) -> None:
    own, other = both
    rows = own(texts, add_special_tokens=special)["input_ids"]
    assert rows == other(texts, add_special_tokens=special)["input_ids"]
    assert rows == [own(text, add_special_tokens=special)["input_ids"] for text in texts]
    for row in rows:
        for skip in (False, True):
            wanted = other.decode(row, skip_special_tokens=skip, clean_up_tokenization_spaces=False)
            assert own.decode(row, skip_special_tokens=skip) == wanted


def test_special_tokens(both: tuple[FileTokenizer, Any]) -> None:
    own, other = both
    text = "1 + 1 = 2</s><pad>"
    assert own(text) == {"input_ids": other(text)["input_ids"]}
    assert own.eos_token_id in own(text)["input_ids"]
    assert "</s>" not in own.decode(own(text)["input_ids"], skip_special_tokens=True)


def test_settings_of_the_file_do_not_cut_or_fill(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "t"))
    content = json.loads((folder / "tokenizer.json").read_text())
    cut = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps({**content, "truncation": cut}))
    own = read_tokenizer(folder)
    assert own is not None
    assert len(own("1 + 1 + 1 + 1 + 1")["input_ids"]) > 3


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_real_tokenizers(data_dir: Path, tmp_path: Path, kind: str) -> None:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    eos = {"gpt2": "<|endoftext|>", "t5": "</s>"}[kind]
    file = str(data_dir / "tokenizers" / kind / "tokenizer.json")
    PreTrainedTokenizerFast(tokenizer_file=file, eos_token=eos).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    own, other = read_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert own is not None
    for text in ("Janet’s ducks lay 16 eggs.", "  two  spaces\n\nand lines", "naïve 数 ½", eos + " after"):
        ids = other(text)["input_ids"]
        assert own(text)["input_ids"] == ids
        wanted = other.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert own.decode(ids, skip_special_tokens=True) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer_class": "T5Tokenizer"},
        {"clean_up_tokenization_spaces": True},
        {"add_bos_token": True},
        {"eos_token": "<a new token>"},
        {"eos_token": {"content": "</s>"}},
        {"auto_map": {}},
    ],
)
def test_left_to_transformers(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "t"))
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert read_tokenizer(folder) is None


@pytest.mark.parametrize("text", [None, "not JSON", "{}"])
def test_no_tokenizer(tmp_path: Path, text: str | None) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "t"))
    (folder / "tokenizer.json").unlink()
    if text is not None:
        (folder / "tokenizer.json").write_text(text)
    assert read_tokenizer(folder) is None
