"""The tables of docs/corpora.md: what is kept and dropped of stored rationales, by every filter.

SMALLSTEPS_DATA=... python benchmarks/corpus_quality.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from smallsteps.corpora import Store, collect, plan, select, stored_samples
from smallsteps.corpora.quality import measure
from smallsteps.problems import AnswerKind, Problem, load_problems
from smallsteps.problems.loading import normalised
from smallsteps.teachers import FileTeacher, Sample, Sampling
from smallsteps.teachers.prompting import Template

FILES = (
    ("MCC-KD SVAMP", "mcc_kd_svamp_train.jsonl.gz"),
    ("divergent CoT SVAMP", "divergent_cot_gpt35/svamp.jsonl.gz"),
    ("MATH pre-algebra, 8 samples", "math_prealgebra_gpt35_8samples.jsonl.gz"),
    ("LLM-Adapters", "llm_adapters_math_train.jsonl.gz"),
    ("Codex GSM8K with log-probabilities", "codex_gsm8k_train_logprobs.jsonl.gz"),
)


def loaded(path: Path, data: Path, folder: Path) -> tuple[list[Problem], dict[str, list[Sample]], int]:
    """The file's own problems (gold answers of GSM8K from the benchmark), its samples, most per problem."""
    teacher = FileTeacher(path)
    problems = []
    if teacher.layout == "codex_logprobs":
        problems = [p for p in load_problems("gsm8k", "train", data) if teacher.found(p)]
    svamp = {
        normalised(p.question): p.answer
        for s in ("train", "dev", "test")
        for p in load_problems("svamp", s, data)
    }
    for group in teacher._by_question.values():
        first = group[0]
        gold = svamp.get(normalised(first.question)) or (first.gold or "").split("\\boxed{")[-1].split("}")[0]
        problems.append(Problem(first.row, first.question, gold, AnswerKind.NUMBER))
    problems = list({p.id: p for p in problems}.values())
    most = max(len(teacher.found(problem)) for problem in problems)
    requests = plan(teacher.name, problems, Template("question", "{{ question }}"), Sampling(), most)
    with Store(folder / path.name, durable=False) as store:
        collect(teacher, requests, store)
        return problems, stored_samples(store, requests), most


def main() -> None:
    data = Path(os.environ["SMALLSTEPS_DATA"])
    print(
        "| file | problems | samples | right | wrong | unparsed | disputed | budget | random | diversity |",
        end="",
    )
    print(" open-endedness | likelihood |\n|---|" + "---|" * 11)
    with tempfile.TemporaryDirectory() as folder:
        for title, name in FILES:
            problems, samples, most = loaded(data / "teacher" / name, data, Path(folder))
            k = min(3, most)
            cells = []
            for filtering in ("random", "diversity", "open_endedness", "likelihood"):
                if filtering == "likelihood" and not next(iter(samples.values()))[0].tokens:
                    cells.append("–")
                    continue
                found = select(
                    problems, samples, samples_per_problem=most, per_problem=k, filtering=filtering
                )  # type: ignore[arg-type]
                cells.append(str(len(found.rationales)))
                if filtering == "random":
                    quality = measure(problems, samples, found)
            disputed = sum(map(len, quality.disputed.values()))
            print(
                f"| {title} | {quality.problems} | {quality.samples} | {quality.right} | {quality.wrong} "
                f"| {quality.unparsed} | {disputed} | {k} | " + " | ".join(cells) + " |"
            )


if __name__ == "__main__":
    main()
