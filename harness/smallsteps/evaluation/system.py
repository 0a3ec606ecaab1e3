"""The system under test: a student's scheme with the engines of its parts, loaded when first needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.answers.thoughts import Marks, parted
from smallsteps.engines import Engine, Generation
from smallsteps.engines.adapters import check_adapter, is_adapter, weights_of
from smallsteps.engines.numerics import Numerics, resolve
from smallsteps.engines.prompts import FormatSpec
from smallsteps.errors import UserError
from smallsteps.evaluation.endpoints import (
    EndpointEngine,
    bill,
    identity_of,
    is_endpoint,
    read_endpoint,
    store_of,
)
from smallsteps.evaluation.requests import Ask
from smallsteps.evaluation.versions import GENERATION_VERSION
from smallsteps.schemes import AnswersPlans, Scheme, Solution, abilities_of, get_scheme
from smallsteps.startup import importing
from smallsteps.students import Student, check_weights, part_path
from smallsteps.students.offline import HubModel, StoredModel, model_folder, stored_model
from smallsteps.students.places import find_student, stops_of
from smallsteps.students.recorded import Files, model_files
from smallsteps.terminal import visible_text

if TYPE_CHECKING:
    from smallsteps.engines.chat import Chat
    from smallsteps.engines.journal import Journal

PLANS = ("own", "gold")


class LazyEngines(Mapping[str, Engine]):
    """Engines by part; a part that is never asked is never loaded."""

    def __init__(
        self,
        places: Mapping[str, str],
        options: Mapping[str, Any],
        dialogue: bool,
        chats: Mapping[str, Chat] | None = None,
    ) -> None:
        self.chats = dict(chats or {})
        self._places = dict(places)
        self._options = dict(options)
        self._dialogue = dialogue
        self._loaded: dict[str, Any] = {}
        self._journal: Journal | None = None
        self.kept: Path | None = None  # folder for the answers of endpoints

    def __getitem__(self, part: str) -> Engine:
        if part not in self._loaded:
            remember = self._dialogue and part == list(self._places)[-1]
            with importing():  # transformers imports a model's code when it is loaded
                if is_endpoint(self._places[part]):
                    spec = read_endpoint(self._places[part])
                    self._loaded[part] = EndpointEngine(spec, store_of(self.kept, part))
                else:
                    from smallsteps.engines.loading import load_engine

                    self._loaded[part] = load_engine(self._places[part], remember=remember, **self._options)
                self._loaded[part].part, self._loaded[part].journal = part, self._journal
        engine: Engine = self._loaded[part]
        if part in self.chats:
            from smallsteps.engines.chat import ChatEngine

            return ChatEngine(engine, self.chats[part])
        return engine

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> dict[str, str]:
        """Where each part is loaded from."""
        return dict(self._places)

    def asked_in(self, chats: Mapping[str, Chat]) -> LazyEngines:
        """The same engines, not loaded yet, asked in chats."""
        return LazyEngines(self._places, self._options, self._dialogue, chats)

    def forget(self) -> None:
        """Start a new chunk with empty caches, so that its answers do not depend on earlier ones."""
        for engine in self._loaded.values():
            engine.forget()

    def write_to(self, journal: Journal | None) -> None:
        """Save texts into this journal from now on, or into none."""
        self._journal = journal
        for engine in self._loaded.values():
            engine.journal = journal

    def cut_prompts(self) -> int:
        """Prompts so far that were longer than a model's context allows."""
        return sum(engine.counts.cut_prompts for engine in self._loaded.values())

    def bills(self, folder: Path) -> dict[str, Any]:
        """Requests to the endpoints among the parts and their cost, from the answers stored in a folder."""
        from smallsteps.corpora.store import Store

        found = {}
        for part, place in self._places.items():
            kept = store_of(folder, part)
            if is_endpoint(place) and kept.exists():
                with Store(kept, readonly=True) as store:
                    found[part] = bill(store, read_endpoint(place))
        return found

    def counts(self) -> dict[str, Any]:
        """Counts of each loaded engine."""
        return {part: engine.counts for part, engine in self._loaded.items()}


