"""Tiny random models of several architectures, in float32 so that batches of any shape agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

WORDS = "the cat sat on a mat and dog ran far home . , ? ! one two three four five six seven".split()  # noqa: SIM905


def save_tokenizer(folder: Path, *, closing: bool = False) -> None:
    """A word-level tokenizer; `closing` appends end-of-sequence to each text, as T5's does."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", "\n", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" +"), behavior="removed"),
            pre_tokenizers.Split(Regex("\n|[a-z]+|[^a-z]"), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    if closing:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def _config(name: str) -> Any:
    import transformers

    size: dict[str, Any] = {
        "vocab_size": len(WORDS) + 4,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "bos_token_id": None,
    }
    llama = {
        **size,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.6,
    }
    match name:
        case "llama":
            return transformers.LlamaConfig(**llama)
        case "mistral":
            return transformers.MistralConfig(**llama, sliding_window=6)
        case "gpt2":
            return transformers.GPT2Config(
                **size, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.6
            )
        case "gpt_neox":
            own = {k: v for k, v in llama.items() if k != "num_key_value_heads"}
            return transformers.GPTNeoXConfig(**own)
        case "t5":
            return transformers.T5Config(
                vocab_size=size["vocab_size"],
                d_model=32,
                d_kv=8,
                d_ff=48,
                num_layers=2,
                num_heads=4,
                decoder_start_token_id=0,
                eos_token_id=1,
                pad_token_id=0,
                initializer_factor=3.0,
            )
    raise AssertionError(name)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder of a random model by architecture."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            import torch
            from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

            folder = tmp_path_factory.mktemp(name)
            torch.manual_seed(5)
            auto = AutoModelForSeq2SeqLM if name == "t5" else AutoModelForCausalLM
            auto.from_config(_config(name)).save_pretrained(folder)
            save_tokenizer(folder, closing=name == "t5")
            made[name] = folder
        return made[name]

    return make


@pytest.fixture(scope="session")
def engine(models: Any) -> Any:
    """Float32 engine by architecture; keyword arguments as `load_engine` takes them."""
    from smallsteps.engines.loading import load_engine

    return lambda name, **options: load_engine(models(name), dtype="float32", device="cpu", **options)


@pytest.fixture(scope="session")
def original(models: Any) -> Any:
    """transformers' own float32 model by architecture, with nothing of ours in it."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    def load(name: str) -> Any:
        auto: Any = AutoModelForSeq2SeqLM if name == "t5" else AutoModelForCausalLM
        return auto.from_pretrained(models(name), dtype="float32").eval()

    return load


PROMPTS = [
    "the cat",
    "a dog ran far home and the cat sat on a mat",
    "one two three",
    "mat",
    "the dog sat on the mat . the cat ran home , and the dog ran far !",
    "one two three four five six seven",
    "home",
    "the cat and the dog",
]


@pytest.fixture
def prompts() -> list[str]:
    """Prompts of very different lengths."""
    return list(PROMPTS)
