"""One call from the `corpus:` section to a corpus on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.corpora.collect import Progress, collect, plan
from smallsteps.corpora.corpus import Corpus, corpus_hash, write_corpus
from smallsteps.corpora.figure import quality_svg
from smallsteps.corpora.filters import Encode
from smallsteps.corpora.planning import planning_tokens
from smallsteps.corpora.quality import Quality, measure, read_quality, text_report
from smallsteps.corpora.screening import screen
from smallsteps.corpora.selection import Selection, select
from smallsteps.corpora.spec import CorpusSpec
from smallsteps.corpora.store import Store
from smallsteps.engines.counting import token_counter
from smallsteps.errors import DATA, UserError
from smallsteps.files import write_atomic, write_json
from smallsteps.problems import Problem
from smallsteps.teachers.files import FileTeacher
from smallsteps.teachers.make import make_teacher
from smallsteps.teachers.model import Remembers, Request, Sample, Status, Teacher
from smallsteps.teachers.prices import Price
from smallsteps.teachers.prompting import load_template
from smallsteps.teachers.spec import HuggingFaceSpec

if TYPE_CHECKING:
    from smallsteps.engines.sentences import SentenceEncoder

STORE = "store.sqlite"


def taught_folder(path: Path) -> Path:
    """Where `smallsteps teach` puts the corpus of a recipe or corpus file, unless `--out` names a folder."""
    return Path("corpora") / path.stem


def build_corpus(
    spec: CorpusSpec,
    problems: Sequence[Problem],
    folder: Path,
    *,
    store: Path | None = None,
    taught: Path | None = None,
    folders: Sequence[Path] = (),
    progress: Progress | None = None,
    teacher: Teacher | None = None,
    may_be_empty: bool = False,
) -> Corpus:
    """Collect what is missing, verify, filter, decompose, and write corpus and quality report.

    The folder's content depends on the spec and the problems alone; a second call collects nothing.

    Args:
        spec: the section.
        problems: the problems of `spec.benchmark` and `spec.split`; `spec.limit` is applied here.
        folder: receives the store, the corpus and its reports.
        store: where paid samples are kept, by default in `folder`. Sections that differ only in what they
            select can share one: nothing is asked for twice.
        taught: a store of `smallsteps teach`; its samples of this teacher are copied, not requested again.
        folders: where relative paths of rationale and template files are looked for, in this order.
        progress: called after every stored batch.
        teacher: who is asked, where the section names a student that only the caller knows.
        may_be_empty: nothing left to learn from is no error, since other sections are mixed in.

    Raises:
        UserError: the teacher failed, or nothing is left to learn from.
    """
    collection = prepare(spec, problems, folders, teacher)
    with Store(store or folder / STORE, durable=collection.teacher.paid) as kept:
        equip(collection, kept)
        if taught is not None and taught.exists():
            adopt(taught, kept, collection.teacher.name)
        collect(collection.teacher, collection.requests, kept, progress, check=spec.states_answers)
        return finish(spec, collection, kept, folder, progress=progress, may_be_empty=may_be_empty)


def adopt(source: Path, store: Store, teacher: str) -> None:
    """Copy the final samples of a teacher from another store; those that are held already are left out."""
    with Store(source, readonly=True) as rows:
        found = (row for row in rows if row.teacher == teacher and row.status is not Status.ERROR)
        while chunk := list(islice(found, 1000)):
            held = store.done([row.key for row in chunk])
            store.add([row for row in chunk if row.key not in held])


def equip(collection: Collection, store: Store) -> None:
    """Give a teacher its memory of batch jobs; refuse a single-request teacher samples that such a job holds.

    Raises:
        UserError: samples asked for one by one are in a batch job already, and would be paid twice.
    """
    if isinstance(collection.teacher, Remembers):
        collection.teacher.memory = store.note
        return
    if not collection.teacher.paid:
        return
    from smallsteps.teachers.batch import under_way  # loads the client

    jobs = under_way(store.note)
    held = store.done(list(jobs))
    twice = [r.key for r in collection.requests if r.key in jobs and r.key not in held]
    if twice:
        raise UserError(
            f"{len(twice)} of these samples are in a batch job not fetched yet ({jobs[twice[0]] or 'no id'})",
            where=str(store.path),
            fix="set teacher.batch: true to fetch it; asked for one by one they would be paid twice",
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """What a section asks for: its teacher, its problems, all its requests and its sentence encoder."""

    teacher: Teacher
    problems: list[Problem]
    requests: list[Request]
    encoder: SentenceEncoder | None = None


def prepare(
    spec: CorpusSpec,
    problems: Sequence[Problem],
    folders: Sequence[Path] = (),
    teacher: Teacher | None = None,
) -> Collection:
    """Teacher and requests of a section; nothing is sent yet."""
    problems = list(problems[: spec.limit])
    teacher = teacher or make_teacher(spec.teacher, folders=folders)
    if isinstance(teacher, FileTeacher):
        teacher.check_matches(problems, f"{spec.benchmark} {spec.split}")
    template = load_template(spec.template, folders)
    requests = plan(teacher.name, problems, template, spec.sampling, spec.samples)
    return Collection(teacher, problems, requests, encoder_of(spec, folders))


def encoder_of(spec: CorpusSpec, folders: Sequence[Path] = ()) -> SentenceEncoder | None:
    """The sentence encoder of a section, not loaded yet; None when it names none."""
    if spec.encoder is None:
        return None
    from smallsteps.engines.sentences import find_encoder

    return find_encoder(spec.encoder, folders)


def finish(
    spec: CorpusSpec,
    collection: Collection,
    store: Store,
    folder: Path,
    *,
    price: Price | None = None,
    overlap: dict[str, Any] | None = None,
    tokenizer: str | None = None,
    progress: Progress | None = None,
    may_be_empty: bool = False,
) -> Corpus:
    """Shape the stored samples of a section and write the corpus with its reports.

    Args:
        spec, collection: the section, its problems and requests.
        store: holds the samples; screening adds to it.
        folder: where to write.
        price: of the teacher's tokens, where it is known.
        overlap: test items found among the problems, by test set; None where that was not checked.
        tokenizer: counts what static and dynamic planning take; None: that of a local teacher, if any.
        progress: hears of what screening stores.
        may_be_empty: see `build_corpus`.
    """
    samples = stored_samples(store, collection.requests)
    encode = collection.encoder.encode if collection.encoder else None
    selection = shape_selection(spec, collection.problems, samples, encode)
    screened = None
    if spec.screen:
        by_id = {problem.id: problem for problem in collection.problems}
        template = load_template("answer_questions")
        greedy = spec.sampling.model_copy(update={"temperature": 0.0, "logprobs": 0})
        screened = screen(collection.teacher, by_id, selection.rationales, template, greedy, store, progress)
        selection.rationales = screened.rationales
        selection.dropped.update(screened.dropped)
    quality = measure(collection.problems, samples, selection)
    if screened is not None:
        quality.prompt_tokens += screened.prompt_tokens
        quality.completion_tokens += screened.completion_tokens
    if price is not None:
        quality.pay(price.cost(quality.prompt_tokens, quality.completion_tokens))
    quality.overlap = overlap
    quality.planning = _planned(spec, collection, selection, tokenizer)
    quality.encoder = collection.encoder.name if collection.encoder else None
    corpus = corpus_of(spec, selection, quality, may_be_empty)
    held = write_corpus(folder, corpus)
    write_reports(folder, corpus)
    return corpus if held is None else replace(corpus, distributions=held.path)


def _planned(
    spec: CorpusSpec, collection: Collection, selection: Selection, tokenizer: str | None
) -> dict[str, Any] | None:
    """Tokens of planning the kept rationales' sub-questions, statically and dynamically."""
    local = spec.teacher if isinstance(spec.teacher, HuggingFaceSpec) else None
    place = tokenizer or (local.place if local else None)
    if place is None or not any(rationale.steps for rationale in selection.rationales):
        return None
    by_id = {problem.id: problem for problem in collection.problems}
    plans = [(by_id[rationale.problem_id], rationale.steps) for rationale in selection.rationales]
    count = token_counter(place, local.revision if local and tokenizer is None else None)
    found = planning_tokens(plans, count, Path(place).name)
    return found.data() if found else None


