"""Ways of asking a benchmark: what each shows, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VariantName = Literal[
    "question",
    "answer_only",
    "cot",
    "socratic",
    "zeroshot_answer_only",
    "zeroshot_cot",
    "fu_icl_answer_only",
    "fu_icl_cot",
    "fu_zeroshot_answer_only",
    "fu_zeroshot_cot",
    "likelihood",
]
CUE = "CUE"  # stands for the benchmark's own words that make a model think aloud


@dataclass(frozen=True, slots=True)
class Asking:
    """One way of asking.

    Attributes:
        prompt: in Jinja over the fields of a document.
        title: what reports call it; the name in words when None.
        delimiter: between the question of an in-context example and its reply.
        shows: what an in-context example replies before its closing sentence.
        stop: the mark that ends the closing sentence.
    """

    prompt: str
    title: str | None = None
    delimiter: str = " "
    shows: Literal["answer", "reasoning", "sub_questions"] = "reasoning"
    stop: str = "."


# The question alone for the student's scheme; our layout for other models; that of Fu et al. (2301.12726).
ASKINGS: dict[VariantName, Asking] = {
    "question": Asking("{{question}}", title=""),
    "answer_only": Asking("Q: {{question}}\nA:", "answer only", shows="answer"),
    "cot": Asking("Q: {{question}}\nA: CUE", "chain of thought"),
    "socratic": Asking("Q: {{question}}", "sub-questions", "\n", "sub_questions"),
    "zeroshot_answer_only": Asking("Q: {{question}}\nA: The answer is", shows="answer"),
    "zeroshot_cot": Asking("Q: {{question}}\nA: CUE"),
    "fu_icl_answer_only": Asking("Q: {{question}}\nA:", shows="answer", stop=""),
    "fu_icl_cot": Asking("Q: {{question}}\nLet's think step by step", delimiter="\n", stop=""),
    "fu_zeroshot_answer_only": Asking("Q: {{question}} A:", shows="answer", stop=""),
    "fu_zeroshot_cot": Asking("Q: {{question}}\nLet's think step by step", stop=""),
    "likelihood": Asking("Question: {{stem}}\nAnswer:"),
}
_BY_NAME: dict[str, Asking] = dict(ASKINGS.items())


def asking(variant: str) -> Asking:
    """The way of asking of that name."""
    return _BY_NAME[variant]


def variant_title(variant: str) -> str:
    """What reports call a variant; empty for the bare question."""
    title = asking(variant).title
    return variant.replace("_", " ") if title is None else title
