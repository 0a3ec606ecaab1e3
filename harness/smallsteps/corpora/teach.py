"""What `smallsteps teach` does: estimate, collect within a budget, shape, compare with the test sets."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.config import Strict, compose, read_yaml, validate
from smallsteps.corpora.build import STORE, Collection, equip, finish, prepare
from smallsteps.corpora.collect import Progress, collect
from smallsteps.corpora.corpus import Corpus
from smallsteps.corpora.evolve import Evolution, evolve
from smallsteps.corpora.overlap import overlap
from smallsteps.corpora.spec import CorpusSpec
from smallsteps.corpora.store import Store
from smallsteps.errors import ConfigError, UserError
from smallsteps.files import write_jsonl
from smallsteps.problems import Problem
from smallsteps.problems.finding import with_benchmark
from smallsteps.teachers.budget import Purse, Spends
from smallsteps.teachers.files import FileTeacher
from smallsteps.teachers.keys import address_of, is_loopback
from smallsteps.teachers.model import Request
from smallsteps.teachers.prices import Estimate, Price, Speed, estimate, load_prices, shown
from smallsteps.teachers.spec import FileSpec, OpenAISpec, OracleSpec

PACE = "pace:"  # note with the samples and seconds of a teacher's last run
_ENOUGH = 10  # samples that make a pace


class CorpusFile(Strict):
    """A YAML file with nothing but a corpus. A recipe's `corpus:` section reads the same.

    Attributes:
        corpus: the section.
    """

    corpus: CorpusSpec


def is_corpus_file(path: Path) -> bool:
    """Whether a YAML file holds only a corpus (else it is a recipe)."""
    data = read_yaml(path).data
    return isinstance(data, dict) and "corpus" in data and "recipe" not in data and "extends" not in data


def load_corpus_file(path: Path, overrides: Sequence[str] = ()) -> CorpusSpec:
    """The section of a corpus file.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    document, errors = with_benchmark(compose(path, overrides), ("corpus", "benchmark"), ("corpus", "split"))
    if errors:
        raise ConfigError(errors)
    return validate(CorpusFile, document).corpus


@dataclass(frozen=True, slots=True)
class Lesson:
    """A planned collection: the section, its requests, the price of tokens, the place of the store."""

    spec: CorpusSpec
    collection: Collection
    price: Price | None
    price_date: str
    store: Path
    folder: Path

    def cost(self, store: Store) -> float | None:
        """Dollars that the rows of this collection cost, in all runs.

        With screening, everything the teacher said about these problems counts, since nothing marks its
        answers to the sub-questions. On a store shared with other sections that is too much, never too
        little.
        """
        if self.price is None:
            return None
        if self.spec.screen:
            ids, name = {problem.id for problem in self.collection.problems}, self.collection.teacher.name
            rows = [row for row in store if row.teacher == name and row.problem_id in ids]
        else:
            rows = list(store.get(list({request.key: None for request in self.collection.requests})).values())
        return self.price.cost(sum(r.prompt_tokens for r in rows), sum(r.completion_tokens for r in rows))


def lesson(
    spec: CorpusSpec,
    problems: Sequence[Problem],
    folder: Path,
    *,
    store: Path | None = None,
    folders: Sequence[Path] = (),
    prices: Path | None = None,
) -> Lesson:
    """Plan a collection; nothing is sent.

    Args:
        spec, problems: the section and its problems.
        folder: receives the corpus; store: by default inside it.
        folders: where relative paths are looked for.
        prices: price file instead of the section's own or the shipped one.
    """
    collection = prepare(spec, problems, folders)
    price, date = None, ""
    if isinstance(spec.teacher, OpenAISpec):
        own = Path(spec.teacher.prices) if spec.teacher.prices else None
        listed = load_prices(prices or own)
        price, date = listed.of(spec.teacher.model, batch=spec.teacher.batch), str(listed.date)
        if price is None and on_this_machine(spec.teacher):
            price, date = Price(input=0.0, output=0.0), ""
    return Lesson(spec, collection, price, date, store or folder / STORE, folder)


