"""lm-eval's view of a student of any scheme: the model `smallsteps`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.models  # noqa: F401  (fills the registry first; else `hf` would be unknown once we register)
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from smallsteps.engines.prompts import FormatSpec, Message, Rendered
from smallsteps.errors import UserError, unknown_name
from smallsteps.evaluation.progress import Progress
from smallsteps.evaluation.requests import Ask, Defaults, asks_of
from smallsteps.evaluation.sidefile import write_solutions
from smallsteps.evaluation.store import ChunkStore, solutions_from_json, solutions_to_json
from smallsteps.evaluation.stored import Stored
from smallsteps.evaluation.system import System, in_chats, load_system
from smallsteps.files import sha256_of
from smallsteps.schemes import Solution, abilities_of

if TYPE_CHECKING:
    from smallsteps.engines.chat import Chat

CHUNK = 1024  # texts answered together; within a chunk, finished ones are saved every few seconds
ARGUMENTS = (
    "student",
    "scheme",
    "plans",
    "revision",
    "dtype",
    "device",
    "batch_size",
    "precision",
    "seed",
    "temperature",
    "max_new_tokens",
    "solutions",
    "chat",
    "system",
    "thinking",
)


@register_model("smallsteps")
class SmallstepsLM(LM):  # type: ignore[misc]
    """A student directory, or a Hugging Face folder or hub id, as an lm-eval model.

    `--model smallsteps --model_args student=DIR[,scheme=cot][,plans=gold][,solutions=FILE.jsonl]`

    Requests of tasks whose documents say `prompt: question` hold the bare question, and the student's scheme
    writes the prompt; all other requests are given to the model as they are.

    Args:
        student: directory, folder or hub id. scheme: overrides the card's (plain folders are `cot`).
        plans: `own`, or `gold` sub-questions for a Socratic student's solver.
        revision, dtype, device, batch_size, precision: see `load_system`; batch_size `auto` is the default.
        seed: of the sampling. temperature, max_new_tokens: override the tasks' own.
        solutions: side file for sub-questions, sub-answers, token counts and stop reasons.
        chat: ask in the chat template, as lm-eval's `--apply_chat_template` does; by default what the card
            says. system, thinking: of the chat.
    """

    def __init__(
        self,
        student: str | None = None,
        scheme: str | None = None,
        plans: str = "own",
        revision: str | None = None,
        dtype: str = "auto",
        device: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        precision: str | None = None,
        seed: int = 0,
        temperature: float | None = None,
        max_new_tokens: int | None = None,
        solutions: str | None = None,
        chat: bool | None = None,
        system: str = "",
        thinking: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise unknown_name("model argument", next(iter(unknown)), ARGUMENTS, where="model_args")
        if student is None:
            raise UserError("no student given", where="model_args", fix="add student=DIRECTORY")
        if chat is None and (system or thinking):
            chat = True
        loaded = load_system(
            student,
            scheme=scheme,
            plans=plans,
            revision=revision,
            dtype=dtype,
            device=device or "auto",
            batch_size=_rows(batch_size),
            precision=precision,
            format=None if chat is None else _format(chat, system, thinking),
        )
        defaults = Defaults(seed=int(seed), temperature=temperature, budget=max_new_tokens)
        self._set_up(loaded, defaults, None, None, Path(solutions) if solutions else None)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> SmallstepsLM:
        """As lm-eval calls it; what `--model_args` says wins over `--device` and `--batch_size`."""
        options = {name: value for name, value in (additional_config or {}).items() if value is not None}
        # lm-eval's own defaults, not the user's choice: one row at a time, a GPU where there may be none
        if str(options.get("batch_size")) == "1":
            del options["batch_size"]
        if str(options.get("device")).startswith("cuda"):
            options["device"] = "auto"
        return cls(**{**options, **arg_dict})

    @classmethod
    def of(
        cls,
        system: System,
        defaults: Defaults,
        store: ChunkStore | None = None,
        progress: Progress | None = None,
        stored: Stored | None = None,
    ) -> SmallstepsLM:
        """The model over a system that is already there, with checkpoints, progress and known answers."""
        model = cls.__new__(cls)
        model._set_up(system, defaults, store, progress, None)
        model._stored = stored or Stored()
        return model

    def _set_up(
        self,
        system: System,
        defaults: Defaults,
        store: ChunkStore | None,
        progress: Progress | None,
        solutions: Path | None,
    ) -> None:
        super().__init__()
        self.system = system
        self.defaults = defaults
        self._store = store
        self._stored = Stored()
        self._progress = progress
        self._solutions_file = solutions
        self._rendered: dict[str, list[dict[str, str]]] = {}  # chats that lm-eval had rendered
        self.cut_prompts = 0  # prompts that lost their beginning to the context limit
        self.answered: dict[tuple[str, str, str], list[Solution]] = {}

    def generate_until(self, requests: list[Any]) -> list[str]:
        """Texts in the order of the requests. All items of one decoding are answered together."""
        asks = [self._in_chat(ask) for ask in asks_of(requests, self.defaults)]
        solved: list[list[Solution]] = [self._stored.answer(ask) or [] for ask in asks]
        work = _Work(self._progress, sum(ask.decoding.samples for ask in asks), sum(map(len, solved)))
        for chunk in _chunks(asks, [i for i, row in enumerate(solved) if not row]):
            answers = self._answered([asks[i] for i in chunk], work)
            for i, row in zip(chunk, answers, strict=True):
                solved[i] = row
            work.finish(sum(map(len, answers)), sum(s.tokens for row in answers for s in row))
        for ask, row in zip(asks, solved, strict=True):
            self.answered[ask.task, ask.item, ask.text] = row
        if self._solutions_file is not None:
            rows = ((ask.task, ask.item, row) for ask, row in zip(asks, solved, strict=True))
            write_solutions(self._solutions_file, rows)
        return [solution.response for row in solved for solution in row]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Of the model, or of the solver of a pair."""
        results: list[tuple[float, bool]] = []
        work = _Work(self._progress, len(requests))
        for start in range(0, len(requests), CHUNK):
            pairs = [
                (Rendered(context) if context in self._rendered else context, text)
                for context, text in (request.args for request in requests[start : start + CHUNK])
            ]
            new = [pair for pair in pairs if pair not in self._stored.likelihoods]
            found = iter(self._likelihoods(new, work) if new else ())
            results += [self._stored.likelihoods.get(pair) or next(found) for pair in pairs]
            work.finish(len(pairs))
        return results

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Not supported: the perplexity of a text says nothing about reasoning."""
        raise UserError(
            "the model 'smallsteps' does not compute rolling log-likelihood (perplexity tasks)",
            fix="use lm-eval's own model: --model hf --model_args pretrained=FOLDER",
        )

    @property
    def tokenizer_name(self) -> str:
        """Names rendered chats in lm-eval's caches."""
        return f"{self.system.student.name}@{sha256_of(self.system.identity)[:12]}"

    def chat_template(self, chat_template: bool | str = False) -> str:
        """The template that `--apply_chat_template` applies, for lm-eval's results; it adds the hash."""
        if isinstance(chat_template, str) and chat_template not in ("", "default"):
            raise UserError(
                f"no chat template named '{chat_template}'", fix="give --apply_chat_template without a name"
            )
        return self._chat().template

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A chat as text; asked by the student's own scheme where the task has bare questions."""
        messages = [Message(m["role"], m["content"]) for m in chat_history]  # type: ignore[arg-type]
        text = self._chat().render(messages, reply=add_generation_prompt)
        self._rendered[text] = chat_history
        return text

    def _chat(self) -> Chat:
        engines = self.system.engines
        if not engines.chats:
            self.system = in_chats(self.system)
            engines = self.system.engines
        return engines.chats[self.system.main]

    def _in_chat(self, ask: Ask) -> Ask:
        """A request that lm-eval rendered: its question where a scheme asks it, else the text as it is."""
        history = self._rendered.get(ask.text)
        if history is None:
            return ask
        return replace(ask, text=history[-1]["content"] if ask.wrapped else Rendered(ask.text))

    def stopped(self) -> int:
        """Answers of our own tasks that ended at a stop string and not by the model."""
        return sum(row.stop == "stop" for rows in self.answered.values() for row in rows)

    def get_model_info(self) -> dict[str, Any]:
        """What lm-eval writes into its results about the model."""
        student = self.system.student
        return {"student": student.name, **self.system.identity, "base": student.base}

    def _answered(self, asks: Sequence[Ask], work: _Work) -> list[list[Solution]]:
        if self._store is None:
            return self.system.answer(asks)
        # one text an answer unless there is a dialogue, whose answers all end with its last turn, or a vote
        can = abilities_of(self.system.scheme)
        texts = not asks[0].wrapped or not (can.dialogue or can.votes)
        key = self._store.key([asdict(asks[0].decoding), [ask.content() for ask in asks]])
        found = self._store.read(key)
        if found is None:
            before = self.system.engines.cut_prompts()
            self.system.engines.write_to(self._store.journal(key, work.reporter(texts)))
            answers = self.system.answer(asks)
            self.system.engines.write_to(None)
            cut = self.system.engines.cut_prompts() - before
            found = {"solutions": solutions_to_json(answers), "cut_prompts": cut}
            self._store.write(key, found)
        self.cut_prompts += found["cut_prompts"]
        return solutions_from_json(found["solutions"])

    def _likelihoods(self, pairs: list[Any], work: _Work) -> list[tuple[float, bool]]:
        engines = self.system.engines
        if self._store is None:
            return engines[self.system.main].loglikelihood(pairs)
        key = self._store.key(["loglikelihood", [list(pair) for pair in pairs]])
        found = self._store.read(key)
        if found is None:
            engines.write_to(self._store.journal(key, work.reporter(True)))
            found = engines[self.system.main].loglikelihood(pairs)
            engines.write_to(None)
            self._store.write(key, found)
        return [(float(value), bool(greedy)) for value, greedy in found]


