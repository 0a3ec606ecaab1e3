"""The embedded default: a small world of word problems, its teacher, its tokenizer and its base models.

Everything here is made by rule from seeds, so that a whole distillation study runs on a laptop without a
network, and every number in it can be checked: gold answers, rationales, sub-questions, the teacher's slips.
"""

from smallsteps.microworld.oracle import oracle_samples

__all__ = ["oracle_samples"]
