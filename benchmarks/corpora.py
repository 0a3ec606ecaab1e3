"""Importing, verifying and filtering 100,000 rationales: seconds, memory, and the ratio to a plain script.

    OMP_NUM_THREADS=1 SMALLSTEPS_DATA=... python benchmarks/corpora.py [--rationales N] [--filter diversity]

The rationales are the stored ones of the data folder (MCC-KD, LLM-Adapters, MATH pre-algebra, divergent CoT),
each question in as many variants as needed. Ours: file into the SQLite store, back out, verification by the
answer extractor, step counting, filter, quality report. The peer does what collectors usually do: read the
JSONL, take the last number with one regular expression, keep equal ones, keep k at random; nothing is stored,
nothing is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from smallsteps.corpora import Store, collect, plan, select, stored_samples
from smallsteps.corpora.quality import measure
from smallsteps.files import write_jsonl
from smallsteps.problems import AnswerKind, Problem
from smallsteps.problems.loading import normalised
from smallsteps.teachers import FileTeacher, Sampling, read_rationales
from smallsteps.teachers.prompting import Template

SOURCES = (
    "mcc_kd_svamp_train.jsonl.gz",
    "llm_adapters_math_train.jsonl.gz",
    "math_prealgebra_gpt35_8samples.jsonl.gz",
    "divergent_cot_gpt35/svamp.jsonl.gz",
)


def rows(data: Path, wanted: int) -> Iterator[dict[str, str]]:
    """Real rationales, the questions numbered anew in each round."""
    items = [item for name in SOURCES for item in read_rationales(data / "teacher" / name)]
    for number in range(wanted):
        round_, place = divmod(number, len(items))
        item = items[place]
        gold = (item.gold or str(item.extra.get("answer", ""))).split("\\boxed{")[-1].split("}")[0]
        yield {"question": f"{item.question} (variant {round_})", "text": item.text, "answer": gold}


def ours(path: Path, folder: Path, name: str, k: int) -> tuple[int, dict[str, float]]:
    """Kept rationales and seconds by stage."""
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    teacher = FileTeacher(path, "plain")
    problems = [
        Problem(str(i), group[0].question, group[0].gold or "", AnswerKind.NUMBER)
        for i, group in enumerate(teacher._by_question.values())
    ]
    most = max(len(teacher.found(problem)) for problem in problems)
    requests = plan(teacher.name, problems, Template("question", "{{ question }}"), Sampling(), most)
    with Store(folder / "store.sqlite", durable=False) as store:
        collect(teacher, requests, store)
        seconds["import"], start = time.perf_counter() - start, time.perf_counter()
        samples = stored_samples(store, requests)
    seconds["read back"], start = time.perf_counter() - start, time.perf_counter()
    found = select(problems, samples, samples_per_problem=most, per_problem=k, filtering=name)  # type: ignore[arg-type]
    seconds["verify and filter"], start = time.perf_counter() - start, time.perf_counter()
    measure(problems, samples, found)
    seconds["report"] = time.perf_counter() - start
    return len(found.rationales), seconds


def peer(path: Path, k: int) -> int:
    """Kept rationales of the plain script."""
    groups: dict[str, list[str]] = defaultdict(list)
    with path.open() as file:
        for line in file:
            row = json.loads(line)
            numbers = re.findall(r"-?[$0-9.,]{2,}|-?[0-9]+", row["text"])
            if numbers and numbers[-1].strip("$.,").replace(",", "") == row["answer"]:
                groups[normalised(row["question"])].append(row["text"])
    return sum(len(random.sample(group, min(k, len(group)))) for group in groups.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rationales", type=int, default=100_000)
    parser.add_argument("--filter", default="diversity")
    parser.add_argument("--per-problem", type=int, default=3)
    options = parser.parse_args()
    data = Path(os.environ["SMALLSTEPS_DATA"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jsonl(folder / "r.jsonl", rows(data, options.rationales))
        cpu, wall = time.process_time(), time.perf_counter()
        kept, seconds = ours(folder / "r.jsonl", folder, options.filter, options.per_problem)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        peer_cpu = time.process_time()
        plain = peer(folder / "r.jsonl", options.per_problem)
        peer_cpu = time.process_time() - peer_cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items())
    print(f"{options.rationales} rationales, {kept} kept by {options.filter} (plain script: {plain})")
    print(f"wall {wall:.1f} s ({stages}); CPU {cpu:.1f} s; peak {memory:.0f} MiB")
    print(f"CPU ratio to the plain script ({peer_cpu:.1f} s): {cpu / peer_cpu:.1f}")


if __name__ == "__main__":
    main()
