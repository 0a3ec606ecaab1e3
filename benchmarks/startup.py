"""Seconds until something is seen: help, `tasks ls`, and the first token of a run, against stock lm-eval.

    OMP_NUM_THREADS=1 python benchmarks/startup.py [--student DIR] [--task NAME] [--rounds 5] [--no-peer]

Every figure is of fresh processes, median with range, in wall seconds and in processor seconds of the process
and its children; the commands take turns within each round, so that whatever else the machine does falls on
all of them. On a machine with other work, trust the processor seconds. The first token is the end of the
first forward of a whole language model; the process is left there. The peer is lm-eval's own command line
with its own `hf` model on the same student and task, which indexes its own tasks first.
"imports alone" is the part of it that torch, lm-eval and transformers take before anybody uses them.
The default task is made by rule and needs no data; `--task smallsteps_gsm8k` reads SMALLSTEPS_DATA.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IMPORTS = (  # what any run of a Llama through lm-eval and transformers imports, and nothing of ours
    "import gc, os; gc.disable(); import torch, lm_eval.evaluator, transformers.models.llama.modeling_llama; "
    "os._exit(0)"
)
HEADS = ("ForCausalLM", "ForConditionalGeneration")
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Command:
    """One row: what is run, its goal in wall seconds, and (wall, processor) seconds of each round."""

    name: str
    arguments: list[str]
    goal: float | None = None
    seconds: list[tuple[float, float]] = field(default_factory=list)


def until_first_token(arguments: list[str]) -> None:
    """Run `smallsteps ...` or `lm-eval ...` in this process, and leave it after the first forward."""
    import torch

    def leave(module: object, *_: object) -> None:
        if type(module).__name__.endswith(HEADS):
            os._exit(0)

    torch.nn.modules.module.register_module_forward_hook(leave)
    sys.argv = arguments
    if arguments[0] == "smallsteps":
        from smallsteps.cli import main
        from smallsteps.engines.fast.llama import LlamaForward

        forward = LlamaForward.__call__

        def once(*given: Any, **named: Any) -> None:  # a Llama read straight from its files is no module
            forward(*given, **named)
            os._exit(0)

        setattr(LlamaForward, "__call__", once)  # noqa: B010
        main(arguments[1:])
    else:
        from lm_eval.__main__ import cli_evaluate

        cli_evaluate()


def measure(command: Command) -> None:
    """One fresh process; its seconds are added to the row."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command.arguments, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command.name}: exit {done.returncode}\n{done.stderr[-2000:]}")
    command.seconds.append((wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime))


def commands(student: str, task: str, scratch: Path, peer: bool) -> list[Command]:
    """The rows of the table; the peer is the last one."""
    verbs = importlib.import_module("smallsteps.cli.main").VERBS
    cli = [sys.executable, "-m", "smallsteps"]
    rows = [Command("smallsteps --help", [*cli, "--help"], 0.3)]
    rows += [Command(f"{verb} --help", [*cli, verb, "--help"], 0.3) for verb in verbs]
    rows.append(Command("tasks ls", [*cli, "tasks", "ls"], 1.0))
    first = [sys.executable, __file__, "--until-first-token"]
    asked = ["--tasks", task, "--limit", "1"]
    ours = [*first, "smallsteps", "eval", student, *asked, "--out", str(scratch / "run")]
    bridge = ["run", "--model", "smallsteps", "--model_args", f"student={student}", *asked]
    stock = ["run", "--model", "hf", "--model_args", f"pretrained={student}", "--device", "cpu", *asked]
    rows.append(Command("first token: eval", ours, 3.0))
    rows.append(Command("first token: smallsteps lm-eval", [*first, "smallsteps", "lm-eval", *bridge], 3.0))
    rows.append(Command("imports alone", [sys.executable, "-c", IMPORTS]))
    if peer:
        tasks = ["--include_path", str(ROOT / "tasks")]
        rows.append(Command("first token: stock lm-eval hf", [*first, "lm-eval", *stock, *tasks]))
    return rows


def table(rows: list[Command], peer: bool) -> str:
    """Markdown: medians, ranges, goals, and how many times faster than the peer the wall clock is."""
    lines = [
        "| command | wall s (range) | processor s | goal s | met | peer / this |",
        "|---|---|---|---|---|---|",
    ]
    reference = statistics.median(wall for wall, _ in rows[-1].seconds) if peer else None
    for row in rows:
        walls = [wall for wall, _ in row.seconds]
        wall = statistics.median(walls)
        busy = statistics.median(busy for _, busy in row.seconds)
        ratio = f"{reference / wall:.1f}" if reference and row.name.startswith("first") else ""
        met = "" if row.goal is None else "yes" if wall < row.goal else "no"
        goal = "" if row.goal is None else f"{row.goal}"
        spread = f"{min(walls):.2f} to {max(walls):.2f}"
        lines.append(f"| {row.name} | {wall:.2f} ({spread}) | {busy:.2f} | {goal} | {met} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    if "--until-first-token" in sys.argv[:2]:
        until_first_token(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--student", default=str(ROOT / "baselines/micro/base"))
    parser.add_argument("--task", default="smallsteps_micro_problems")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = commands(options.student, options.task, Path(scratch), not options.no_peer)
        for _ in range(options.rounds):
            for row in rows:
                measure(row)
    print(
        f"{options.task}, {options.rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
    )
    print(table(rows, not options.no_peer))


if __name__ == "__main__":
    main()
