"""Model outputs in public repositories, each with the verdict that its source gives it.

Read from local git mirrors at the commits below; nothing of them is part of this repository. Where a source
publishes outputs and a scorer but no verdicts, its scorer's rule is written out here.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Repository:
    """A public git repository at one commit, in a folder of mirrors.

    Attributes:
        name: owner/name; commit: 40 hex digits.
        folder: of the mirrors: `OWNER+NAME/repo`, `OWNER+NAME`, `OWNER/NAME` or `NAME` in it is the clone.
    """

    name: str
    commit: str
    folder: Path

    def place(self) -> Path:
        """The clone.

        Raises:
            SystemExit: there is none, with the command that makes one.
        """
        joined = self.name.replace("/", "+")
        for path in (f"{joined}/repo", joined, self.name, self.name.rpartition("/")[2]):
            found = subprocess.run(
                ["git", "-C", str(self.folder / path), "cat-file", "-e", self.commit], capture_output=True
            )
            if found.returncode == 0:
                return self.folder / path
        clone = f"git clone https://github.com/{self.name} {self.folder / joined}"
        raise SystemExit(f"no mirror of {self.name} with commit {self.commit[:12]} in {self.folder}: {clone}")

    def text(self, path: str) -> str:
        """A file of the commit."""
        done = subprocess.run(
            ["git", "-C", str(self.place()), "show", f"{self.commit}:{path}"], capture_output=True, check=True
        )
        return done.stdout.decode("utf-8", "replace")

    def lines(self, path: str) -> list[Any]:
        """A file of JSON lines."""
        return [json.loads(line) for line in self.text(path).splitlines() if line.strip()]

    def names(self, under: str) -> list[str]:
        """Files of the commit below a folder."""
        command = ["git", "-C", str(self.place()), "ls-tree", "-r", "-z", "--name-only", self.commit, under]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")


@dataclass(frozen=True, slots=True)
class Output:
    """One response; `flag` is the source's verdict, `run` its model and prompt."""

    run: str
    response: str
    gold: str
    kind: str
    flag: bool
    choices: tuple[str, ...] = ()


Reader = Callable[[Repository], Iterator[Output]]
LETTERED = re.compile(r"\([A-E]\)")


def plan_and_solve(repository: Repository) -> Iterator[Output]:
    """Verdicts are published (`ans`)."""
    runs = {
        "AQuA-zero_shot-305": "choice",
        "AddSub-zero_shot-301": "number",
        "CommensenseQA-zero_shot-302": "choice",
        "MultiArith-zero_shot-302": "number",
        "SVAMP-zero_shot-307": "number",
        "SingleEq-zeri_shot-301": "number",
        "StrategyQA-zero_shot-306": "boolean",
        "coin_flip-zero_shot-304": "boolean",
        "gsm8k-zero_shot-305": "number",
        "last_letters-zero_shot-303": "text",
    }
    for name, kind in runs.items():
        for row in json.loads(repository.text(f"generated_result/{name}-text-davinci-003.json")):
            options = LETTERED.split(row["question"].rpartition("Answer Choices:")[2])[1:]
            choices = tuple(option.strip() for option in options) if kind == "choice" else ()
            text, gold = row["chain-of-thought"], str(row["answer"])
            yield Output(name.split("-")[0], text, gold, kind, bool(row["ans"]), choices)


def scienceqa(repository: Repository) -> Iterator[Output]:
    """Compared with the source's own reading of each text, which is the `gold` here."""
    data = json.loads(repository.text("results/gpt3/final_test_QCM-ALE_2_seed_3.json"))
    for key, text in data["outputs"].items():
        if text.strip():  # the published run keeps the text of only some outputs
            read = "ABCDE"[data["results"][key]]
            yield Output("QCM-ALE", text.replace("\\n", "\n"), read, "choice", True)


def gemini(repository: Repository) -> Iterator[Output]:
    """Verdicts are published (`is_correct`)."""
    for task in ("svamp", "mawpsmultiarith"):
        for model in ("gemini-pro", "gpt-3.5-turbo", "gpt-4-1106-preview", "mixtral"):
            for row in repository.lines(f"outputs/{task}/{model}/output.jsonl"):
                text = row["generated_text"] or ""
                yield Output(f"{task} {model}", text, str(row["answer"]), "number", bool(row["is_correct"]))


def ford(repository: Repository) -> Iterator[Output]:
    """Verdicts by the source's rule, see `_ford_answer`."""
    for model in ("chatgpt", "chatgpt0301", "davinci", "vicuna"):
        for task in ("csqa", "strategyqa"):
            for row in repository.lines(f"output/{model}/{task}.jsonl"):
                text = row["R"]["text"] if isinstance(row["R"], dict) else str(row["R"])
                options = row["O"] if task == "csqa" else ""
                choices = tuple(option.strip() for option in LETTERED.split(options)[1:])
                gold, found = row["A"].strip("()"), _ford_answer(model, task, text, options)
                if found is not None and task == "strategyqa":
                    found = {"A": "yes", "B": "no"}.get(found, found)
                flag = found is not None and found.lower() == gold.lower()
                kind = "choice" if choices else "boolean"
                yield Output(f"{task} {model}", text, gold, kind, flag, choices)