@dataclass(slots=True)
class _Work:
    """Progress of a call."""

    progress: Progress | None
    total: int
    done: int = 0
    tokens: int = 0

    def finish(self, answers: int, tokens: int = 0) -> None:
        """Count a finished chunk."""
        self.done, self.tokens = self.done + answers, self.tokens + tokens
        if self.progress is not None:
            self.progress(self.done, self.total, self.tokens)

    def reporter(self, counted: bool) -> Callable[[int, int], None] | None:
        """The progress callback of a journal within a chunk; only texts that are answers are `counted`."""
        progress = self.progress
        if progress is None:
            return None
        done, tokens = self.done, self.tokens

        def report(texts: int, generated: int) -> None:
            progress(done + (texts if counted else 0), self.total, tokens + generated)

        return report


def _chunks(asks: Sequence[Ask], chosen: Sequence[int]) -> list[list[int]]:
    """The chosen indices in chunks of `CHUNK` texts with the same decoding and kind of prompt."""
    groups: dict[Any, list[int]] = {}
    for i in chosen:
        groups.setdefault((asks[i].decoding, asks[i].wrapped), []).append(i)
    chunks = []
    for (decoding, _), members in groups.items():
        size = max(1, CHUNK // decoding.samples)
        chunks += [members[start : start + size] for start in range(0, len(members), size)]
    return chunks


def _format(chat: bool, system: str, thinking: str | None) -> dict[str, Any]:
    try:
        asked = FormatSpec.model_validate(
            {"kind": "chat" if chat else "plain", "system": system, "thinking": thinking}
        )
    except ValueError as error:
        raise UserError(
            f"not a format: {error}", where="model_args", fix="known: chat, system, thinking"
        ) from None
    return asked.model_dump(mode="json")


def _rows(batch_size: int | str | None) -> int | None:
    if batch_size is None or str(batch_size).startswith("auto"):
        return None
    try:
        return int(batch_size)
    except ValueError:
        raise UserError(f"batch size '{batch_size}' is not a number", fix="give a number or auto") from None
