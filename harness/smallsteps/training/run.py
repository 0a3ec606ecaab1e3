"""Examples in, a trained Hugging Face folder out."""

from __future__ import annotations

import contextlib
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.engines.prompts import FormatSpec, messages_of
from smallsteps.errors import UserError
from smallsteps.files import disk_full, is_disk_full, sha256_of, write_jsonl
from smallsteps.memory import keep_freed_memory
from smallsteps.training.result import Figures, Progress, Timing, TrainingResult, write_result
from smallsteps.training.settings import BaseSpec, LoraSpec, ObjectiveSpec, Optimisation
from smallsteps.training.team import Team, check_strategy, declared, join, together
from smallsteps.training.trackers import check_trackers, logs_of, run_name
from smallsteps.training.workspace import Workspace, finished, open_workspace, publish

if TYPE_CHECKING:
    from smallsteps.schemes import Example
    from smallsteps.training.models import Hardware
    from smallsteps.training.watch import Watch


# Larger models spend their time in products, not in page faults: large freed blocks go back to the system at
# once, small ones every few steps.
LARGE = 30_000_000
BLOCK = 16 << 20  # bytes


def training_inputs(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    seed: int,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
    lora: LoraSpec | None = None,
    objective: ObjectiveSpec | None = None,
    distributions: Path | None = None,
    watch: Watch | None = None,
) -> str:
    """sha256 of everything that decides the weights, but for the machine; cheap enough for a cache key."""
    from smallsteps.training.models import identity

    settings = optimisation.identity()
    texts = [[example.prompt, example.target] for example in examples]
    parts = [identity(base), settings, seed, sha256_of(texts)]
    if format is not None and format.kind == "chat":
        chats = [[messages_of(example.prompt), example.target] for example in examples]
        parts += [format.model_dump(mode="json"), sha256_of(chats)]
    if lora is not None:
        parts.append({"lora": lora.model_dump(mode="json")})
    if objective is not None and objective != ObjectiveSpec():
        told = [[e.format, e.rationale.correct if e.rationale else None] for e in examples]
        parts.append({"objective": objective.model_dump(mode="json"), "examples": sha256_of(told)})
        if objective.teacher is not None:
            spec = BaseSpec(path=objective.teacher.path, revision=objective.teacher.revision)
            parts.append({"teacher": identity(spec)})
        elif objective.kl and distributions is not None:
            from smallsteps.corpora.distributions import open_distributions

            parts.append({"distributions": open_distributions(distributions).digest})
    if watch is not None:
        parts.append({"watch": watch.identity})
    return sha256_of(parts)


def train(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    *,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
    lora: LoraSpec | None = None,
    objective: ObjectiveSpec | None = None,
    distributions: Path | None = None,
    watch: Watch | None = None,
    report_to: Sequence[str] = (),
) -> TrainingResult:
    """Train a base on examples and write a Hugging Face folder to `out`.

    `out` appears whole when the training is done. Called again with the same inputs it is only read; after an
    interruption the training goes on from its newest checkpoint and ends with the weights it would have had.

    Args:
        examples: prompts and targets; end-of-text is appended to each target.
        base: what to train; optimisation: how.
        seed: of random weights, batches and dropout.
        out: folder for weights, tokenizer, `training.json`, `timing.json` and `loss.jsonl`.
        progress: called at most about a thousand times.
        format: plain text, or the tokenizer's chat template.
        lora: train adapters instead of all weights.
        objective: what is minimised; by default the likelihood of the targets.
        distributions: file of a corpus's distributions, for an objective that reads them.
        watch: assesses declared checkpoints and chooses the one that becomes the student.
        report_to: trackers that follow the training, besides `loss.jsonl`; see `trackers`.

    Raises:
        UserError: examples that would be trained on wrongly, a base that cannot be read, a folder that
            belongs to something else, a diverging loss, a full disk.
    """
    check_strategy(declared(), optimisation, lora)
    check_trackers(report_to)
    inputs = training_inputs(
        examples, base, optimisation, seed, format, lora, objective, distributions, watch
    )
    team = join()
    with together(team):
        team.agree(inputs, "examples, base, optimisation or seed")
        done = team.lead(lambda: finished(out, inputs))
    if done is not None:
        if watch is not None and team.leads:
            watch.tidy()  # one that was killed after its student was there
        return done

    import torch
    import transformers

    from smallsteps.training.models import hardware, quiet

    chosen = hardware(optimisation)
    if chosen.device == "cpu":
        keep_freed_memory()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    task = _Task(
        examples,
        base,
        optimisation,
        seed,
        out,
        inputs,
        chosen,
        format if format is not None and format.kind == "chat" else None,
        lora,
        objective or ObjectiveSpec(),
        distributions,
        watch,
        tuple(report_to) if team.leads else (),
        team,
    )
    environment: dict[str, Any] = {**asdict(chosen), **versions}
    if not team.is_alone:
        environment |= {"processes": team.size, "strategy": team.strategy}
    with contextlib.ExitStack() as stack, quiet(), logs_of(out), together(team):
        workspace = team.lead(lambda: stack.enter_context(open_workspace(out, inputs, environment)))
        return _train(task, workspace, progress)


