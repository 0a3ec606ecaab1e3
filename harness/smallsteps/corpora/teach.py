"""What `smallsteps teach` does: estimate, collect within a budget, shape, compare with the test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.config import Strict, compose, read_yaml, validate
from smallsteps.corpora.build import STORE, Wanted, equip, finish, prepare
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
from smallsteps.teachers.prices import Estimate, Price, estimate, load_prices, shown
from smallsteps.teachers.spec import OpenAISpec


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
    """One collection to be made: the section, its requests, what tokens cost, where the store is."""

    spec: CorpusSpec
    wanted: Wanted
    price: Price | None
    price_date: str
    store: Path
    folder: Path

    def cost(self, store: Store) -> float | None:
        """Dollars that the rows of this collection cost, in all runs.

        With screening, all that the teacher has said about these problems counts: its answers to the
        sub-questions are told by nothing else. On a store shared with other sections that is too much, never
        too little.
        """
        if self.price is None:
            return None
        if self.spec.screen:
            ids, name = {problem.id for problem in self.wanted.problems}, self.wanted.teacher.name
            rows = [row for row in store if row.teacher == name and row.problem_id in ids]
        else:
            rows = list(store.get(list({request.key: None for request in self.wanted.requests})).values())
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
    """Prepare a collection; asks nothing.

    Args:
        spec, problems: the section and its problems.
        folder: receives the corpus; store: by default inside it.
        folders: where relative paths are looked for.
        prices: price file instead of the section's own or the shipped one.
    """
    wanted = prepare(spec, problems, folders)
    price, date = None, ""
    if isinstance(spec.teacher, OpenAISpec):
        own = Path(spec.teacher.prices) if spec.teacher.prices else None
        listed = load_prices(prices or own)
        price, date = listed.of(spec.teacher.model, batch=spec.teacher.batch), str(listed.date)
    return Lesson(spec, wanted, price, date, store or folder / STORE, folder)


def estimated(plan: Lesson) -> Estimate:
    """Tokens, cost and time of what is not stored yet. Spends nothing and writes nothing."""
    requests = list({request.key: request for request in plan.wanted.requests}.values())
    mean: float | None = None
    held: set[str] = set()
    if plan.store.exists():
        with Store(plan.store, readonly=True) as store:
            held = store.done([request.key for request in requests])
            stored, usage = len(store), store.usage()
            mean = usage["completion_tokens"] / stored if stored and usage["completion_tokens"] else None
    teacher = plan.spec.teacher
    limits = teacher.limits if isinstance(teacher, OpenAISpec) else None
    return estimate(
        [request for request in requests if request.key not in held],
        len(held),
        price=plan.price,
        price_date=plan.price_date,
        mean_completion=mean,
        system=teacher.system if isinstance(teacher, OpenAISpec) else "",
        requests_per_minute=limits.requests_per_minute if limits else None,
        tokens_per_minute=limits.tokens_per_minute if limits else None,
    )


def estimate_text(found: Estimate) -> str:
    """An estimate as lines of text."""
    lines = [
        f"samples    {found.requests} to ask for, {found.reused} stored already",
        f"prompt     about {found.prompt_tokens} tokens",
        f"completion about {found.completion_tokens} tokens ({found.basis}), "
        f"{found.most_completion_tokens} at most",
    ]
    if found.dollars is not None and found.most_dollars is not None:
        lines.append(
            f"cost       about {shown(found.dollars)} dollars, {shown(found.most_dollars)} at most "
            f"(prices of {found.price_date})"
        )
    else:
        lines.append("cost       unknown: the model is in no price list (see --prices)")
    if found.minutes is not None:
        lines.append(f"time       {found.minutes:.1f} minutes or more, at the limits set")
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
    """Collect what is missing and shape the corpus; returns it with notices about the endpoint.

    Args:
        plan: what to collect.
        budget: dollars for this collection over all its runs; None is unbounded.
        progress: hears of every stored batch.
        tests: benchmarks whose test sets are looked for among the problems.
        data: offline data directory.
        tokenizer: folder, `tokenizer.json` or hub id; counts what static and dynamic planning take.

    Raises:
        UserError: the budget has no price to be counted in, or was reached; the teacher gave up.
    """
    teacher = plan.wanted.teacher
    with Store(plan.store, durable=teacher.paid) as store:
        _equip(plan, store, budget)
        collect(teacher, plan.wanted.requests, store, progress, check=plan.spec.states_answers)
        corpus = finish(
            plan.spec,
            plan.wanted,
            store,
            plan.folder,
            price=plan.price,
            tokenizer=tokenizer,
            overlap=overlap_with(plan, tests, data) if tests else None,
            progress=progress,
        )
    return corpus, list(getattr(teacher, "notices", ()))


def evolve_lesson(
    plan: Lesson, rounds: int, *, budget: float | None = None, progress: Progress | None = None
) -> Evolution:
    """Make new problems from those of a section, `spec.samples` votes each, and write `evolved.jsonl`.

    Args:
        plan: teacher, problems, store and folder.
        rounds: how often problems are evolved.
        budget: dollars for this run; None is unbounded.
        progress: hears of every stored batch.
    """
    with Store(plan.store, durable=plan.wanted.teacher.paid) as store:
        _equip(plan, store, budget)
        found = evolve(
            plan.wanted.teacher,
            plan.wanted.problems,
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
    teacher = plan.wanted.teacher
    if isinstance(teacher, Spends):
        spent = plan.cost(store)
        if spent is None and budget is not None:
            raise UserError(
                "a budget needs the price of the model, and no list has it",
                where="--budget-usd",
                fix="give a price file with --prices",
            )
        teacher.purse = Purse(plan.price, budget, spent or 0.0)
    equip(plan.wanted, store)


def overlap_with(plan: Lesson, benchmarks: Sequence[str], data: Path | None) -> dict[str, Any]:
    """What of the benchmarks' test sets stands among the problems: items, exact, near, by benchmark."""
    report = overlap((problem.question for problem in plan.wanted.problems), benchmarks, data)
    return {b.benchmark: {"items": b.items, "exact": b.exact, "near": b.near} for b in report.benchmarks}