def _ford_answer(model: str, task: str, text: str, options: str) -> str | None:
    """Chat models: `Answer: X` on the first line, or the option's text; the others: `the answer is`."""
    if model.startswith("chatgpt"):
        first = text.replace("\n\n", "\n").strip().split("\n")[0]
        stated: list[str] = re.findall(r"Answer: \(?(A|B|C|D|E|Yes|No|yes|no)\)?", first)
        if stated:
            return stated[0]
        said = first[8:].removesuffix(".").lower()
        for letter, option in zip("ABCDE", LETTERED.split(options)[1:], strict=False):
            option = option.strip().lower()
            near = difflib.SequenceMatcher(None, option, said).ratio() >= 0.85
            if said and (near or said in option):
                return letter
        return None
    tail = re.split(r"(?:Therefore, )?the answer(?: \(yes or no\))? is", text, flags=re.IGNORECASE)
    pattern, cased = ("[A-E]", str) if task == "csqa" else (r"\b(yes|no)\b", str.lower)
    behind = len(tail) > 1
    found = re.findall(pattern, cased(tail[-1])) if behind else re.findall(pattern, cased(text))[-1:]
    return found[0] if found else None


ZERO_EVAL = (
    "gemma-2-2b-it", "gemma-2-9b-it", "Mixtral-8x7B-Instruct-v0.1", "Mistral-Nemo-Instruct-2407",
    "Meta-Llama-3-8B-Instruct", "Phi-3.5-mini-instruct", "Qwen2-7B-Instruct", "Yi-1.5-9B-Chat",
    "claude-3-haiku-20240307", "gpt-3.5-turbo-0125", "command-r", "reka-flash-20240226",
)  # fmt: skip


def zero_eval(repository: Repository) -> Iterator[Output]:
    """Verdicts by the source's rule: the first number of the field `answer`."""
    for model in ZERO_EVAL:
        for row in json.loads(repository.text(f"result_dirs/gsm/{model}.json")):
            text, gold = row["output"][0], row["answer"].replace("#", "").strip()
            answer = _json_answer(text)
            if answer is not None:
                answer = answer.replace("$", "").strip().replace(",", "")
                if match := re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", answer):
                    above, below = int(match[1]), int(match[2])
                    answer = str(float(Fraction(above, below))) if below else answer
            value = None if answer is None else _first_number(answer)
            yield Output(model, text, gold, "number", value is not None and value == _first_number(gold))


def _json_answer(text: str) -> str | None:
    """The field `answer` of the first complete JSON object, else what a pattern finds."""
    depth, start, found = 0, 0, None
    for place, character in enumerate(text):
        if character == "{":
            start = place if not depth and found is None else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if not depth:
                with contextlib.suppress(ValueError):
                    found = json.loads(text[start : place + 1].replace("\n", ""))
                break
    if isinstance(found, dict) and "answer" in found:
        return str(found["answer"])
    for pattern in (
        r'"answer"\s*:\s*"([^"]*?)"', r'"answer"\s*:\s*"(.*?)"',
        r'"answer"\s*:\s*([^,\s]*)', r"answer\s*:\s*([^,\s]*)",
    ):  # fmt: skip
        if match := re.search(pattern, text, re.DOTALL):
            return match[1]
    return None