@dataclass(frozen=True, slots=True)
class _Task:
    """The arguments of `train`; `format` is None for plain text."""

    examples: Sequence[Example]
    base: BaseSpec
    optimisation: Optimisation
    seed: int
    out: Path
    inputs: str
    chosen: Hardware
    format: FormatSpec | None
    lora: LoraSpec | None
    objective: ObjectiveSpec
    distributions: Path | None
    watch: Watch | None
    report_to: tuple[str, ...]
    team: Team


def _train(task: _Task, workspace: Workspace, progress: Callable[[Progress], None] | None) -> TrainingResult:
    """Load, encode, plan, train, write; all checks come before the first step."""
    from smallsteps.training.cost import cost
    from smallsteps.training.lessons import lessons
    from smallsteps.training.lora import add_adapter, save
    from smallsteps.training.models import base_dtype, learn_end, load_model, load_tokenizer
    from smallsteps.training.monitor import LOSSES, Monitor
    from smallsteps.training.saving import save_weights
    from smallsteps.training.trainer import StudentTrainer

    base, optimisation, team = task.base, task.optimisation, task.team
    tokenizer = load_tokenizer(base)
    chat = None
    if task.format is not None:
        from smallsteps.engines.chat import load_chat

        chat = load_chat(base.tokenizer or base.place or "", task.format, tokenizer=tokenizer)
    model = load_model(base, tokenizer, task.chosen, task.seed)
    if chat is not None:
        learn_end(model, chat)
    wrapped = add_adapter(model, task.lora) if task.lora is not None else None
    chosen = _attention(task, model, adapter=wrapped is not None)
    if chat is not None and model.config.is_encoder_decoder:
        raise UserError("an encoder-decoder reads no chats", fix="set 'format: {kind: plain}'")
    large = chosen.device == "cpu" and sum(p.numel() for p in model.parameters()) >= LARGE
    if large:
        keep_freed_memory(largest=BLOCK)
    given = lessons(
        task.examples,
        tokenizer,
        model,
        optimisation,
        task.objective,
        seed=task.seed,
        device=chosen.device,
        folder=workspace.folder / ("targets" if team.leads else f"targets-{team.rank}"),
        distributions=task.distributions,
        chat=chat,
        format=task.format,
        team=team,
        packed=chosen.attention == "packed",
    )
    encoded, planned = given.encoded, given.plan
    real = planned.totals(encoded.lengths + encoded.source_lengths)
    supervised = planned.totals(encoded.supervised)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad}
    monitor = Monitor(
        real,
        supervised,
        optimisation.save_every,
        progress,
        given.objective.names,
        tidy=large,
        optimizer_share=cost(shapes, {}, optimisation).share,
        team=team,
        lag=chosen.device == "cuda",
    )
    use_cache = model.config.use_cache

    def write(folder: Path) -> None:
        """The student as it is now; called in every process."""
        gathered = trainer.weights()
        if not team.leads:
            return
        shutil.rmtree(folder, ignore_errors=True)
        now, model.config.use_cache = model.config.use_cache, use_cache
        if wrapped is not None and task.lora is not None:
            save(wrapped, task.lora, base, folder)
        else:
            dtype = base_dtype(base) if optimisation.save_weights == "base" else None
            save_weights(model, folder, dtype, gathered)
        tokenizer.save_pretrained(folder)
        model.config.use_cache = now

    trainer = StudentTrainer(
        model,
        planned,
        given.collator,
        optimisation,
        chosen,
        monitor,
        seed=task.seed,
        work=workspace.folder,
        objective=given.objective,
        teacher=given.teacher,
        team=team,
        report_to=task.report_to,
        run_name=run_name(task.out),
    )
    checkpoint = workspace.checkpoint
    if checkpoint is not None:
        monitor.resume(checkpoint)
    watcher = None
    if task.watch is not None:
        from smallsteps.training.watcher import Watcher

        watcher = Watcher(task.watch, real, supervised, write, monitor.resumed_at, team)
        trainer.add_callback(watcher)
    with _full_disk(workspace.folder):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        seconds = monitor.seconds
        monitor.flush(trainer.state)  # a training that was stopped early
        trainer.release()
        model.config.use_cache = use_cache
        trained = workspace.folder / "trained"
        if watcher is None:
            write(trained)
        if team.leads:
            if watcher is not None:
                watcher.take(trained)
            write_jsonl(trained / LOSSES, monitor.rows)
    done = int(trainer.state.global_step)
    figures = Figures(
        inputs=task.inputs,
        seed=task.seed,
        examples=len(encoded.lengths),
        too_long=encoded.too_long,
        passes=sum(len(rows) for rows in planned.steps[:done]) / len(encoded.lengths),
        steps=done,
        parameters=trainer.parameters,
        real_tokens=int(real[done - 1]),
        padded_tokens=int(planned.padded[:done].sum()),
        supervised_tokens=int(supervised[done - 1]),
        unknown_tokens=encoded.unknown,
        first_loss=monitor.mean_loss(last=False),
        final_loss=monitor.mean_loss(last=True),
        device=chosen.device,
        precision=chosen.precision,
        attention=chosen.attention,
        objective=given.figures(monitor.last_losses()),
    )
    timing = Timing(seconds, figures.real_tokens / max(seconds, 1e-9), *_peak_memory())

    def finish() -> None:
        write_result(trained, figures, timing)
        publish(workspace, trained, task.out)

    team.lead(finish)
    if watcher is not None and team.leads:
        watcher.watch.tidy()
    return TrainingResult(task.out, figures, timing)


