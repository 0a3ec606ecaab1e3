"""Log-likelihoods of one task's options: our lm-eval model against lm-eval's own `hf` model.

    OMP_NUM_THREADS=1 python benchmarks/likelihood.py MODEL [--task smallsteps_micro_generic_likelihood]
        [--items 500] [--batches 1 64] [--rounds 2]

Both compute in float32 on the CPU, in one process and in turns; models are loaded before the clock starts,
and tokenization is part of the time. Ratios are of processor time, which other work on the
machine changes little.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")


def requests_of(task: str, items: int) -> list[Any]:
    """lm-eval's own requests for the first items of a task."""
    from smallsteps.evaluation.manager import quietly, task_manager

    with quietly():
        data = os.environ.get("SMALLSTEPS_DATA")
        loaded = task_manager(Path(data) if data else None, (), [task]).load([task])["tasks"][task]
        loaded.build_all_requests(limit=items)
    requests: list[Any] = loaded.instances
    return requests


def timed(model: Any, requests: list[Any], **options: Any) -> tuple[float, list[float]]:
    """Processor seconds, and the sum of each request."""
    start = time.process_time()
    answers = model.loglikelihood(requests, **options)
    return time.process_time() - start, [float(value) for value, _ in answers]


def main() -> None:
    """Print seconds, ratios and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--task", default="smallsteps_micro_generic_likelihood")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=2)
    wish = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    from smallsteps.evaluation.model import SmallstepsLM

    requests = requests_of(wish.task, wish.items)
    ours = SmallstepsLM(student=wish.model, dtype="float32", device="cpu")
    timed(ours, requests[:64])  # loads the model
    print(f"{wish.task}: {wish.items} items, {len(requests)} requests")
    for batch in wish.batches:
        theirs = HFLM(pretrained=wish.model, dtype="float32", device="cpu", batch_size=batch)
        for _ in range(wish.rounds):
            mine, sums = timed(ours, requests)
            other, expected = timed(theirs, requests, disable_tqdm=True)
            apart = max(abs(a - b) for a, b in zip(sums, expected, strict=True))
            print(
                f"hf at batch size {batch}: {other:.2f} s, ours {mine:.2f} s, ratio {other / mine:.1f}, "
                f"largest difference {apart:.1e}"
            )


if __name__ == "__main__":
    main()
