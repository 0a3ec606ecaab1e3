"""Any lm-eval task or group of ours, few-shot generation or likelihood: our model against lm-eval's own `hf`.

    OMP_NUM_THREADS=1 python benchmarks/tasks.py MODEL TASK [--items 48] [--batches 16 48] [--rounds 1]
        [--dtype auto] [--plain shared] [--no-peer]

Requests are lm-eval's own, the first `--items` of each task of a group. Each contender has a process of its
own, and they take turns within each round: our model, our model without the pieces named by `--plain` (see
`SMALLSTEPS_PLAIN`), and `hf` at its best batch size, found in a round on the first requests that does not
count. Tokenization is part of the time, loading is not. Ratios are of processor time, which other work on
the machine changes less. With `--no-peer` ours alone is measured, and the time of all items of the task is
estimated: seconds a token (of beginnings once a run, of prompts behind them, and generated) times all tokens.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import Contender, Round

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TQDM_DISABLE", "1")
logging.disable(logging.WARNING)

Work = Callable[[], tuple[list[Any], dict[str, int]]]


def requests_of(name: str, items: int | None) -> dict[str, list[Any]]:
    """lm-eval's own requests for the first items of a task, or of each task of a group."""
    from smallsteps.evaluation.manager import quietly, task_manager

    data = os.environ.get("SMALLSTEPS_DATA")
    found = {}
    with quietly():
        for task, loaded in (
            task_manager(Path(data) if data else None, (), [name]).load([name])["tasks"].items()
        ):
            loaded.build_all_requests(limit=items)
            found[task] = list(loaded.instances)
    return found


def flat(requests: dict[str, list[Any]]) -> list[Any]:
    """All requests of all tasks."""
    return [request for rows in requests.values() for request in rows]


def ours(model: str, task: str, items: int, dtype: str) -> Work:
    """Our lm-eval model; answers and what the engine counted in this run."""
    from smallsteps.evaluation.model import SmallstepsLM

    requests = flat(requests_of(task, items))
    loaded = SmallstepsLM(student=model, dtype=dtype, device="cpu")
    engine: Any = loaded.system.engines[loaded.system.main]

    def run() -> tuple[list[Any], dict[str, int]]:
        before = engine.counts.generated, engine.counts.prefilled, engine.counts.reused
        answers: list[Any] = getattr(loaded, requests[0].request_type)(requests)
        after = engine.counts.generated, engine.counts.prefilled, engine.counts.reused
        spent = [now - then for now, then in zip(after, before, strict=True)]
        return answers, dict(zip(("generated", "prefilled", "reused"), spent, strict=True))

    return run


def hf(model: str, task: str, items: int, dtype: str, batch: int, count: int | None = None) -> Work:
    """lm-eval's own model on the first `count` requests, None for all."""
    from lm_eval.models.huggingface import HFLM

    requests = flat(requests_of(task, items))[:count]
    loaded = HFLM(pretrained=model, batch_size=batch, device="cpu", dtype=dtype)
    return lambda: (getattr(loaded, requests[0].request_type)(requests, disable_tqdm=True), {})


def best_batch(options: argparse.Namespace) -> int:
    """The batch size at which `hf` is fastest on as many requests as the largest one has."""
    if len(options.batches) == 1:
        return int(options.batches[0])
    trial: dict[int, float] = {}
    for batch in options.batches:
        asked = options.model, options.task, options.items, options.dtype, batch, max(options.batches)
        candidate = Contender(hf, *asked)
        trial[batch] = candidate.run().processor
        candidate.stop()
    print("hf, processor seconds by batch size: " + ", ".join(f"{b}: {s:.1f}" for b, s in trial.items()))
    return min(trial, key=lambda batch: trial[batch])


def agreement(mine: list[Any], other: list[Any]) -> str:
    """How alike the answers are."""
    if isinstance(mine[0], str):
        return f"same text {sum(a == b for a, b in zip(mine, other, strict=True))} of {len(mine)}"
    apart = [abs(a[0] - b[0]) for a, b in zip(mine, other, strict=True)]
    return f"difference in nats, median {statistics.median(apart):.1e}, largest {max(apart):.1e}"


def show(name: str, rounds: list[Round], requests: int) -> None:
    """One contender."""
    used, wall = (
        statistics.median(found) for found in zip(*((r.processor, r.seconds) for r in rounds), strict=True)
    )
    print(
        f"  {name:<22} {used:8.1f} processor seconds ({wall:.1f} by the clock), {requests / used:.2f}"
        f" requests/s, peak {max(r.peak for r in rounds) / 1e9:.2f} GB"
    )


def estimate(options: argparse.Namespace, run: Round) -> None:
    """The time of all items, by tokens."""
    from smallsteps.engines.fast.sharing import runs
    from smallsteps.engines.loading import load_engine
    from smallsteps.engines.tokens import encode_prompts

    engine = load_engine(options.model, dtype=options.dtype, device="cpu")
    sample, whole = requests_of(options.task, options.items), requests_of(options.task, None)

    def read(requests: dict[str, list[Any]]) -> int:
        texts = [request.args[0] for request in flat(requests)]
        rows = encode_prompts(texts, engine.tokenizer, engine.context, 1, closed=False)
        return sum(len(row.ids) for row in rows) - sum(found.saved for found in runs(row.ids for row in rows))

    generated = run.result[1]["generated"] / len(flat(sample))
    tokens = [read(found) + generated * len(flat(found)) for found in (sample, whole)]
    rate = tokens[0] / run.processor
    print(
        f"  {generated:.1f} tokens generated a text; all {len(flat(whole)):,} requests: {tokens[1]:,.0f}"
        f" tokens at {rate:.0f} a processor second: {tokens[1] / rate / 60:.1f} minutes of one core"
    )


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("task")
    parser.add_argument("--items", type=int, default=48, help="of each task of a group")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 48])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--dtype", default="auto", help="of both; auto is bfloat16 where the processor has it"
    )
    parser.add_argument("--plain", help="pieces that a further contender of ours leaves out")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()

    from smallsteps.engines.numerics import resolve

    options.dtype = resolve(options.dtype, "cpu").dtype
    count = len(flat(requests_of(options.task, options.items)))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{options.task}: {count} requests, {options.dtype}, {threads} thread(s)")
    asked = options.model, options.task, options.items, options.dtype
    contenders = {"smallsteps": Contender(ours, *asked)}
    if options.plain:
        plain = {"SMALLSTEPS_PLAIN": options.plain}
        contenders[f"without {options.plain}"] = Contender(ours, *asked, environment=plain)
    if not options.no_peer:
        batch = best_batch(options)
        contenders[f"hf, batch {batch}"] = Contender(hf, *asked, batch)
    found: dict[str, list[Round]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, contender in contenders.items():
            found[name].append(contender.run())
    for contender in contenders.values():
        contender.stop()
    mine = found["smallsteps"]
    for name, rounds in found.items():
        show(name, rounds, count)
        if name != "smallsteps":
            ratios = [b.processor / a.processor for a, b in zip(mine, rounds, strict=True)]
            span = f"{min(ratios):.2f} to {max(ratios):.2f}"
            alike = agreement(mine[0].result[0], rounds[0].result[0])
            print(f"    {statistics.median(ratios):.2f} times our time ({span}), {alike}")
    if options.no_peer:
        estimate(options, mine[-1])


if __name__ == "__main__":
    main()
