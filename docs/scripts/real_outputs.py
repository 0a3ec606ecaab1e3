"""Real model outputs of the offline data directory, with their published verdicts, as one stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.files import read_jsonl
from smallsteps.problems import AnswerKind

NUMBER, CHOICE, BOOLEAN, TEXT, SPAN = (
    AnswerKind.NUMBER, AnswerKind.CHOICE, AnswerKind.BOOLEAN, AnswerKind.TEXT, AnswerKind.SPAN,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Output:
    """One response of a published run.

    Attributes:
        source: data file family.
        run: model or setting inside it.
        id: row (and part) inside the run.
        response: what the model wrote.
        gold: gold answer.
        kind: answer kind.
        flag: the published verdict the flexible rule is compared with; None when there is none.
        rule: compatibility rule that must reproduce `rule_flag`.
        rule_text: the text that rule reads (some publish only the part behind their extraction prompt).
        rule_flag: verdict of the published scorer, where it differs in meaning from `flag`.
        cover: published verdict of "the gold answer occurs in the text", where there is one.
        judge: published opinion of a model, where there is one.
        choices: option texts.
        aliases: further gold answers.
    """

    source: str
    run: str
    id: str
    response: str
    gold: str
    kind: AnswerKind
    flag: bool | None
    rule: str | None = None
    rule_text: str | None = None
    rule_flag: bool | None = None
    cover: bool | None = None
    judge: bool | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def rows(path: Path) -> Iterator[dict[str, Any]]:
    for _, row in read_jsonl(path):
        yield row


def gsm8k_examples(data: Path) -> Iterator[Output]:
    """Four GPT-3 models of Cobbe et al.; the flag is theirs."""
    for index, row in enumerate(rows(data / "gsm8k/example_model_solutions.jsonl.gz")):
        gold = row["ground_truth"].rpartition("A:")[2].strip()
        for run in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            text, flag = row[run]["solution"], row[run]["is_correct"]
            yield Output(
                "GSM8K examples", run, str(index), text, gold, NUMBER, flag, "gsm8k/examples", None, flag
            )


def abel(data: Path) -> Iterator[Output]:
    """Abel 7b, 13b, 70b; the flag is theirs."""
    for run in ("7b", "13b", "70b"):
        for row in rows(data / f"teacher/abel_gsm8k/{run}.jsonl.gz"):
            text, flag = row["response"], row["result"]
            yield Output("Abel", run, str(row["id"]), text, row["gold"], NUMBER, flag, "abel", rule_flag=flag)


LOGS: dict[str, tuple[AnswerKind, str]] = {
    "gsm8k": (NUMBER, "number"),
    "multiarith": (NUMBER, "number"),
    "svamp": (NUMBER, "number"),
    "aqua": (CHOICE, "choice_of_five"),
    "commonsensqa": (CHOICE, "choice_of_five"),
    "shuffled_objects": (CHOICE, "choice_of_three"),
    "coin_flip": (BOOLEAN, "yes_no"),
    "strategyqa": (BOOLEAN, "yes_no"),
    "last_letters": (TEXT, "letters"),
}


def zero_shot_logs(data: Path) -> Iterator[Output]:
    """InstructGPT with and without "Let's think step by step"; numeric flag and the log's own."""
    for name, (kind, rule) in LOGS.items():
        for row in rows(data / f"teacher/zero_shot_cot_instructgpt/{name}.jsonl.gz"):
            listed = row["question"].rpartition("Answer Choices:")[2]
            choices = (
                tuple(text.strip() for text in re.split(r"\([A-E]\)", listed)[1:]) if kind is CHOICE else ()
            )
            yield Output(
                source="Zero-shot logs",
                run=f"{name} {row['method']}",
                id=str(row["order"]),
                response=row["completion"],
                gold=row["gold"],
                kind=kind,
                flag=row["correct"],
                rule=f"zero_shot_cot/{rule}",
                rule_text=row["pred_before"],
                rule_flag=row["correct_logged"],
                choices=choices,
            )


