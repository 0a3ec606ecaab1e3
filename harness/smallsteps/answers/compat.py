"""Rules of other people, kept as compatibility columns: lm-eval's stock filters and the published scorers.

Nothing here is what smallsteps believes about an answer; `extract` and `extract_strict` say that. Each rule
reproduces its source item by item, defects included, so that numbers can be put beside published ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from smallsteps.answers.drop import STOCK_RULE, stock_exact_match
from smallsteps.errors import unknown_name

INVALID = "[invalid]"  # lm-eval's fallback when its regular expression finds nothing


@dataclass(frozen=True, slots=True)
class CompatScore:
    """What a foreign rule extracts, and whether it calls that right."""

    extracted: str
    right: bool


@dataclass(frozen=True, slots=True)
class CompatRule:
    """A foreign rule.

    Attributes:
        name: its key in `COMPAT`.
        source: whose rule it is.
        extract: response to extracted text.
        equal: extracted text and gold to the verdict.
    """

    name: str
    source: str
    extract: Callable[[str], str]
    equal: Callable[[str, str], bool]


def compat(name: str, response: str, gold: str) -> CompatScore:
    """Score one response by a foreign rule.

    Args:
        name: a key of `COMPAT`.
        response: what the model wrote.
        gold: the gold text as that rule's source has it (for GSM8K under lm-eval, the whole gold solution).

    Raises:
        UserError: no such rule.
    """
    if name not in COMPAT:
        raise unknown_name("compatibility rule", name, COMPAT)
    rule = COMPAT[name]
    extracted = rule.extract(response)
    return CompatScore(extracted, rule.equal(extracted, gold))


def _lm_eval_regex(pattern: str, select: int = 0) -> Callable[[str], str]:
    """lm-eval 0.4.13's `regex` filter, followed by `take_first`."""
    compiled = re.compile(pattern)

    def apply(response: str) -> str:
        found = compiled.findall(response)
        if not found:
            return INVALID
        match = found[select]
        if isinstance(match, tuple):
            match = next((group for group in match if group), INVALID)
        return str(match).strip()

    return apply


def _gsm8k_equal(extracted: str, gold: str) -> bool:
    """lm-eval's `exact_match` ignoring case and the patterns `,` `\\$` `(?s).*#### ` `\\.$`.

    The third pattern takes quadratic time as a regular expression; cutting at the last `#### ` is the same.
    """

    def normal(text: str) -> str:
        text = text.replace(",", "").replace("$", "").rpartition("#### ")[2]
        return re.sub(r"\.$", "", text).lower()

    return _lm_eval_equal(normal(extracted), normal(gold))


def _lm_eval_equal(extracted: str, gold: str) -> bool:
    """lm-eval's plain `exact_match`; its arrays of fixed-width strings drop trailing NUL characters."""
    return extracted.rstrip("\0") == gold.rstrip("\0")


