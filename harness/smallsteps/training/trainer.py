"""The one subclass of transformers' Trainer: planned batches, token-weighted loss, whole checkpoints."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from smallsteps.training.chunked import check_head, chunked_loss
from smallsteps.training.collate import Collator, MicroBatch
from smallsteps.training.fused import fuse
from smallsteps.training.objectives import Likelihood, Objective, Targets
from smallsteps.training.optimizers import build_optimizer, rate
from smallsteps.training.packed import pack
from smallsteps.training.team import Team
from smallsteps.training.trackers import PROJECT
from smallsteps.training.workspace import KEPT, checkpoints, seal_checkpoint

if TYPE_CHECKING:
    from smallsteps.training.batches import Plan
    from smallsteps.training.models import Hardware
    from smallsteps.training.monitor import Monitor
    from smallsteps.training.online import OnlineTeacher
    from smallsteps.training.settings import Optimisation

FEW = 0.75  # share of positions up to which it pays to gather them
# Logits of a micro-batch, up to which they are computed at once: 128 MiB in fp32; on a GPU, where the head's
# gradient takes about as long for a small piece as for a large one, 2 GiB.
LOGITS = {"cpu": 1 << 25, "cuda": 1 << 29}


class StudentTrainer(Trainer):
    """Trains decoder-only and encoder-decoder students alike.

    Trainer sees one epoch of `steps` ready-made batches. The micro-batches of a step are run
    inside `training_step`, so that one division by the step's total weight makes loss and gradients
    independent of their number (Trainer's own accumulation multiplies T5's loss by it).
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        plan: Plan,
        collator: Collator,
        settings: Optimisation,
        chosen: Hardware,
        monitor: Monitor,
        *,
        seed: int,
        work: Path,
        objective: Objective | None = None,
        teacher: OnlineTeacher | None = None,
        team: Team | None = None,
        report_to: Sequence[str] = (),
        run_name: str = "",
    ) -> None:
        self.team = team or Team()
        self.objective: Objective = objective or Likelihood()
        self.teacher = teacher
        self.student = model
        self.plan = plan
        self.collator = collator
        self.work = work
        self.settings = settings
        self.chosen = chosen
        self.monitor = monitor
        self.positions: torch.Tensor | None = None
        self._chunk = 0 if self.team.divides_weights else chunk_of(settings, model, chosen.device)
        self._hidden: torch.Tensor | None = None  # of all positions, where the loss is computed in pieces
        self._apart = False
        self._head_is_last = False
        arguments = TrainingArguments(
            output_dir=str(work),
            max_steps=len(plan.steps),
            per_device_train_batch_size=1,
            max_grad_norm=settings.clip,
            seed=seed,
            use_cpu=chosen.device == "cpu",
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            logging_strategy="no",
            logging_nan_inf_filter=False,  # a host synchronisation each step; the monitor checks the loss
            save_strategy="no",  # the monitor asks for checkpoints
            report_to=list(report_to) or "none",
            run_name=run_name or None,
            project=PROJECT,
            disable_tqdm=True,
            log_level="error",
            log_level_replica="error",
            ddp_find_unused_parameters=False,
        )
        _ = arguments.device
        arguments._n_gpu = min(arguments._n_gpu, 1)  # never nn.DataParallel
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=_Numbers(len(collator.encoded)),
            data_collator=collator,  # type: ignore[arg-type]  # ours gives micro-batches, not one dict
            callbacks=[monitor],
        )
        if not self.team.is_alone:
            torch.manual_seed(seed + self.team.rank)  # dropout of its own in every process
        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)
        monitor.log = self.log if report_to else None
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.parameters = sum(p.numel() for p in self.trained)
        if settings.gradient_checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        self._undo: list[Callable[[], None]] = []
        if chosen.attention in ("fused", "packed"):
            self._undo.append(pack(model) if chosen.attention == "packed" else fuse(model, self._targets))
        if settings.compile:
            self._undo.append(compile_blocks(model))
        head = model.get_output_embeddings()
        self._hook = head.register_forward_pre_hook(self._select) if head is not None else None

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The planned steps. Not prepared by accelerate: the tensors are placed by `MicroBatch.to`."""
        return DataLoader(
            _Numbers(len(self.collator.encoded)),
            batch_sampler=_Planned(self.plan.steps),
            collate_fn=self.collator,
            # a generator of its own, or starting the loader would draw from the generator that dropout uses
            generator=torch.Generator(),
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Muon with AdamW, or AdamW alone."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(self.student, self.settings)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Warm-up and decay."""
        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                self.optimizer if optimizer is None else optimizer,  # type: ignore[arg-type]
                lambda step: rate(step, num_training_steps, self.settings),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], None]:
        """The next step's micro-batches; they know their own normaliser, so nothing is counted here."""
        return [batch for _ in range(num_batches) if (batch := next(epoch_iterator, None)) is not None], None

    def training_step(  # type: ignore[override]
        self, model: Any, inputs: list[MicroBatch], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Forward and backward over every micro-batch of one step; returns the step's loss, detached."""
        if not model.training:
            model.train()
        total = torch.zeros((), device=self.args.device)
        for number, micro in enumerate(inputs, start=1):
            alone = number == len(inputs)
            with contextlib.nullcontext() if alone else self.accelerator.no_sync(model):
                loss = self.compute_loss(model, micro.to(self.args.device))
                (loss * self.team.size).backward()  # the exchange takes the mean of all processes' gradients
            total += loss.detach()
        self.monitor.losses.append(total)
        return total

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: MicroBatch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This micro-batch's part of: sum of weighted token losses / total weight in the whole step."""
        targets = inputs.targets if self.teacher is None else self.teacher.complete(inputs)
        self._apart = 0 < self._chunk < len(inputs.positions)
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.chosen.precision == "bf16"):
            self.positions = inputs.positions
            outputs = model(**inputs.model_inputs, use_cache=False)
            logits = outputs.logits.flatten(0, -2)  # (tokens, vocabulary)
            if self.positions is not None:  # no head that the hook could stand before
                logits = logits.index_select(0, self.positions)
                self.positions = None
        if self._hidden is not None:
            loss, report = self._loss_in_pieces(logits, targets, inputs.share)
        else:
            loss, report = self.objective(logits, targets)
            loss = loss * inputs.share
        if report is not None:
            self.monitor.reports.append(report)
        return (loss, outputs) if return_outputs else loss

    def _loss_in_pieces(
        self, logits: torch.Tensor, targets: Targets, share: float
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The same from the hidden states; the model has made the logits of the first position alone."""
        hidden, self._hidden = self._hidden, None
        head = self.student.get_output_embeddings()
        assert hidden is not None
        bf16 = self.chosen.precision == "bf16"
        if not self._head_is_last:
            with torch.autocast(self.args.device.type, torch.bfloat16, enabled=bf16):
                check_head(head, hidden[:1], logits, type(self.student).__name__)
            self._head_is_last = True
        precision = torch.bfloat16 if bf16 else None
        return chunked_loss(
            head, hidden, targets, self.objective, size=self._chunk, share=share, precision=precision
        )

    def _targets(self, tokens: int) -> torch.Tensor | None:
        """For the last fused block: the positions that carry loss, where so few of the tokens do."""
        if self.positions is None or len(self.positions) > FEW * tokens:
            return None
        if self.settings.gradient_checkpointing:  # the block is run twice, and would be asked twice
            return None
        positions, self.positions = self.positions, None
        return positions

    def _select(self, head: torch.nn.Module, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor] | None:
        """Before the output head: drop every position that carries no loss, which spares its logits.

        Standing before the head, not after the body, keeps whatever scaling a model puts around its head.
        """
        hidden = arguments[0]  # (rows, length, width), of which (positions, width) stay
        hidden = hidden.reshape(-1, hidden.shape[-1])
        if self.positions is not None:
            hidden, self.positions = hidden.index_select(0, self.positions), None
        elif not self._apart:
            return None
        if self._apart:  # the loss calls the head itself, piece by piece
            self._hidden, self._apart = hidden, False
            return (hidden[:1],)
        return (hidden,)

    def _clip_grad_norm(self, model: Any) -> torch.Tensor:
        if self.team.divides_weights:  # the parameters that the optimizer was given are no longer the model's
            self.trained = [p for p in self.student.parameters() if p.requires_grad]
        norm = torch.nn.utils.clip_grad_norm_(self.trained, self.settings.clip)
        self.monitor.norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        return self.monitor.norm

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        return grad_norm  # not measured where it is not clipped

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: it would walk all parameters in every step."""
        return 0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """A checkpoint that is whole or absent, with digests of its files; the one before it is kept."""
        self.monitor.flush(self.state)
        target = self.work / f"checkpoint-{self.state.global_step}"
        temporary = self.work / f".{target.name}"
        self.team.lead(lambda: shutil.rmtree(temporary, ignore_errors=True))
        weights = self.weights()
        if self.team.leads:
            self.student.save_pretrained(temporary, state_dict=weights)
        self.team.wait()
        self._save_optimizer_and_scheduler(str(temporary))
        self._save_rng_state(str(temporary))
        self.team.wait()
        self.team.lead(lambda: self._finish_checkpoint(temporary, target))

    def weights(self) -> dict[str, Any] | None:
        """All weights, gathered from the processes that hold parts of them; None where the model has them."""
        if not self.team.divides_weights:
            return None
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        return get_model_state_dict(self.student, options=options)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not self.team.divides_weights:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        given: dict[str, Any] = {}
        for path in sorted(Path(resume_from_checkpoint).glob("*.safetensors")):
            given |= load_file(path)
        # not strict: of weights that are tied the file holds one
        options = StateDictOptions(full_state_dict=True, strict=False)
        set_model_state_dict(self.student, given, options=options)

    def _finish_checkpoint(self, temporary: Path, target: Path) -> None:
        self.state.save_to_json(str(temporary / "trainer_state.json"))
        self.monitor.save(temporary)
        seal_checkpoint(temporary)
        shutil.rmtree(target, ignore_errors=True)  # there only if it was damaged and passed over
        temporary.replace(target)
        for _, other in checkpoints(self.work)[KEPT:]:
            shutil.rmtree(other)

    def release(self) -> None:
        """Restore the model's settings; its weights stay trained."""
        if self._hook is not None:
            self._hook.remove()
        for undo in self._undo:
            undo()


def chunk_of(settings: Optimisation, model: Any, device: str) -> int:
    """Positions whose logits are computed at a time; 0 for all."""
    if model.get_output_embeddings() is None:
        return 0
    if settings.loss_chunk != "auto":
        return settings.loss_chunk
    return max(64, LOGITS[device] // int(model.get_output_embeddings().weight.shape[0]))


def compile_blocks(model: Any, backend: str = "inductor") -> Callable[[], None]:
    """Compile each block of layers for itself: all that are alike share one compilation, and the output head
    and the loss, which change their shapes in every step, stay as they are. Call the result to undo it."""
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    names = set(model._no_split_modules or ())
    blocks = [module for module in model.modules() if type(module).__name__ in names]
    for block in blocks:
        block.compile(backend=backend)

    def undo() -> None:
        for block in blocks:
            block._compiled_call_impl = None

    return undo


class _Numbers(Dataset[int]):
    """Example numbers; the collator knows the rest."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        return index


class _Planned(Sampler[list[int]]):
    """The planned steps in order."""

    def __init__(self, steps: list[NDArray[np.int64]]) -> None:
        self.steps = steps

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[int]]:
        return (rows.tolist() for rows in self.steps)