def on_this_machine(teacher: OpenAISpec) -> bool:
    """Whether an endpoint is a server on this machine, free unless a price list names its model."""
    return is_loopback(address_of(teacher))


def estimated(plan: Lesson) -> Estimate:
    """Tokens, cost and time of what is not stored yet. Spends nothing and writes nothing."""
    requests = list({request.key: request for request in plan.collection.requests}.values())
    mean: float | None = None
    held: set[str] = set()
    measured: float | None = None
    if plan.store.exists():
        with Store(plan.store, readonly=True) as store:
            held = store.done([request.key for request in requests])
            stored, usage = len(store), store.usage()
            mean = usage["completion_tokens"] / stored if stored and usage["completion_tokens"] else None
            measured = _measured(store, plan.collection.teacher.name)
    teacher = plan.spec.teacher
    missing = [request for request in requests if request.key not in held]
    if isinstance(teacher, FileSpec | OracleSpec):
        return _nothing_asked(plan, missing, len(held))
    endpoint = teacher if isinstance(teacher, OpenAISpec) else None
    free = "a model on this machine"
    if endpoint is not None:
        free = "the endpoint is on this machine" if not plan.price_date and plan.price else ""
    return estimate(
        missing,
        len(held),
        price=plan.price,
        price_date=plan.price_date,
        mean_completion=mean,
        system=endpoint.system if endpoint else "",
        speed=Speed(
            endpoint.limits.requests_per_minute if endpoint else None,
            endpoint.limits.tokens_per_minute if endpoint else None,
            endpoint.limits.concurrency if endpoint and not endpoint.batch else None,
            measured,
        ),
        free=free,
    )


def _nothing_asked(plan: Lesson, missing: Sequence[Request], reused: int) -> Estimate:
    """The estimate of a teacher that is a file, or the oracle of the micro-world."""
    teacher, found = plan.collection.teacher, len(missing)
    free = "the oracle makes its samples itself"
    if isinstance(teacher, FileTeacher):
        found = sum(request.sample < len(teacher.found(request.problem)) for request in missing)
        free = "stored rationales are read from a file"
    return Estimate(
        found, reused, 0, 0, 0, "nothing is asked", 0.0, 0.0, 0.0, "", "nothing is waited for", free, False,
        len(missing) - found,
    )  # fmt: skip


def _measured(store: Store, teacher: str) -> float | None:
    """Samples a second in the last run of a teacher on this store."""
    try:
        samples, seconds = json.loads(store.note(f"{PACE}{teacher}") or "null") or (0, 0.0)
        return samples / seconds if seconds > 0 and samples > 0 else None
    except (ValueError, TypeError):
        return None


def estimate_text(found: Estimate) -> str:
    """An estimate as lines of text."""
    if not found.asked:
        absent = f", {found.absent} absent" if found.absent else ""
        return "\n".join(
            [
                f"samples    {found.requests} to read{absent}, {found.reused} stored already",
                f"cost       none: {found.free}, and no teacher is asked",
                "time       seconds",
            ]
        )
    lines = [
        f"samples    {found.requests} to ask for, {found.reused} stored already",
        f"prompt     about {found.prompt_tokens} tokens",
        f"completion about {found.completion_tokens} tokens ({found.basis}), "
        f"{found.most_completion_tokens} at most",
    ]
    if found.free:
        lines.append(f"cost       none: {found.free}")
    elif found.dollars is not None and found.most_dollars is not None:
        lines.append(
            f"cost       about {shown(found.dollars)} dollars, {shown(found.most_dollars)} at most "
            f"(prices of {found.price_date})"
        )
    else:
        lines.append("cost       unknown: the model is in no price list (see --prices)")
    if found.minutes is None:
        lines.append(f"time       {found.time_basis}")
    else:
        length = f"{found.minutes:.1f} minutes" if found.minutes >= 1 else f"{60 * found.minutes:.0f} s"
        lines.append(f"time       about {length} ({found.time_basis})")
    return "\n".join(lines)


