"""Write docs/real-comparisons.md from published model outputs.

    python benchmarks/real_comparisons.py [DATA]

DATA is the offline data directory (default: $SMALLSTEPS_DATA). The same data give the same bytes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.model import Report
from smallsteps.files import read_jsonl, write_atomic
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.compare import layout, words

PAGE = Path(__file__).resolve().parents[1] / "docs" / "real-comparisons.md"
FINAL = re.compile(r"final answer:\s*\$?\s*(-?[\d,]*\.?\d+)", re.IGNORECASE)
STATED = re.compile(r"the answer is (.*?)\.?\s*$", re.MULTILINE)


def rows(path: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    for _, row in read_jsonl(path):
        yield row


def outcome(student: str, task: str, item: object, right: bool, cluster: str | None = None) -> Outcome:
    return Outcome(student=student, task=task, item=str(item), score=float(right), cluster=cluster)


def example_solutions(data: Path) -> Iterator[Outcome]:
    for index, row in enumerate(rows(data / "gsm8k/example_model_solutions.jsonl.gz")):
        for student in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            yield outcome(student, "gsm8k", f"{index:04d}", row[student]["is_correct"])


def abel(data: Path) -> Iterator[Outcome]:
    for size in ("7b", "13b", "70b"):
        for row in rows(data / f"teacher/abel_gsm8k/{size}.jsonl.gz"):
            yield outcome(f"abel-{size}", "gsm8k", row["id"], bool(row["result"]))


def sub_questions(data: Path) -> Iterator[Outcome]:
    names = {"chat": "ChatGPT", "finetune": "BC", "filtered_bc": "filtered BC", "iql": "ILQL"}
    sizes = {"": "GPT-2", "dist": "DistilGPT-2", "medium": "GPT-2 medium"}
    for row in rows(data / "teacher/gsm8k_ai_subq/student_eval_responses.jsonl.gz"):
        questioner = row["questioner"]
        sparse = questioner.endswith("_sparse")
        stem = questioner.removesuffix("_sparse")
        method = next(m for m in ("filtered_bc", "finetune", "iql", "chat") if stem.startswith(m))
        size = sizes[stem.removeprefix(method).removeprefix("_")] if method != "chat" else ""
        name = " ".join(part for part in (names[method], "sparse" if sparse else "", size) if part)
        student = f"{name} + {row['answerer']}"
        found = FINAL.findall(row["answers"] or "")
        right = bool(found) and abs(float(found[-1].replace(",", "")) - float(row["gold"])) < 1e-6
        yield outcome(student, "gsm8k", f"{row['index']:04d}", right)


def bbh(data: Path) -> Iterator[Outcome]:
    for mode, student in (("cot", "CoT"), ("direct", "answer only")):
        for row in rows(data / f"teacher/bbh_code-davinci-002_{mode}.jsonl.gz"):
            text = row["prediction"]
            if mode == "cot":
                stated = STATED.search(text)
                text = stated.group(1) if stated else ""
            right = text.strip() == row["target"].strip()
            # indices start anew in every subtask: equal ones are not the same item
            yield outcome(student, f"bbh_{row['task']}", f"{row['task']}-{row['index']:04d}", right)


def zero_shot(data: Path) -> Iterator[Outcome]:
    for path in sorted((data / "teacher/zero_shot_cot_instructgpt").glob("*.jsonl.gz")):
        seen: dict[tuple[str, str], int] = {}
        for row in rows(path):
            question = row["question"]
            key = (row["method"], question)
            seen[key] = seen.get(key, 0) + 1
            # some sets hold a question more than once: copies are one cluster, not new evidence
            item = f"{question}#{seen[key]}"
            student = "zero-shot CoT" if row["method"] == "zero_shot_cot" else "zero-shot"
            yield outcome(student, path.name.removesuffix(".jsonl.gz"), item, row["correct_logged"], question)


def report(outcomes: Iterable[Outcome], question: Question) -> Report:
    return build(OutcomeTable.of(outcomes), question)


def section(title: str, intro: str, found: Report, *, every: bool = True) -> str:
    blocks = [
        f"## {title}",
        intro,
        layout.markdown_table(layout.row_header(found), map(layout.cells, found.rows)),
    ]
    if every:
        blocks.append("\n".join(f"- {' '.join(words.sentences(row))}" for row in found.rows))
    blocks += [words.across_sentence(across) for across in found.across]
    for board in found.boards:
        blocks += [
            words.board_sentence(board),
            layout.markdown_table(layout.board_header(found), layout.board_cells(board)),
        ]
    return "\n\n".join(blocks)


def board_only(title: str, intro: str, found: Report) -> str:
    blocks = [f"## {title}", intro]
    for board in found.boards:
        blocks += [
            words.board_sentence(board),
            layout.markdown_table(layout.board_header(found), layout.board_cells(board)),
        ]
    return "\n\n".join(blocks)


QUESTIONERS = [
    "BC GPT-2 medium + chatgpt",
    "BC DistilGPT-2 + chatgpt",
    "filtered BC GPT-2 medium + chatgpt",
    "filtered BC DistilGPT-2 + chatgpt",
    "ChatGPT + chatgpt",
]


def main() -> None:
    """Read, compare, write."""
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SMALLSTEPS_DATA")
    if not named:
        sys.exit("give the data directory, or set SMALLSTEPS_DATA")
    data = Path(named)
    subq = list(sub_questions(data))
    questioners = tuple(name for name in QUESTIONERS)
    parts = [
        "# Real comparisons",
        "Published model outputs, read as `smallsteps compare` reads them. Every model is one checkpoint, so "
        "nothing here is a claim about training methods. Made by `python benchmarks/real_comparisons.py`. "
        "Differences are first minus second in accuracy points, with 95 % intervals that are not adjusted; "
        "adjusted p-values are Holm's over all tests of a section.",
        section(
            "The four GSM8K models of the example solutions",
            "GPT-3 of 6B and 175B parameters, fine-tuned, with and without a verifier (Cobbe et al. 2021): "
            "all six pairs on the 1319 test items.",
            report(example_solutions(data), Question()),
        ),
        section(
            "Abel 7B, 13B and 70B on GSM8K",
            "Three sizes of one recipe; correctness as published with the outputs.",
            report(abel(data), Question()),
        ),
        section(
            "Sub-questions from distilled questioners: the questions asked beforehand",
            "A small model asks sub-questions, ChatGPT answers them (GSM8K-AI-SubQ). Does a distilled GPT-2 "
            "medium questioner differ from DistilGPT-2? From ChatGPT? Correction: Holm over the ten pairs "
            "of these five. It does differ from both, with either way of training (BC: behaviour cloning).",
            report(subq, Question(students=questioners)),
        ),
        board_only(
            "All sixteen questioner and answerer pairs",
            "Ranks and letters from exact McNemar over all 120 pairs, Holm.",
            report(subq, Question()),
        ),
        section(
            "Codex on BBH: chain of thought against answers only",
            "code-davinci-002, few-shot, 6511 items in 27 subtasks of 23 families. Two readings: on BBH "
            "itself, subtasks are fixed and items vary; for the ability that BBH samples, families vary.",
            report(bbh(data), Question()),
        ),
        section(
            "InstructGPT: zero-shot CoT against zero-shot on nine tasks",
            "Correctness as the published runs logged it (Kojima et al. 2022): an answer in the wrong format "
            "counts as wrong, which is part of the very low zero-shot scores. Questions held more than once "
            "are one cluster. On how many tasks is it better?",
            report(zero_shot(data), Question(students=("zero-shot CoT", "zero-shot"))),
        ),
    ]
    write_atomic(PAGE, "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
