"""What each hand-written piece of the engines brings: all pieces in use, against all but one.

    OMP_NUM_THREADS=1 python benchmarks/fast_paths.py MODEL [--items 200] [--tokens 64] [--rounds 3]
        [--pieces shared llama] [--benchmark micro_problems]

MODEL is a model folder, or a student directory of one part. Three kinds of work: `answers` to the first test
questions of a benchmark; `examples`, the same behind eight solved ones; `dialogue`, three turns on each
question. A process forked for each variant loads the model; the two take turns, after a round that does not
count except for `shapes`, whose kernels are made in the first. Figures are ratios of
processor time, without the piece over with it, medians with their range. `files` is measured by the seconds
in which a fresh process imports and loads. The pieces are named in `smallsteps.engines.fast.switches`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import Contender, Round

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SHOTS = 8
WORK = {  # what a piece may matter for
    "shared": ("examples",),
    "remembered": ("dialogue",),
    "joins": ("answers",),
    "llama": ("answers", "examples"),
    "attention": ("answers", "examples"),
    "shapes": ("answers",),
}
LOAD = (
    "from smallsteps.engines.loading import load_engine; import sys; load_engine(sys.argv[1], device='cpu')"
)


def texts_of(benchmark: str, items: int) -> tuple[list[str], str]:
    """Questions as prompts, and eight solved ones as one text."""
    from smallsteps.problems import data_directory, load_problems

    problems = load_problems(benchmark, "test", data_directory())
    solved = problems[-SHOTS:]
    shown = "".join(f"Q: {problem.question}\nA: {problem.answer}\n\n" for problem in solved)
    return [f"Q: {problem.question}\nA:" for problem in problems[:items]], shown


def work(
    model: str, kind: str, prompts: list[str], shots: str, tokens: int, rows: int | None
) -> Callable[[], list[str]]:
    """One kind of work on a loaded model, with `rows` side by side."""
    from smallsteps.engines import Decoding
    from smallsteps.engines.loading import load_engine

    engine = load_engine(model, device="cpu", remember=kind == "dialogue", batch_size=rows)
    decoding = Decoding(max_new_tokens=tokens)

    def answers() -> list[str]:
        begin = shots if kind == "examples" else ""
        return [row[0].text for row in engine.generate([begin + prompt for prompt in prompts], decoding)]

    def dialogue() -> list[str]:
        engine.forget()
        said = list(prompts)
        for turn in ("Why?", "What is left?", "So?"):
            replies = engine.generate([f"{text}\n{turn}\n" for text in said], decoding)
            said = [f"{text}\n{turn}\n{row[0].text}" for text, row in zip(said, replies, strict=True)]
        return said

    return dialogue if kind == "dialogue" else answers


def in_turns(given: tuple[Any, ...], piece: str, rounds: int) -> list[tuple[Round, Round]]:
    """Rounds with every piece in use, and with all but this one."""
    found = []
    cold = piece == "shapes"  # kernels are made at the first run of a process
    for _ in range(rounds if cold else 1):
        usual, plain = (
            Contender(*given, environment={"SMALLSTEPS_PLAIN": left_out}, start="fork")
            for left_out in ("", piece)
        )
        if not cold:
            usual.run(), plain.run()  # warm
        found += [(usual.run(), plain.run()) for _ in range(1 if cold else rounds)]
        usual.stop(), plain.stop()
    return found


def loading(model: str, plain: str) -> float:
    """Processor seconds of a fresh process that loads the model."""
    before = os.times()
    environment = {**os.environ, "SMALLSTEPS_PLAIN": plain}
    subprocess.run([sys.executable, "-c", LOAD, model], check=True, env=environment, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def show(piece: str, kind: str, pairs: list[tuple[float, float]], unit: str = "") -> None:
    """One row of the table."""
    ratios = [without / used for used, without in pairs]
    used, without = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{piece:<11} {kind:<9} {used:7.2f} s, without {without:7.2f} s: {statistics.median(ratios):.2f} x "
        f"({min(ratios):.2f} to {max(ratios):.2f}){unit}",
        flush=True,
    )


def main() -> None:
    """Measure piece after piece."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--benchmark", default="micro_problems")
    parser.add_argument("--pieces", nargs="+", default=[*WORK, "files"])
    options = parser.parse_args()

    import transformers.models.llama.modeling_llama  # noqa: F401  (before the fork, for all)

    from smallsteps.students import part_path, read_student

    folder = options.model
    model = str(folder)
    if (folder / "student.json").exists():
        model = part_path(folder, read_student(folder), "model")
    prompts, shots = texts_of(options.benchmark, options.items)
    print(
        f"{folder.name}: {options.items} items of {options.benchmark}, {options.tokens} tokens each at most"
    )
    for piece in options.pieces:
        if piece == "files":
            show(
                piece, "loading", [(loading(model, ""), loading(model, piece)) for _ in range(options.rounds)]
            )
            continue
        for kind in WORK[piece]:
            rows = max(4, len(prompts) // 4) if piece == "joins" else None  # else nobody waits
            given = work, model, kind, prompts, shots, options.tokens, rows
            began = time.perf_counter()
            rounds = in_turns(given, piece, options.rounds)
            same = sum(a == b for a, b in zip(rounds[-1][0].result, rounds[-1][1].result, strict=True))
            note = f", same text {same} of {len(prompts)}, {time.perf_counter() - began:.0f} s by the clock"
            show(piece, kind, [(a.processor, b.processor) for a, b in rounds], note)


if __name__ == "__main__":
    main()
