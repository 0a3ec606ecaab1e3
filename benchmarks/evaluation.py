"""Items a second through our lm-eval model, against lm-eval's own `hf` model on the same student and items.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py STUDENT [--pair STUDENT] [--items 1000] [--rounds 5]
        [--benchmark micro_problems] [--device cpu|cuda]

STUDENT is a student directory or model folder of one part; the pair is a Socratic student, compared with a
wrapper that drives two `hf` models round by round. Each contender has a process of its own, as users give it
one, and takes turns with the other within each round, so that whatever else the machine does falls on both.
`hf` runs at its best batch size, found in a round of its own that does not count. Ratios are of one round;
their median is printed with their range. On a machine with other work, trust the ratio of processor time.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import Contender

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
logging.disable(logging.WARNING)  # in the contenders' processes too, which import this file

BATCHES = (16, 64, 128, 256)
BUDGET = 192


@dataclass(frozen=True)
class HfEngine:
    """lm-eval's `hf` model as an engine, so that our Socratic scheme can drive a pair of them."""

    model: Any

    def generate(self, prompts: Sequence[str], decoding: Any) -> list[list[Any]]:
        from smallsteps.engines import Generation

        texts = self.model.generate_until(instances(prompts, raw=True), disable_tqdm=True)
        return [[Generation(text, tokens=0, prompt_tokens=0, stop="eos")] for text in texts]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        raise NotImplementedError


def instances(texts: Sequence[str], *, raw: bool) -> list[Any]:
    """lm-eval requests for prompts, or for bare questions that the scheme wraps."""
    from lm_eval.api.instance import Instance

    kind = "raw" if raw else "question"
    options = {"until": [], "max_gen_toks": BUDGET, "do_sample": False}
    return [
        Instance(
            "generate_until", {"item": f"{i:016x}", "prompt": kind}, (text, dict(options)), 0, ("bench", i, 1)
        )
        for i, text in enumerate(texts)
    ]


def questions(count: int, benchmark: str) -> list[str]:
    """The first test problems of a benchmark."""
    from smallsteps.problems import data_directory, load_problems

    return [problem.question for problem in load_problems(benchmark, "test", data_directory())[:count]]


def hf_model(folder: str, batch: int, device: str) -> Any:
    """lm-eval's own model as it is by default."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=folder, batch_size=batch, device=device)


def ours(student: Path, asked: Sequence[str], device: str) -> Callable[[], list[str]]:
    """Our lm-eval model on bare questions."""
    from smallsteps.evaluation.model import SmallstepsLM

    model = SmallstepsLM(student=str(student), device=device)
    requests = instances(asked, raw=False)
    model.generate_until(requests[:2])  # loads the parts
    return lambda: model.generate_until(requests)


def single(student: Path, asked: Sequence[str], batch: int, device: str) -> Callable[[], list[str]]:
    """`hf` on the prompts that the student was trained with."""
    from smallsteps.schemes import prompt_of
    from smallsteps.students import part_path, read_student

    model = hf_model(part_path(student, read_student(student), "model"), batch, device)
    requests = instances([prompt_of(question) for question in asked], raw=True)
    return lambda: [text.strip() for text in model.generate_until(requests, disable_tqdm=True)]


def wrapped_pair(student: Path, asked: Sequence[str], batch: int, device: str) -> Callable[[], list[str]]:
    """Two `hf` models behind one wrapper: all plans in one call, then one call a round."""
    from smallsteps.engines import Decoding
    from smallsteps.schemes import SOCRATIC
    from smallsteps.students import part_path, read_student

    card = read_student(student)
    engines = {
        part: HfEngine(hf_model(part_path(student, card, part), batch, device)) for part in SOCRATIC.parts
    }
    decoding = Decoding(max_new_tokens=BUDGET)
    return lambda: [row[0].response for row in SOCRATIC.solve(asked, engines, decoding)]


def compare(
    title: str,
    student: Path,
    asked: Sequence[str],
    rival: Callable[[Path, Sequence[str], int, str], Callable[[], list[str]]],
    rounds: int,
    target: float,
    device: str,
) -> None:
    """Print one comparison."""
    trial: dict[int, float] = {}
    for batch in BATCHES:
        candidate = Contender(rival, student, asked, batch, device)
        trial[batch] = candidate.run().seconds
        candidate.stop()
    best = min(trial, key=lambda batch: trial[batch])
    print(f"\n{title}: {len(asked)} items, {rounds} rounds")
    print("  hf by batch size: " + ", ".join(f"{b}: {len(asked) / s:.1f}/s" for b, s in trial.items()))
    mine, theirs = Contender(ours, student, asked, device), Contender(rival, student, asked, best, device)
    mine.run(), theirs.run()  # warm
    pairs = [(mine.run(), theirs.run()) for _ in range(rounds)]
    mine.stop(), theirs.stop()
    middle = statistics.median
    print(f"  smallsteps      {len(asked) / middle(a.seconds for a, _ in pairs):8.1f} items/s")
    print(f"  hf, batch {best:<4}  {len(asked) / middle(b.seconds for _, b in pairs):8.1f} items/s")
    for name, found in (
        ("ratio", [b.seconds / a.seconds for a, b in pairs]),
        ("of cpu time", [b.processor / a.processor for a, b in pairs]),
    ):
        print(
            f"  {name:<15} {middle(found):8.2f}   ({min(found):.2f} to {max(found):.2f}; target {target:g})"
        )
    a, b = pairs[-1]
    print(f"  same text       {sum(x == y for x, y in zip(a.result, b.result, strict=True))} of {len(asked)}")


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("student", type=Path)
    parser.add_argument("--pair", type=Path)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--benchmark", default="micro_problems", help="where the items are from")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    import torch

    print(f"{options.device}, {torch.get_num_threads()} thread(s)")
    asked = questions(options.items, options.benchmark)
    compare("one model", options.student, asked, single, options.rounds, 3, options.device)
    if options.pair is not None:
        compare("Socratic pair", options.pair, asked, wrapped_pair, options.rounds, 5, options.device)


if __name__ == "__main__":
    main()
