"""lm-eval requests as work for schemes and engines: what to ask, how to decode, how many samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smallsteps.engines import Decoding
from smallsteps.errors import UserError

IGNORED = {"num_beams": 1, "do_sample": False, "num_return_sequences": 1}  # values that change nothing


@dataclass(frozen=True, slots=True)
class Ask:
    """One item to be answered.

    Attributes:
        task, item: lm-eval's task name and the pairing key (empty for tasks that are not ours).
        text: the question where `wrapped`, else the whole prompt.
        wrapped: whether the student's scheme writes the prompt around the question.
        plan: gold sub-questions, where the document has them.
        decoding: how texts are drawn; `samples` is the number of copies of the request.
    """

    task: str
    item: str
    text: str
    wrapped: bool
    plan: tuple[str, ...]
    decoding: Decoding

    def content(self) -> list[Any]:
        """Everything that affects the answer."""
        return [self.text, self.wrapped, list(self.plan)]


@dataclass(frozen=True, slots=True)
class Defaults:
    """Decoding where a task does not set it; `temperature` and `budget` override the task."""

    seed: int = 0
    max_new_tokens: int = 256
    temperature: float | None = None
    budget: int | None = None


def asks_of(requests: Sequence[Any], defaults: Defaults) -> list[Ask]:
    """One `Ask` a request; lm-eval's K copies of one request, which are adjacent, become K samples."""
    asks: list[Ask] = []
    last: Any = None
    for request in requests:
        if request is last:
            samples = asks[-1].decoding.samples + 1
            asks[-1] = replace(asks[-1], decoding=replace(asks[-1].decoding, samples=samples))
            continue
        last = request
        context, options = request.args
        doc = request.doc if isinstance(request.doc, Mapping) else {}
        steps = doc.get("steps") or ()
        plan = tuple(step["question"] for step in steps if isinstance(step, Mapping) and step.get("question"))
        asks.append(
            Ask(
                task=str(request.task_name),
                item=str(doc.get("item") or ""),
                text=context,
                wrapped=doc.get("prompt") == "question",
                plan=plan,
                decoding=decoding_of(options, defaults, str(request.task_name)),
            )
        )
    return asks


def decoding_of(options: Mapping[str, Any], defaults: Defaults, task: str = "") -> Decoding:
    """lm-eval's `generation_kwargs` as a `Decoding`.

    Raises:
        UserError: an option that this engine does not have, or a value of the wrong kind.
    """
    rest = dict(options)
    until = rest.pop("until", None) or ()
    stop = (until,) if isinstance(until, str) else tuple(until)
    budget = rest.pop("max_gen_toks", rest.pop("max_new_tokens", rest.pop("max_tokens", None)))
    sampling = rest.pop("do_sample", None)
    temperature = rest.pop("temperature", None)
    top_p = rest.pop("top_p", 1.0)
    seed = rest.pop("seed", defaults.seed)
    unknown = [name for name, value in rest.items() if IGNORED.get(name, ...) != value]
    if unknown:
        raise UserError(
            f"generation option '{unknown[0]}' is not supported",
            where=f"task {task}: generation_kwargs",
            fix="known: until, max_gen_toks, do_sample, temperature, top_p, seed",
        )
    if temperature is None:
        temperature = 1.0 if sampling else 0.0
    if sampling is False:
        temperature = 0.0
    if defaults.temperature is not None:
        temperature = defaults.temperature
    try:
        return Decoding(
            max_new_tokens=int(defaults.budget or budget or defaults.max_new_tokens),
            temperature=float(temperature),
            top_p=float(top_p),
            stop=stop,
            seed=int(seed),
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"not a number: {error}", where=f"task {task}: generation_kwargs") from error
