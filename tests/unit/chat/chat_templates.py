"""Chat templates that the tests give to a tiny model."""

from support.chat_base import CHATML

__all__ = ["CHATML", "THINKING"]

# as reasoning models do it: earlier thoughts are dropped, and `enable_thinking: false` writes empty ones
THINKING = (
    "{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'assistant' and '</think>' in content and not loop.last %}"
    "{% set content = content.split('</think>')[-1] %}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# as Qwen3 does it: `reasoning_content` goes within marks, and is left out of all replies but the last
REASONING = (
    "{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'assistant' and message.reasoning_content and loop.last %}"
    "{% set content = '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' + content %}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# as DeepSeek-R1 does it: the prompt opens the thoughts, and finished replies are written without them
OPENED = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
