"""Every format for one real item of three benchmarks, as files that a person can read.

The items are the first training problems of SVAMP, GSM8K and StrategyQA (MIT licence); rationales
and demonstrations are our own. `SMALLSTEPS_UPDATE_GOLDEN=1` writes the files anew: then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smallsteps.problems import AnswerKind, Problem, Rationale, Step, load_problems
from smallsteps.schemes import SCHEMES, examples_of
from smallsteps.schemes.program import looks_like_program
from smallsteps.teachers.prompting import load_template, template_names

GOLDEN = Path(__file__).parent / "golden"
CHAINS = {
    "svamp": (
        ("A pack costs 76 dollars.\nThe discount is 25 dollars, so a pack is 76 - 25 = 51 dollars.", "51"),
        ("We take the discount off the price: 76 - 25 = 51.", "51"),
        ("price = 76\ndiscount = 25\nans = price - discount", "51"),
    ),
    "gsm8k": (
        ("In May she sold half of 48, which is 48 / 2 = 24.\nTogether that is 48 + 24 = 72 clips.", "72"),
        ("April has 48 and May 24.\nThe sum is 48 + 24 = 72.", "72"),
        ("april = 48\nmay = april / 2\nans = april + may", "72"),
    ),
    "strategyqa": (
        ("Caesar had few children.\nGenghis Khan had many, and his line is spread over half of Asia.", "yes"),
        ("A man with more children has more descendants, and Genghis Khan had more.", "yes"),
    ),
}
STEPS = {
    "svamp": (Step("What is taken off the price?", "The discount is 25.", "25"),
              Step("What is left to pay?", "76 - 25 = 51.", "51", "76 - 25")),
    "gsm8k": (Step("How many clips did she sell in May?", "48 / 2 = 24.", "24", "48 / 2"),
              Step("How many in April and May?", "48 + 24 = 72.", "72", "48 + 24")),
    "strategyqa": (Step("Which of the two had more children?", "Genghis Khan.", "Genghis Khan"),
                   Step("Are more people related to him today?", "Yes.", "yes")),
}  # fmt: skip
OTHERS = [
    Problem(f"d{i}", f"Ann has {i} figs and eats one. How many are left?", str(i - 1), AnswerKind.NUMBER)
    for i in range(3, 8)
]


def rendered(name: str, problem: Problem) -> str:
    """All schemes and all teacher prompts for one item."""
    steps = STEPS[name]
    rationales = [
        Rationale(problem.id, text, answer, True, steps if place == 0 else (), place)
        for place, (text, answer) in enumerate(CHAINS[name])
    ]
    rationales += [Rationale(p.id, f"One less is {p.answer}.", p.answer, True) for p in OTHERS]
    problems = {p.id: p for p in (problem, *OTHERS)}
    lines = [f"# {name}, item {problem.id}", "", "## Training examples", ""]
    for scheme in (s for n, s in SCHEMES.items() if not n.startswith("divergent_")):
        programs = scheme.name == "multi_strategy"
        used = [r for r in rationales if programs or not looks_like_program(r.text)]
        made = examples_of(scheme, problems, used)
        for part in scheme.parts:
            own = [e for e in dict.fromkeys(made[part]) if problem.question in e.prompt.split("\n\n")[-1]]
            for number, example in enumerate(own, start=1):
                lines += [f"### {scheme.name}, {part}, {number} of {len(own)}", "", "```text"]
                lines += [example.prompt + "⟶" + example.target.replace("\n\n\n", "\n\n"), "```", ""]
    lines += ["(⟶ stands where the prompt ends and the target begins.)", "", "## Prompts for the teacher", ""]
    extra = {
        "questions": [step.question for step in steps],
        "original": "An easier problem.",
        "mode": "complicate",
    }
    for template in template_names():
        lines += [
            f"### {template}",
            "",
            "```text",
            load_template(template).render(problem, **extra),
            "```",
            "",
        ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_formats_are_as_read(data_dir: Path, name: str) -> None:
    problem = load_problems(name, "train", data_dir)[0]
    text = rendered(name, problem)
    path = GOLDEN / f"{name}.md"
    if os.environ.get("SMALLSTEPS_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
