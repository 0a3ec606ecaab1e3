"""The table "Static and dynamic planning" of docs/corpora.md: tokens of gold decompositions, three ways.

SMALLSTEPS_DATA=... python benchmarks/corpus_planning.py
"""

from __future__ import annotations

import os
from pathlib import Path

from smallsteps.corpora.planning import planning_tokens
from smallsteps.engines.counting import token_counter
from smallsteps.problems import load_problems

SETS = (("GSM8K (Socratic)", "gsm8k", "test"), ("StrategyQA", "strategyqa", "train"))
TOKENIZERS = ("gpt2", "gpt-neox-20b", "t5", "qwen2")


def main() -> None:
    data = Path(os.environ["SMALLSTEPS_DATA"])
    print("| problems | sub-questions each | tokenizer | static | self-ask, one call | dynamic ", end="")
    print("| dynamic / static |\n|---|" + "---|" * 6)
    for title, benchmark, split in SETS:
        plans = [(problem, problem.steps) for problem in load_problems(benchmark, split, data)]
        for name in TOKENIZERS:
            found = planning_tokens(plans, token_counter(data / "tokenizers" / name), name)
            assert found is not None
            each = found.problems
            cells = [
                f"{way.total / each:.1f} in {way.calls / each:.1f} calls"
                for way in (found.static, found.self_ask, found.dynamic)
            ]
            print(
                f"| {title}, {each} | {found.questions / each:.2f} | {name} | "
                + " | ".join(cells)
                + f" | {found.dynamic.total / found.static.total:.2f} |"
            )


if __name__ == "__main__":
    main()
