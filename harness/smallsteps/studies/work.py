"""What a worker does for each kind of stage, given a payload of plain values and a progress callback."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.corpora import Corpus, CorpusSpec, Tally, build_corpus, read_corpus
from smallsteps.corpora.overlap import overlap
from smallsteps.errors import DATA, UserError
from smallsteps.files import write_json
from smallsteps.manifest import versions
from smallsteps.problems import load_problems
from smallsteps.schemes import Example, examples_of, get_scheme
from smallsteps.students import Student, hash_weights, write_student
from smallsteps.students.offline import model_folder
from smallsteps.students.recorded import unchanged
from smallsteps.studies.fitting import student_marks
from smallsteps.studies.makers import make_examples
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.together import start
from smallsteps.training import BaseSpec, ObjectiveSpec, Optimisation, Progress, train, train_tokenizer
from smallsteps.training.cost import NOTABLE
from smallsteps.training.team import declared, join

if TYPE_CHECKING:
    from smallsteps.problems import Problem

OVERLAP = "overlap.json"
Report = Callable[[float, float, str], None]
Payload = Mapping[str, Any]


def _on_recorded_models(work: Callable[[Payload, Report], None]) -> Callable[[Payload, Report], None]:
    """Work that fails when a model of the stage is not, or no longer, the recorded one."""

    @functools.wraps(work)
    def checked(payload: Payload, report: Report) -> None:
        with unchanged(payload.get("models", {})):
            work(payload, report)

    return checked


@_on_recorded_models
def make_corpus(payload: Payload, report: Report) -> None:
    """Collect, verify and filter the rationales of one corpus section."""
    spec = CorpusSpec.model_validate(payload["content"]["corpus"])

    def report_tally(tally: Tally) -> None:
        note = f"{tally.correct} of {tally.checked} right" if tally.checked else ""
        report(tally.stored, tally.total, note)

    build_corpus(
        spec,
        corpus_problems(spec, _path(payload["data"])),
        Path(payload["folder"]),
        store=Path(payload["store"]),
        taught=Path(payload["taught"]),
        folders=[Path(place) for place in payload["folders"]],
        progress=report_tally,
    )


def corpus_problems(spec: CorpusSpec, data: Path | None) -> list[Problem]:
    """The problems of a corpus section. `limit` is applied by the corpus itself."""
    return load_problems(spec.benchmark, spec.split, data)


@_on_recorded_models
def make_student(payload: Payload, report: Report) -> None:
    """Train all parts of one student, one after the other."""
    content, folder = payload["content"], Path(payload["folder"])
    recipe = Recipe.model_validate(content["recipe"])
    team = declared()
    if team.is_alone and (recipe.devices > 1 or recipe.strategy != "ddp"):
        return start(payload, report, devices=recipe.devices, strategy=recipe.strategy)
    team = join()
    base = BaseSpec.model_validate(payload["base"])
    objective = ObjectiveSpec.model_validate(payload.get("objective", {}))
    corpus = read_corpus(Path(payload["corpus_folder"])) if payload["corpus_folder"] else None
    seed = int(content["seed"])
    parts = get_scheme(recipe.scheme).parts
    figures: dict[str, Any] = {}
    weights: dict[str, str] = {}
    data = _path(payload["data"])
    lessons = {part: part_examples(recipe, part, corpus, data) for part in parts}
    if recipe.tokenizer is not None:
        everything = [example for _, examples in lessons.values() for example in examples]
        own = functools.partial(train_tokenizer, recipe.tokenizer, everything, folder / "tokenizer")
        team.lead(lambda: (own(), None)[1])
        base = base.model_copy(update={"tokenizer": str(folder / "tokenizer")})
    if len(lessons) > 1:  # a part that cannot be trained is found before another one was
        from smallsteps.training.check import check_examples

        for optimisation, examples in lessons.values():
            check_examples(examples, base, optimisation, recipe.format)
    for index, (part, (optimisation, examples)) in enumerate(lessons.items()):

        def report_step(
            progress: Progress,
            index: int = index,
            part: str = part,
            optimisation: Optimisation = optimisation,
        ) -> None:
            share = progress.step / progress.steps
            name = f"{part} " if len(parts) > 1 else ""
            note = f"{name}loss {progress.loss:.3f}, {progress.tokens_per_second / 1000:.1f}k tokens/s"
            if progress.optimizer_share >= NOTABLE:
                note += f", {100 * progress.optimizer_share:.0f} % for {optimisation.optimizer}"
            report(index + share, len(parts), note)

        place = folder / part
        result = train(
            examples,
            base,
            optimisation,
            seed=seed,
            out=place,
            progress=report_step,
            format=recipe.format,
            lora=recipe.lora,
            objective=objective,
            distributions=corpus.distributions if corpus else None,
        )
        figures[part] = asdict(result.figures)
        weights[part] = team.lead(functools.partial(hash_weights, place))
    student = Student(
        name=recipe.recipe,
        scheme=recipe.scheme,
        parts={part: part for part in parts},
        base=recipe.base.place or str((recipe.base.architecture or {}).get("model_type", "")),
        revision=recipe.base.revision,
        seed=seed,
        recipe=payload["recipe_hash"],
        corpus=corpus.hash if corpus else "",
        weights=weights,
        versions=versions(),
        training=figures,
        precision=recipe.decoding.precision,
        base_weights=base_weights(base),
        lora={} if recipe.lora is None else recipe.lora.model_dump(mode="json"),
        thoughts=student_marks(recipe, base),
        format={} if recipe.format.kind == "plain" else recipe.format.model_dump(mode="json"),
    )
    team.lead(lambda: write_student(folder, student))
    return None


def base_weights(base: BaseSpec) -> str:
    """sha256 of the weights that a student was made from; empty for random ones, or a base on the hub."""
    place = model_folder(base.place, base.revision) if base.place is not None else None
    return hash_weights(place) if place is not None else ""


def make_overlap(payload: Payload, report: Report) -> None:
    """Look for test items among the training examples of a recipe.

    Raises:
        ConfigError: more of a test set is among them than the study allows.
    """
    content = payload["content"]
    recipe = Recipe.model_validate(payload["recipe"])
    corpus = read_corpus(Path(payload["corpus_folder"])) if payload["corpus_folder"] else None
    data = _path(payload["data"])
    texts = dict.fromkeys(
        example.prompt + example.target
        for part in get_scheme(recipe.scheme).parts
        for example in part_examples(recipe, part, corpus, data)[1]
    )
    found = overlap(texts, content["benchmarks"], data)
    write_json(Path(payload["folder"]) / OVERLAP, found.data())
    found.check(content["limit"], content["allowed"])


def part_examples(
    recipe: Recipe, part: str, corpus: Corpus | None, data: Path | None
) -> tuple[Optimisation, list[Example]]:
    """Training examples of one part, replay mixed in, with the optimisation that goes with them.

    Raises:
        UserError: the corpus gives this scheme nothing to learn from.
    """
    optimisation = recipe.optimisation_of(part)
    if recipe.examples is not None:
        return optimisation, list(make_examples(recipe.examples.source, recipe.examples.arguments, data))
    assert corpus is not None
    spec = recipe.corpus
    assert spec is not None
    problems = {problem.id: problem for problem in corpus_problems(spec, data)}
    rationales = list(corpus.rationales)
    if corpus.resample:
        if optimisation.epochs is None:
            raise UserError("'resample' draws again each epoch: give 'epochs' instead of 'steps'", code=DATA)
        rationales = [r for epoch in range(math.ceil(optimisation.epochs)) for r in corpus.epoch(epoch)]
        optimisation = optimisation.model_copy(update={"epochs": 1.0})
    examples = examples_of(get_scheme(recipe.scheme), problems, rationales, spec.thought_marks)[part]
    if not examples:
        raise UserError(
            f"none of {len(rationales)} rationales gives an example for the {part} of '{recipe.scheme}'",
            fix="a scheme with sub-questions needs 'decomposition' in the corpus section",
            code=DATA,
        )
    if recipe.replay is not None:
        share = recipe.replay.share
        wanted = round(len(examples) * share / (1 - share))
        examples += make_examples(recipe.replay.source, {**recipe.replay.arguments, "examples": wanted}, data)
    return optimisation, list(examples)


@_on_recorded_models
def make_run(payload: Payload, report: Report) -> None:
    """Evaluate one student on one suite through lm-eval."""
    from smallsteps.evaluation.runner import Settings, evaluate

    content = payload["content"]
    settings = Settings(
        tasks=tuple(content["tasks"]),
        limit=content["limit"],
        samples=content["samples"] if content["samples"] > 1 else None,
        temperature=content["temperature"],
        scheme=content["scheme"],
        plans=content["plans"],
        precision=content["precision"],
        format=content.get("format"),
        revision=content.get("revision"),
        stop=tuple(content["stop"]) if content.get("stop") is not None else None,
    )
    evaluate(
        payload["student"],
        settings,
        Path(payload["folder"]),
        label=payload["label"],
        seed=payload["seed"],
        data=_path(payload["data"]),
        progress=lambda done, total, tokens: report(done, total, "" if done else f"{tokens} tokens"),
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None