@dataclass(frozen=True, slots=True)
class System:
    """A student ready to answer.

    Attributes:
        student: its card; scheme: how it reasons; plans: `own`, or `gold` sub-questions for the solver.
        engines: by part; `main` is the part that raw prompts and likelihoods go to.
        numerics: what it computes with.
        identity: everything besides the request that affects its answers; names a run.
        files: sha256 of what loading reads, by folder: tokenizers and configurations too, see `content`.
        stop: further texts that end a reply, for models that were not trained to stop.
        source: the model of the models directory, or of the hub, that it is, if it is one.
        marks: around what it thinks before it answers; None for a student that was not taught to.
    """

    student: Student
    scheme: Scheme
    plans: str
    engines: LazyEngines
    numerics: Numerics
    identity: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Files] = field(default_factory=dict)
    source: StoredModel | HubModel | None = None
    stop: tuple[str, ...] = ()
    marks: Marks | None = None

    @property
    def main(self) -> str:
        """The part that answers: the only one, or the solver."""
        return self.scheme.parts[-1]

    @property
    def content(self) -> dict[str, Any]:
        """The identity with the digests of all files that were read: what stored answers belong to."""
        return {**self.identity, "files": self.model_files()}

    def model_files(self) -> list[Files]:
        """Digests by part, without the places of this machine; the base of an adapter follows it."""
        return list(self.files.values())

    def answer(self, asks: Sequence[Ask]) -> list[list[Solution]]:
        """Solutions of asks that share decoding (samples included) and kind of prompt.

        Thoughts are not part of a response; unfinished thoughts leave it empty, with the stop reason
        `length`.

        Raises:
            UserError: gold plans, and a problem without any.
        """
        rows = self._answer(asks)
        if self.marks is None:
            return rows
        return [[_spoken(solution, self.marks) for solution in row] for row in rows]

    def _answer(self, asks: Sequence[Ask]) -> list[list[Solution]]:
        decoding = asks[0].decoding
        if asks[0].wrapped and self.stop:
            decoding = replace(decoding, stop=tuple(dict.fromkeys((*decoding.stop, *self.stop))))
        texts = [ask.text for ask in asks]
        self.engines.forget()
        if not asks[0].wrapped:
            rows = self.engines[self.main].generate(texts, decoding)
            return [[Solution(g.text, g.tokens, g.stop) for g in row] for row in rows]
        if self.plans == "own":
            return self.scheme.solve(texts, self.engines, decoding)
        assert isinstance(self.scheme, AnswersPlans)  # checked by `load_system`
        plans = [[_gold_plan(ask)] * decoding.samples for ask in asks]
        return self.scheme.answer_plans(texts, plans, self.engines, decoding)


