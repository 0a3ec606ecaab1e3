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
from smallsteps.schemes import Example
from smallsteps.training.vocabulary import TokenizerSpec, train_tokenizer

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


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
LINES = st.text("ab ?.+7\u00e9\u2581\n\n\t", max_size=30)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(LINES, max_size=4))
def test_lines_apart_give_the_tokens_of_the_whole(tokenizers: list[FileTokenizer], texts: list[str]) -> None:
    for own in tokenizers:
        assert own.lines is not None
        whole = own.inner.encode_batch_fast(texts)
        assert own(texts)["input_ids"] == [row.ids for row in whole]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> list[FileTokenizer]:
    """Those that this product makes: the micro-world's, and byte pairs with and without digits apart."""
    folders = [BASE]
    examples = [Example("ab ab?\nab.\n\n ab", " a? b.\nab 77 + 7?\n")]
    for digits in (True, False):
        folders.append(tmp_path_factory.mktemp("pairs"))
        train_tokenizer(TokenizerSpec(vocabulary=300, digits=digits), examples, folders[-1])
    found = [read_tokenizer(folder) for folder in folders]
    return [own for own in found if own is not None]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("normalizer", {"type": "Strip", "strip_left": True, "strip_right": True}),
        ("pre_tokenizer", None),
        ("pre_tokenizer", {**BYTES, "add_prefix_space": True}),
        ("pre_tokenizer", {**BYTES, "use_regex": False}),
        (
            "pre_tokenizer",
            {"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "Isolated", "invert": False},
        ),
        ("post_processor", {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<pad>", 0]}),
    ],
)
def test_of_other_tokenizers_texts_are_read_whole(tmp_path: Path, place: str, value: Any) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "t"))
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**content, place: value}))
    own = read_tokenizer(folder)
    assert own is not None
    assert own.lines is None


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
