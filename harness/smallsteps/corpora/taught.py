"""Sub-questions that a teacher wrote itself, read from the layouts teachers use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from smallsteps.answers import extract
from smallsteps.corpora.closing import cut_closing
from smallsteps.corpora.equations import last_question
from smallsteps.problems import AnswerKind, Problem, Step

# All are matched against stripped lines, and repetitions are bounded where two could share what they match:
# reading stays linear in the length of a line, whatever is in it.
# "Sub-question 2: ...?" / "Answer to sub-question 2: ..." and "Q1: ...?" / "A1: ..."
_ASKED = re.compile(
    r"(?:[-*]\s{0,9})?(?:Sub-?question|Question|Q)\s{0,9}(\d{0,9})\s{0,9}[:.)](.+)\Z", re.IGNORECASE
)
_REPLIED = re.compile(
    r"(?:[-*]\s{0,9})?(?:Answer(?: to sub-?question)?|Sub-?answer|A)\s{0,9}(\d{0,9})\s{0,9}[:.)](.*)\Z",
    re.IGNORECASE,
)
# GSM8K's Socratic lines: "How many ...? ** She has 48/2 = 24 clips."
_SOCRATIC = re.compile(r"\?\s*\*\*")
# self-ask: "Follow up: ...?" / "Intermediate answer: ..."
_FOLLOW = re.compile(r"Follow[- ]?up(?: question)?\s{0,9}:(.+)\Z", re.IGNORECASE)
_BETWEEN = re.compile(r"Intermediate answer\s{0,9}:(.*)\Z", re.IGNORECASE)

_NONE = re.compile(r"\s*No decomposition\b", re.IGNORECASE)
_BULLET = re.compile(r"(?:[-*•]\s+|(?:Sub-?question|Question|Q)?\s{0,9}\d{1,2}\s{0,9}[.):])", re.IGNORECASE)
_LONGEST_REPLY = 2000  # characters from the end that can hold the answer of a sub-question
_LABEL = re.compile(r"(?:Question|Answer)\s{0,9}\d{0,9}\s{0,9}[:.)]")


def taught_steps(text: str, answer: str | None) -> tuple[Step, ...]:
    """Steps of a decomposed solution; empty when the text has no sub-questions with answers.

    Args:
        text: the teacher's text.
        answer: the final answer, which becomes the answer of the last step.
    """
    asked: dict[str, str] = {}
    replied: dict[str, list[str]] = {}
    open_reply: str | None = None
    for line in map(str.strip, text.split("\n")):
        if (match := _SOCRATIC.search(line, 1)) and line[match.end() :]:
            key = str(len(asked) + 1)
            asked[key], replied[key], open_reply = line[: match.start() + 1], [line[match.end() :]], None
        elif match := _BETWEEN.match(line):
            open_reply = str(len(asked))
            replied[open_reply] = [match[1]]
        elif match := _FOLLOW.match(line):
            asked[str(len(asked) + 1)], open_reply = match[1], None
        elif match := _REPLIED.match(line):
            open_reply = match[1] or str(len(asked))
            replied[open_reply] = [match[2]]
        elif match := _ASKED.match(line):
            asked[match[1] or str(len(asked) + 1)], open_reply = match[2], None
        elif open_reply and line:
            replied[open_reply].append(line)
    steps = []
    for key, question in asked.items():
        solution = " ".join(" ".join(replied.get(key, ())).split())
        if not solution:
            continue  # asked and never answered: nothing to learn from
        steps.append(Step(question.strip(), solution, _bare(solution)))
    if steps and answer is not None:
        steps[-1] = Step(steps[-1].question, steps[-1].solution, answer)
    return tuple(steps)


def planned_steps(problem: Problem, text: str) -> tuple[Step, ...]:
    """Sub-questions of a plan without answers, one a line; empty when the text is not a plan.

    `No decomposition` is a plan too: the problem's own question.
    """
    if _NONE.match(text):
        return (Step(last_question(problem), "", ""),)
    lines = (_unmarked(line) for line in text.split("\n"))
    return tuple(Step(line, "", "") for line in lines if line.endswith("?"))


def with_replies(steps: Sequence[Step], text: str, answer: str | None) -> tuple[Step, ...]:
    """Sub-questions with the replies of a text that answers them one a line; bare ones when it does not.

    Args:
        steps: sub-questions.
        text: replies in order, possibly numbered, then the closing sentence.
        answer: the final answer, which becomes that of the last step.
    """
    lines = [_unmarked(line) for line in cut_closing(text).split("\n")]
    replies = [_without(_LABEL, line) for line in lines if line]
    if len(replies) != len(steps):
        return tuple(steps)
    filled = [
        replace(step, solution=reply, answer=_bare(reply)) for step, reply in zip(steps, replies, strict=True)
    ]
    if filled and answer is not None:
        filled[-1] = replace(filled[-1], answer=answer)
    return tuple(filled)


def answered_by_lines(steps: Sequence[Step], text: str, answer: str | None) -> tuple[Step, ...]:
    """Sub-questions that a text answers line by line; empty where their numbers differ.

    One line fewer is enough: the last sub-question, which is the problem's own, is then answered by the final
    answer alone.
    """
    lines = [line.strip() for line in cut_closing(text).split("\n") if line.strip()]
    if not steps or not 0 <= len(steps) - len(lines) <= 1:
        return ()
    lines += [""] * (len(steps) - len(lines))
    final = len(steps) - 1
    return tuple(
        replace(step, solution=line, answer=(answer or step.answer) if place == final else "")
        for place, (step, line) in enumerate(zip(steps, lines, strict=True))
    )


def _unmarked(line: str) -> str:
    """A line without its bullet or number."""
    return _without(_BULLET, line.strip())


def _without(start: re.Pattern[str], line: str) -> str:
    found = start.match(line)
    return line[found.end() :].strip() if found else line


def _bare(solution: str) -> str:
    number = extract(solution[-_LONGEST_REPLY:], AnswerKind.NUMBER).value
    return number if number is not None else solution.rstrip(".")
