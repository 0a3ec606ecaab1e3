"""Monitors a training run: loss log, progress reports, checkpoints, and losses that are not finite."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainerCallback

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json, read_jsonl, write_json, write_jsonl
from smallsteps.memory import give_back_holes
from smallsteps.training.result import Progress
from smallsteps.training.team import Team

LOSSES = "loss.jsonl"
TIDY = 5  # steps
_CLOCK = "clock.json"
_ROWS = 1000  # the loss log holds at most about so many rows, each the mean over equally many steps


@dataclass(frozen=True, slots=True)
class _Held:
    """Values of some steps on the device, up to `step`: losses, parts of them, norm of the gradients."""

    step: int
    losses: list[torch.Tensor]
    reports: list[torch.Tensor]
    norm: torch.Tensor | None
    rate: float


class Monitor(TrainerCallback):
    """Reads losses off the device only every few steps, since each reading makes a GPU wait.

    Args:
        real_tokens: real tokens read up to and including each step, shape (steps,).
        supervised_tokens: those of them that carried the loss, likewise.
        save_every: steps between checkpoints; 0 for none.
        progress: called after every reading.
        names: of the losses that the objective reports apart.
        tidy: give free memory back to the system every few steps.
        optimizer_share: see `Progress`.
        team: the processes whose losses add up.
        lag: read a step's loss when the next one is under way, so that a GPU does not wait.
    """

    def __init__(
        self,
        real_tokens: NDArray[np.int64],
        supervised_tokens: NDArray[np.int64],
        save_every: int,
        progress: Callable[[Progress], None] | None,
        names: tuple[str, ...] = (),
        *,
        tidy: bool = False,
        optimizer_share: float = 0.0,
        team: Team | None = None,
        lag: bool = False,
    ) -> None:
        self.lag = lag
        self.held: list[_Held] = []
        self.team = team or Team()
        self.optimizer_share = optimizer_share
        self.tidy = tidy
        self.names = names
        self.reports: list[torch.Tensor] = []  # (2, names) of each micro-batch: sums and numbers of tokens
        self.real_tokens = real_tokens
        self.supervised_tokens = supervised_tokens
        self.steps = len(real_tokens)
        self.every = math.ceil(self.steps / _ROWS)
        self.save_every = save_every
        self.progress = progress
        self.losses: list[torch.Tensor] = []
        self.norm: torch.Tensor | None = None
        self.rows: list[dict[str, Any]] = []
        self.before = 0.0  # seconds spent by earlier processes on the steps this one resumes after
        self.resumed_at = 0
        self.started = time.perf_counter()
        self.rate = 0.0
        self.log: Callable[[dict[str, float]], None] | None = None  # of the trackers

    @property
    def seconds(self) -> float:
        """Wall-clock of all processes' useful shares."""
        return self.before + time.perf_counter() - self.started

    def resume(self, checkpoint: Path) -> None:
        """Take up the log and the clock of a checkpoint."""
        self.rows = [row for _, row in read_jsonl(checkpoint / LOSSES)]
        clock = read_json(checkpoint / _CLOCK)
        self.before = float(clock["seconds"])
        self.resumed_at = int(clock["step"])

    def save(self, checkpoint: Path) -> None:
        """Put log and clock into a checkpoint."""
        write_jsonl(checkpoint / LOSSES, self.rows)
        step = self.rows[-1]["step"] if self.rows else 0
        write_json(checkpoint / _CLOCK, {"seconds": self.seconds, "step": step})

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, lr_scheduler: Any = None, **_: Any) -> None:
        """Record the learning rate of this step."""
        if lr_scheduler is not None:
            self.rate = lr_scheduler.get_last_lr()[0]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read the losses when it is time, and ask for a checkpoint when it is time."""
        step = state.global_step
        if step % self.every == 0 or step == self.steps:
            self._hold(step)
            self._read(leave=1 if self.lag and step < self.steps else 0)
        if self.tidy and step % TIDY == 0:
            give_back_holes()
        if self.save_every and step % self.save_every == 0 and step < self.steps:
            control.should_save = True

    def flush(self, state: Any) -> None:
        """Read the losses gathered since the last reading.

        Raises:
            UserError: a loss is not a finite number.
        """
        self._hold(int(state.global_step))
        self._read()

    def _hold(self, step: int) -> None:
        if self.losses:
            self.held.append(_Held(step, self.losses, self.reports, self.norm, self.rate))
            self.losses, self.reports = [], []

    def _read(self, leave: int = 0) -> None:
        while len(self.held) > leave:
            self._log(self.held.pop(0))

    def _log(self, held: _Held) -> None:
        step = held.step
        loss = float(self.team.sum(torch.stack(held.losses)).mean())
        norm = None if held.norm is None else float(held.norm)
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} by step {step}: the training has diverged",
                fix="lower learning_rate, or lengthen warmup",
                code=DATA,
            )
        tokens = int(self.real_tokens[step - 1])
        row: dict[str, Any] = {
            "step": step,
            "loss": loss,
            "learning_rate": held.rate,
            "gradient_norm": norm,
            "tokens": tokens,
            "supervised_tokens": int(self.supervised_tokens[step - 1]),
        }
        if held.reports:
            row["losses"] = self._apart(held.reports)
        self.rows.append(row)
        if self.log is not None:
            self.log({name: row[name] for name in ("loss", "learning_rate", "gradient_norm", "tokens")})
        if self.progress is not None and self.team.leads:
            here = time.perf_counter() - self.started
            done = tokens - (int(self.real_tokens[self.resumed_at - 1]) if self.resumed_at else 0)
            total = int(self.real_tokens[-1])
            self.progress(
                Progress(
                    step,
                    self.steps,
                    tokens,
                    total,
                    loss,
                    held.rate,
                    self.seconds,
                    done / max(here, 1e-9),
                    self.optimizer_share,
                )
            )

    def _apart(self, reports: list[torch.Tensor]) -> dict[str, float]:
        """Mean token loss of every part that occurred in these steps."""
        sums, counts = self.team.sum(torch.stack(reports).sum(0)).tolist()
        return {n: s / c for n, s, c in zip(self.names, sums, counts, strict=True) if c}

    def mean_loss(self, *, last: bool) -> float:
        """Mean over the first or last twentieth of the log."""
        count = max(1, len(self.rows) // 20)
        rows = self.rows[-count:] if last else self.rows[:count]
        return float(sum(row["loss"] for row in rows) / len(rows))

    def last_losses(self) -> dict[str, float]:
        """Means of the losses reported apart over the last twentieth of the log."""
        rows = [row["losses"] for row in self.rows[-max(1, len(self.rows) // 20) :] if "losses" in row]
        means = {name: [row[name] for row in rows if name in row] for name in self.names}
        return {name: sum(found) / len(found) for name, found in means.items() if found}