def sub_questions(data: Path) -> Iterator[Output]:
    """GSM8K-AI-SubQ: sixteen pairs of questioner and answerer; the flag is the rule of the data's README."""
    for row in rows(data / "teacher/gsm8k_ai_subq/student_eval_responses.jsonl.gz"):
        run = f"{row['answerer']} {row['questioner']}"
        text, gold = row["answers"] or "", str(row["gold"])
        yield Output("GSM8K-AI-SubQ", run, str(row["index"]), text, gold, NUMBER, None, "gsm8k_ai_subq")


def program_of_thoughts(data: Path) -> Iterator[Output]:
    """What the generated programs printed, and GPT-4's rationales on AQuA."""
    folder = data / "teacher/program_of_thoughts"
    for run in ("gsm8k_few_shot", "gsm8k_zero_shot", "svamp_few_shot", "svamp_zero_shot"):
        for index, row in enumerate(rows(folder / f"{run}.jsonl.gz")):
            printed = row["executed"]
            flag = isinstance(printed, float) and abs(printed - row["answer"]) < 1e-3
            text = "" if printed is None else str(printed)
            yield Output("Program of thoughts", run, str(index), text, str(row["answer"]), NUMBER, flag)
    for run, field, name in (
        ("aqua_sc", "prediction", "aqua_sc.jsonl.gz"),
        ("aqua_gpt4_cot", "rationale", ""),
    ):
        for index, row in enumerate(rows(folder / (name or f"{run}.jsonl"))):
            flag = row["prediction"] == row["answer"] if "prediction" in row else None
            choices = tuple(option[2:] for option in row["options"])
            yield Output(
                "Program of thoughts",
                run,
                str(index),
                str(row[field]),
                row["answer"],
                CHOICE,
                flag,
                choices=choices,
            )


def bamboogle(data: Path) -> Iterator[Output]:
    """Three OpenAI models, eight prompts; the flag is the published exact match."""
    for row in rows(data / "teacher/bamboogle_openai_outputs.jsonl.gz"):
        for part in ("",) if "returned" in row else ("Q1_", "Q2_"):
            golds = row[f"{part}gt"] if part else [row["answer"]]
            yield Output(
                source="Bamboogle",
                run=f"{row['model']} {row['method']}",
                id=f"{row['index']} {part.strip('_')}".strip(),
                response=row[f"{part}returned"],
                gold=golds[0],
                kind=SPAN,
                flag=row[f"{part}is_right_EM"],
                cover=row[f"{part}is_right_CEM"],
                judge=row[f"{part}is_right_GPT_opinion"],
                aliases=tuple(golds[1:]),
            )


BBH_KINDS: dict[str, AnswerKind] = {
    "boolean_expressions": BOOLEAN, "causal_judgement": BOOLEAN, "navigate": BOOLEAN, "web_of_lies": BOOLEAN,
    "sports_understanding": BOOLEAN, "formal_fallacies": BOOLEAN, "multistep_arithmetic_two": NUMBER,
    "object_counting": NUMBER, "dyck_languages": TEXT, "word_sorting": TEXT,
}  # fmt: skip


def bbh(data: Path) -> Iterator[Output]:
    """code-davinci-002 on BBH; the flag is the published rule."""
    for mode in ("cot", "direct"):
        for row in rows(data / f"teacher/bbh_code-davinci-002_{mode}.jsonl.gz"):
            kind = BBH_KINDS.get(row["task"], CHOICE)
            listed = re.findall(r"^\([A-Z]\) (.*)$", row["input"], re.MULTILINE)
            yield Output(
                source="BBH",
                run=f"{mode} {row['task']}",
                id=str(row["index"]),
                response=row["prediction"],
                gold=row["target"],
                kind=kind,
                flag=None,
                rule=f"bbh/{mode}",
                choices=tuple(listed) if kind is CHOICE else (),
            )


def all_outputs(data: Path) -> Iterator[Output]:
    """Every output of every source, in a fixed order."""
    for source in (gsm8k_examples, abel, zero_shot_logs, sub_questions, program_of_thoughts, bamboogle, bbh):
        yield from source(data)