def load_system(
    place: str | Path,
    *,
    scheme: str | None = None,
    plans: str = "own",
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    precision: str | None = None,
    format: FormatSpec | Mapping[str, Any] | None = None,  # noqa: A002 - the recipe's key
    stop: Sequence[str] | None = None,
) -> System:
    """The student in a directory, or a bare Hugging Face folder or hub id as a student of one part.

    Args:
        scheme: instead of the student's own; plans: `own`, or `gold` sub-questions for the solver.
        revision: of a hub id; dtype, device, batch_size: see `numerics.resolve`.
        precision: likewise; None is what the student's recipe says.
        format: how it is asked; None is what its card says.
        stop: texts that end a reply; None is `STOPS` for a model that was not trained here and is asked in
            plain text, else none.

    Raises:
        UserError: not a student, wrong scheme for its parts, unknown plans or numerics.
    """
    student = find_student(place, revision)
    folder = Path(place).expanduser()
    stored = None if folder.is_dir() else stored_model(str(place), revision)
    if stored is not None:
        folder = stored.folder
    elif not folder.is_dir():
        student = replace(student, revision=revision)
    chosen = get_scheme(scheme or student.scheme)
    absent = [part for part in chosen.parts if part not in student.parts]
    if absent:
        raise UserError(
            f"scheme '{chosen.name}' needs the part '{absent[0]}', which the student lacks "
            f"(it has: {', '.join(sorted(student.parts))})",
            where=str(place),
            fix="leave out --scheme to use the student's own",
        )
    if plans not in PLANS:
        raise UserError(f"unknown plans '{plans}'", fix=f"known: {', '.join(PLANS)}")
    if plans == "gold" and not isinstance(chosen, AnswersPlans):
        raise UserError(
            f"the scheme '{chosen.name}' asks no sub-questions that gold ones could replace",
            fix="leave out --plans gold, or evaluate a student whose scheme answers given sub-questions",
        )
    places = {part: part_path(folder, student, part) for part in chosen.parts}
    numerics = resolve(dtype, device, batch_size, precision or student.precision)
    options = numerics.as_dict()
    if revision is not None:
        options["revision"] = revision
    asked = FormatSpec.model_validate(student.format if format is None else format)
    chats = chats_of(places, asked, revision)
    if stop is None:
        stop = stops_of(place, revision) if asked.kind == "plain" else ()
    marks = Marks(**student.thoughts) if student.thoughts else None
    identity = {
        "weights": {part: _weights(where, revision) for part, where in places.items()},
        "scheme": chosen.name,
        "plans": plans,
        **numerics.identity(),
        "version": GENERATION_VERSION,
        **({"format": {part: chat.identity() for part, chat in chats.items()}} if chats else {}),
        **({"stop": list(stop)} if stop else {}),
        **({"thoughts": list(marks)} if marks is not None else {}),
    }
    engines = LazyEngines(places, options, abilities_of(chosen).dialogue, chats)
    named = replace(student, scheme=chosen.name)
    source = stored or (None if Path(place).expanduser().exists() else HubModel(str(place), revision))
    files = {str(path): model_files(path) for where in places.values() for path in _folders(where, revision)}
    return System(named, chosen, plans, engines, numerics, identity, files, source, tuple(stop), marks)


def in_chats(system: System) -> System:
    """The same system, asked in its tokenizer's chat template."""
    engines = system.engines
    chats = chats_of(engines.places, FormatSpec(kind="chat"), system.student.revision)
    identity = {**system.identity, "format": {part: chat.identity() for part, chat in chats.items()}}
    return replace(system, engines=engines.asked_in(chats), identity=identity)


def chats_of(places: Mapping[str, str], spec: FormatSpec, revision: str | None = None) -> dict[str, Chat]:
    """The chat of each part; empty for plain text. What a template does on its own goes to standard error."""
    if spec.kind == "plain":
        return {}
    with importing():
        from smallsteps.engines.chat import load_chat

        models = {part: where for part, where in places.items() if not is_endpoint(where)}
        chats = {part: load_chat(where, spec, revision) for part, where in models.items()}
    for notice in dict.fromkeys(notice for chat in chats.values() for notice in chat.notices):
        print(f"note: {visible_text(notice)}", file=sys.stderr)
    return chats


def _spoken(solution: Solution, marks: Marks) -> Solution:
    found = parted(solution.response, marks)
    stop = solution.stop if found.ended else "length"
    return replace(solution, response=found.said, thoughts=found.thoughts, stop=stop)


def _folders(where: str, revision: str | None) -> list[Path]:
    """Folders on the disk that a part is read from: none for a hub id, two for an adapter."""
    folder = model_folder(where, revision)
    if folder is None:
        return []
    base = check_adapter(folder) if is_adapter(folder) else None
    below = model_folder(base.base, base.revision) if base is not None else None
    return [folder] if below is None else [folder, below]


def _weights(where: str, revision: str | None) -> str:
    if is_endpoint(where):
        return identity_of(read_endpoint(where))
    folder = model_folder(where, revision)
    if folder is None:
        return f"{where}@{revision or 'main'}"
    check_weights(folder)
    return weights_of(folder)


def _gold_plan(ask: Ask) -> Generation:
    if not ask.plan:
        raise UserError(
            "--plans gold, but a problem has no gold sub-questions",
            where=f"task {ask.task}, item {ask.item}",
            fix="leave the task out of this run, or evaluate with the student's own plans",
        )
    return Generation(" ".join(ask.plan), tokens=0, prompt_tokens=0, stop="eos")
