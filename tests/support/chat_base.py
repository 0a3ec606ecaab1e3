"""The tiny Llama of the data directory with the marks of ChatML: a stand-in for an instruction-tuned base."""

from __future__ import annotations

from pathlib import Path

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_chat_base(
    data_dir: Path, folder: Path, template: str = CHATML, positions: int | None = None
) -> None:
    """Write it; the padding token is the end token. `positions`: of a longer context than its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

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
    if positions is not None:
        model.config.max_position_embeddings = positions
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