def _attention(task: _Task, model: Any, *, adapter: bool) -> Hardware:
    """The hardware's choices, with the attention that this model can have."""
    from smallsteps.training.fused import fits
    from smallsteps.training.packed import has_kernel, why_not

    chosen, asked = task.chosen, task.optimisation.attention
    online = task.objective.teacher is not None
    if asked == "packed" and online:
        raise UserError(
            "an on-line teacher reads padded rows, not packed ones",
            where="optimisation.attention",
            fix="use 'attention: auto'",
        )
    if chosen.attention == "fused" and (adapter or task.team.divides_weights):
        return replace(chosen, attention="eager")  # the hand-written blocks read weights that have no adapter
    if asked != "auto" or (online and chosen.device == "cuda"):
        return chosen
    if chosen.device == "cpu":
        own = adapter or task.team.divides_weights or chosen.precision == "bf16_weights"
        return chosen if own or not fits(model) else replace(chosen, attention="fused")
    packs = chosen.precision != "fp32" and why_not(model) is None and has_kernel(model)
    return replace(chosen, attention="packed") if packs else chosen


def _peak_memory() -> tuple[int, int]:
    """Peak bytes of this process and of its GPU allocations."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process = peak if sys.platform == "darwin" else peak * 1024  # kilobytes but for macOS
    return process, int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 0


class _full_disk:  # noqa: N801 - reads as a with-statement
    """Turn a library's failed write into a user's error when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if error is None or isinstance(error, UserError | KeyboardInterrupt):
            return
        if is_disk_full(error) or shutil.disk_usage(self.folder).free < 1 << 20:
            raise disk_full(self.folder) from error
