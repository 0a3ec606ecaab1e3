"""The micro base models, untrained: a decoder like Llama and an encoder-decoder like T5."""

from __future__ import annotations

from typing import Any, Literal

from smallsteps.microworld import tokenizer

Kind = Literal["decoder", "encoder_decoder"]
CONTEXT = 512


def config(kind: Kind = "decoder") -> Any:
    """Configuration with the micro tokenizer's vocabulary; 0.82 M and 0.98 M parameters."""
    size = len(tokenizer.vocabulary())
    pad, end = tokenizer.SPECIAL.index("<pad>"), tokenizer.SPECIAL.index("</s>")
    if kind == "decoder":
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=size,
            hidden_size=128,
            intermediate_size=320,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
        )
    from transformers import T5Config

    options: dict[str, Any] = {"tie_word_embeddings": True, "decoder_start_token_id": pad}  # not in the stubs
    return T5Config(
        **options,
        vocab_size=size,
        d_model=128,
        d_kv=32,
        d_ff=144,
        num_layers=3,
        num_decoder_layers=3,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-silu",
        pad_token_id=pad,
        eos_token_id=end,
    )


def build(kind: Kind, seed: int) -> Any:
    """A model with random weights from this seed, with eager attention (fastest on CPU in bf16)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    torch.manual_seed(seed)
    auto = AutoModelForCausalLM if kind == "decoder" else AutoModelForSeq2SeqLM
    return auto.from_config(config(kind), attn_implementation="eager")  # type: ignore[no-untyped-call]