def _first_number(text: str) -> Fraction | None:
    match = re.search(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return Fraction(match[0]) if match else None


FAITHFUL = {
    "AQUA": "choice", "ASDiv": "number", "GSM8K": "number", "MultiArith": "number", "SVAMP": "number",
    "StrategyQA": "boolean", "sports": "boolean", "date": "text",
}  # fmt: skip


def faithful_cot(repository: Repository) -> Iterator[Output]:
    """Verdicts by the source's rule, see `_faithful`."""
    for name, kind in FAITHFUL.items():
        items = {int(row["id"]): row for row in repository.lines(f"data/{name}/test.jsonl")}
        for model in ("text003", "gpt-3.5-turbo"):
            for prompt in ("COT", "LtM", "standard"):
                path = f"output_dir/{name}/test/{model}_{prompt}/predictions.jsonl"
                for row in repository.lines(path):
                    judged = _faithful(name, items[int(row["id"])], row["answer"]) if row else None
                    if judged is None:
                        continue
                    said = row["completion"]
                    text = said if isinstance(said, str) else "\n".join(map(str, said))
                    gold, flag, choices = judged
                    yield Output(f"{name} {model} {prompt}", text, gold, kind, flag, choices)


def _faithful(name: str, item: dict[str, Any], found: Any) -> tuple[str, bool, tuple[str, ...]] | None:
    """Gold answer, verdict and options; None where the gold answer is a list."""
    gold = item["answer"]
    invalid = "[invalid]" in str(found)
    if name == "AQUA":
        options = tuple(re.sub(r"^\(?[A-E]\)", "", option).strip() for option in item["options"])
        return gold, found == gold, options
    if name in ("sports", "StrategyQA"):
        right = bool(int(gold)) if name == "sports" else bool(gold)
        flag = False
        with contextlib.suppress(ValueError, TypeError):
            flag = not invalid and (bool(int(found)) if name == "sports" else bool(found)) == right
        return "yes" if right else "no", flag, ()
    if name == "date":
        gold = gold.split("#### ")[-1]
        return gold, found == gold, ()
    flag = False
    if name == "ASDiv":
        if isinstance(gold, list | tuple) or not re.fullmatch(r"-?\d+", str(gold).strip()):
            return None
        with contextlib.suppress(ValueError, ZeroDivisionError, OverflowError):
            parts = str(found).lstrip("{([").rstrip("]})").split(",")
            values = [found] if isinstance(found, int) else [_whole(_behind_colon(part)) for part in parts]
            flag = len(values) == 1 and values[0] == int(gold)
        return str(gold), flag, ()
    stated = re.search(r"#### (-?[0-9.,]+)", gold)
    assert stated is not None
    gold = stated[1].replace(",", "").rstrip(".")
    number = re.search(r"-?[0-9.,]+", str(found))
    with contextlib.suppress(ValueError, ZeroDivisionError, OverflowError):
        flag = number is not None and not invalid and _whole(number[0].replace(",", "")) == int(gold)
    return gold, flag, ()


def _behind_colon(text: str) -> str:
    return text.strip().split(":")[-1].strip("'\"")


def _whole(text: str) -> int:
    """Without decimals and sign, as the source's scorer reads a number."""
    value = float(sum(Fraction(part) for part in text.split())) if "/" in text else float(text.strip())
    return abs(int(value))


def tora(repository: Repository) -> Iterator[Output]:
    """Verdicts by the source's rule: equal numbers up to a thousandth."""
    for model in ("tora-70b-v1.0", "tora-code-34b-v1.0"):
        path = f"src/outputs/llm-agents/{model}/gsm8k/test_tora_-1_seed0_t0.0_s0_e1319.jsonl"
        for row in repository.lines(path):
            found, gold = str(row["pred"][0]), str(row["gt"]).replace(",", "")
            try:
                near = 1e-3 * max(1, abs(float(gold)))
                flag = abs(float(found.replace(",", "")) - float(gold)) < near
            except ValueError:
                flag = found.strip() == gold.strip()
            yield Output(model, row["code"][0], gold, "number", flag)


def solo_performance(repository: Repository) -> Iterator[Output]:
    """Verdicts are published (`correct`): the digit occurs anywhere in the text."""
    for name in repository.names("logs/logic_grid_puzzle"):
        if not name.endswith(".jsonl") or "self_refine" in name:
            continue
        method = re.search(r"method-(\w+?)_engine", name)
        assert method is not None
        for row in repository.lines(name):
            text = _reply(row.get("raw_response", [None])[0])
            if text is not None:
                run, gold = f"{name.split('/')[2]} {method[1]}", row["task_data"]["targets"][0]
                yield Output(run, text, gold, "number", bool(row["test_output_infos"][0]["correct"]))


def _reply(raw: Any) -> str | None:
    if isinstance(raw, dict):
        choice = raw["choices"][0]
        found = choice["message"]["content"] if "message" in choice else choice.get("text", "")
        return str(found)
    return raw if isinstance(raw, str) else None


# whether outputs were read while the rules were written; name; commit; reader; what is said of it
SOURCES: tuple[tuple[bool, str, str, Reader, str], ...] = (
    (True, "AGI-Edgerunners/Plan-and-Solve-Prompting", "9d5a176f5b4de1011d426009ab6398dc76046e88",
     plan_and_solve, ""),
    (True, "lupantech/ScienceQA", "2cbf8318e07b9ece895bb2ae605e71e38d623264", scienceqa,
     "against its own reading"),
    (True, "neulab/gemini-benchmark", "45d7e65a15ed1691d74fe1d068c8ccab97d25a6e", gemini,
     "SVAMP, MultiArith"),
    (True, "Waste-Wood/FORD", "14988c95791d2009cd84c32a4bfdea8b1e944799", ford, "CommonsenseQA, StrategyQA"),
    (False, "veronica320/Faithful-COT", "301784317c99cf348cfad92a1b3e8810900e095b", faithful_cot,
     "2 models, 3 prompts"),
    (False, "WildEval/ZeroEval", "8c1485edf12c6efb5f69135a562927c5ad484059", zero_eval, "GSM8K, 12 models"),
    (False, "microsoft/ToRA", "213c1c995038c73fab10343814df7a42f990f026", tora, "GSM8K, 2 models"),
    (False, "MikeWangWZHL/Solo-Performance-Prompting", "619c8a0ff4205bfd39e33f0867647b40e1703b94",
     solo_performance, "puzzles"),
)  # fmt: skip