def teach(
    plan: Lesson,
    *,
    budget: float | None = None,
    progress: Progress | None = None,
    tests: Sequence[str] = (),
    data: Path | None = None,
    tokenizer: str | None = None,
) -> tuple[Corpus, list[str]]:
    """Collect what is missing and shape the corpus; returns it with notices about the store.

    Args:
        plan: what to collect.
        budget: dollars for this collection over all its runs; None is unbounded.
        progress: called after every stored batch.
        tests: benchmarks whose test sets are looked for among the problems.
        data: offline data directory.
        tokenizer: folder, `tokenizer.json` or hub id; counts what static and dynamic planning take.

    Raises:
        UserError: the budget has no price to be counted in, or was reached; the teacher gave up.
    """
    teacher = plan.collection.teacher
    with Store(plan.store, durable=teacher.paid) as store:
        _equip(plan, store, budget)
        started = time.monotonic()
        tally = collect(teacher, plan.collection.requests, store, progress, check=plan.spec.states_answers)
        asked = sum(tally.done.values())
        if asked >= _ENOUGH:
            store.note(f"{PACE}{teacher.name}", json.dumps([asked, round(time.monotonic() - started, 3)]))
        corpus = finish(
            plan.spec,
            plan.collection,
            store,
            plan.folder,
            price=plan.price,
            tokenizer=tokenizer,
            overlap=overlap_with(plan, tests, data) if tests else None,
            progress=progress,
        )
        return corpus, _store_notices(store)


def _store_notices(store: Store) -> list[str]:
    found = []
    if store.escaped:
        found.append(
            f"characters that no file can hold (lone surrogates, NUL), {store.escaped} in all, are stored "
            "written out, as \\ud800; the field 'escaped' of a sample counts them"
        )
    if store.unstorable:
        found.append(
            f"{len(store.unstorable)} answers could not be stored; their rows say why, and the next run asks "
            "for them again"
        )
    return found


def evolve_lesson(
    plan: Lesson, rounds: int, *, budget: float | None = None, progress: Progress | None = None
) -> Evolution:
    """Make new problems from those of a section, `spec.samples` votes each, and write `evolved.jsonl`.

    Args:
        plan: teacher, problems, store and folder.
        rounds: how often problems are evolved.
        budget: dollars for this run; None is unbounded.
        progress: called after every stored batch.
    """
    with Store(plan.store, durable=plan.collection.teacher.paid) as store:
        _equip(plan, store, budget)
        found = evolve(
            plan.collection.teacher,
            plan.collection.problems,
            store,
            rounds=rounds,
            sampling=plan.spec.sampling,
            votes=max(2, plan.spec.samples),
            seed=plan.spec.seed,
            progress=progress,
        )
    write_jsonl(
        plan.folder / "evolved.jsonl",
        ({"id": p.id, "question": p.question, "answer": p.answer, **p.tags} for p in found.problems),
    )
    return found


def _equip(plan: Lesson, store: Store, budget: float | None) -> None:
    """Price, budget and memory for the teachers that have use for them."""
    teacher = plan.collection.teacher
    if isinstance(teacher, Spends):
        spent = plan.cost(store)
        if spent is None and budget is not None:
            raise UserError(
                "a budget needs the price of the model, and no list has it",
                where="--budget-usd",
                fix="give a price file with --prices",
            )
        teacher.purse = Purse(plan.price, budget, spent or 0.0)
    equip(plan.collection, store)


def overlap_with(plan: Lesson, benchmarks: Sequence[str], data: Path | None) -> dict[str, Any]:
    """Test items of the benchmarks found among the problems: items, exact, near, by benchmark."""
    report = overlap((problem.question for problem in plan.collection.problems), benchmarks, data)
    return {b.benchmark: {"items": b.items, "exact": b.exact, "near": b.near} for b in report.benchmarks}