def stored_samples(store: Store, requests: Sequence[Request]) -> dict[str, list[Sample]]:
    """The stored rows of a plan, by problem id."""
    rows = store.get(list({request.key: None for request in requests}))
    found: dict[str, list[Sample]] = {}
    for request in requests:
        if request.key in rows:
            found.setdefault(request.problem.id, []).append(rows[request.key])
    return found


def shape(spec: CorpusSpec, problems: Sequence[Problem], samples: dict[str, list[Sample]]) -> Corpus:
    """Stored samples to a corpus, without screening.

    Raises:
        UserError: no rationale is left.
    """
    encoder = encoder_of(spec)
    selection = shape_selection(spec, problems, samples, encoder.encode if encoder else None)
    quality = measure(problems, samples, selection)
    quality.encoder = encoder.name if encoder else None
    return corpus_of(spec, selection, quality)


def shape_selection(
    spec: CorpusSpec,
    problems: Sequence[Problem],
    samples: dict[str, list[Sample]],
    encode: Encode | None = None,
) -> Selection:
    """What a section keeps of its samples."""
    return select(
        problems,
        samples,
        keep=spec.keep,
        samples_per_problem=spec.samples,
        per_problem=spec.per_problem,
        filtering=spec.filter,
        decomposition=spec.decomposition,
        check_steps=spec.check_steps,
        unique=spec.unique,
        max_words=spec.max_words,
        fraction=spec.fraction,
        seed=spec.seed,
        encode=encode,
        thoughts=spec.thoughts,
        marks=spec.thought_marks,
    )


def corpus_of(spec: CorpusSpec, selection: Selection, quality: Quality, may_be_empty: bool = False) -> Corpus:
    """The corpus of a selection.

    Raises:
        UserError: no rationale is left, and that is an error.
    """
    if not selection.rationales and not may_be_empty:
        raise UserError(
            f"no rationale is left of {quality.samples} samples for {quality.problems} problems",
            where=f"corpus of {spec.benchmark} ({spec.split})",
            fix="\n  ".join(["what became of them:", *text_report(quality).rstrip().split("\n")]),
            code=DATA,
        )
    return Corpus(
        tuple(selection.rationales),
        corpus_hash(selection.rationales),
        spec.model_dump(mode="json"),
        quality.data(),
        spec.resample,
        spec.seed,
    )


def write_reports(folder: Path, corpus: Corpus) -> None:
    """Quality report as JSON, text and picture."""
    write_json(folder / "quality.json", corpus.quality)
    quality = read_quality(corpus.quality)
    write_atomic(folder / "quality.txt", text_report(quality))
    write_atomic(folder / "quality.svg", quality_svg(quality))