_GSM8K_LAST = _lm_eval_regex(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", -1)


def _bbh_published(response: str) -> str:
    """BIG-Bench-Hard's own reading: what the first line with `the answer is X.` states."""
    match = re.search(r"the answer is (.*?)\.?$", response, re.MULTILINE)
    return match[1] if match else response


def _last_hashes(response: str) -> str:
    """Abel: what follows the last `####` that ends the text, normalised; cut at an invented next question."""
    found = re.findall(r"#### (.*)$", response.split("Question")[0])
    return _abel_normal(found[-1]) if found else ""


def _abel_normal(text: str) -> str:
    """As much of its normalisation as decides for GSM8K's golds; unit words, LaTeX and sympy are left out."""
    text = re.sub(r"[\s$\\]", "", text.split("=")[-1])
    return text.replace(",", "") if text.replace(",", "").isdigit() else text


def _abel_equal(extracted: str, gold: str) -> bool:
    return extracted == _abel_normal(gold)


def _first(pattern: str) -> Callable[[str], str]:
    """Zero-shot-CoT's cleansing: the first match, without a final full stop."""
    compiled = re.compile(pattern)

    def apply(text: str) -> str:
        match = compiled.search(text)
        return match[0].removesuffix(".") if match else ""

    return apply


def _as_number(text: str) -> Fraction | None:
    try:
        return Fraction(text.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def _zero_shot_number(text: str) -> str:
    return _first(r"-?\d+\.?\d*")(text.replace(",", ""))


def _zero_shot_yes_no(text: str) -> str:
    words = re.sub(r"\"|'|\n|\.|\s|:|,", " ", text.lower()).split(" ")
    return next((word for word in words if word in ("yes", "no")), "")


def _zero_shot_letters(text: str) -> str:
    return re.sub(r"\"|'|\n|\.|\s", "", text)


def _same(extracted: str, gold: str) -> bool:
    return extracted == gold


def _last_final_answer(response: str) -> str:
    """GSM8K-AI-SubQ: the number of the last `Final answer:`."""
    found = re.findall(r"Final answer: ?\$?(-?[\d,]+(?:\.\d+)?)", response)
    return found[-1] if found else ""


def _numeric(extracted: str, gold: str) -> bool:
    left, right = _as_number(extracted), _as_number(gold)
    return left is not None and left == right


def _last_line_a(response: str) -> str:
    """GSM8K's example solutions: what follows the last `A:` line."""
    found = re.findall(r"(?:^|\n)A: ?(.*)", response)
    return found[-1].strip() if found else ""


def _to_first_stop(response: str) -> str:
    """lm-eval stops the generation of `drop` at the first full stop."""
    return response.partition(".")[0]


_RULES = (
    CompatRule(STOCK_RULE, "lm-eval 0.4.13", _to_first_stop, stock_exact_match),
    CompatRule(
        "lm_eval/gsm8k/strict-match", "lm-eval 0.4.13", _lm_eval_regex(r"#### (\-?[0-9\.\,]+)"), _gsm8k_equal
    ),
    CompatRule("lm_eval/gsm8k/flexible-extract", "lm-eval 0.4.13", _GSM8K_LAST, _gsm8k_equal),
    CompatRule(
        "lm_eval/gsm8k_cot/strict-match",
        "lm-eval 0.4.13",
        _lm_eval_regex(r"The answer is (\-?[0-9\.\,]+)."),
        _gsm8k_equal,
    ),
    CompatRule("lm_eval/gsm8k_cot/flexible-extract", "lm-eval 0.4.13", _GSM8K_LAST, _gsm8k_equal),
    CompatRule(
        "lm_eval/bbh_cot_fewshot/get-answer",
        "lm-eval 0.4.13",
        _lm_eval_regex(r"(?<=the answer is )(.*)(?=.)"),
        _lm_eval_equal,
    ),
    CompatRule("lm_eval/bbh_fewshot/none", "lm-eval 0.4.13", str, _lm_eval_equal),
    CompatRule("bbh/cot", "BIG-Bench-Hard, Suzgun et al. 2022", _bbh_published, _same),
    CompatRule("bbh/direct", "BIG-Bench-Hard, Suzgun et al. 2022", str.strip, _same),
    CompatRule("abel", "Abel, GAIR 2023", _last_hashes, _abel_equal),
    CompatRule("gsm8k/examples", "GSM8K, Cobbe et al. 2021", _last_line_a, _numeric),
    CompatRule("gsm8k_ai_subq", "GSM8K-AI-SubQ, 2023", _last_final_answer, _numeric),
    CompatRule("zero_shot_cot/number", "Zero-shot-CoT, Kojima et al. 2022", _zero_shot_number, _same),
    CompatRule(
        "zero_shot_cot/choice_of_five", "Zero-shot-CoT, Kojima et al. 2022", _first("A|B|C|D|E"), _same
    ),
    CompatRule("zero_shot_cot/choice_of_three", "Zero-shot-CoT, Kojima et al. 2022", _first("A|B|C"), _same),
    CompatRule("zero_shot_cot/yes_no", "Zero-shot-CoT, Kojima et al. 2022", _zero_shot_yes_no, _same),
    CompatRule("zero_shot_cot/letters", "Zero-shot-CoT, Kojima et al. 2022", _zero_shot_letters, _same),
)
COMPAT: dict[str, CompatRule] = {rule.name: rule for rule in _RULES}
