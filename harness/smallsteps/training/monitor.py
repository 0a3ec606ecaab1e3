"""Watches a training: loss log, progress reports, checkpoints, and a loss that is no number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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

LOSSES = "loss.jsonl"
TIDY = 5  # steps
_CLOCK = "clock.json"
_ROWS = 1000  # the loss log holds at most about so many rows, each the mean over equally many steps


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
    ) -> None:
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
        """Remember the rate this step is taken with."""
        if lr_scheduler is not None:
            self.rate = lr_scheduler.get_last_lr()[0]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read the losses when it is time, and ask for a checkpoint when it is time."""
        step = state.global_step
        if step % self.every == 0 or step == self.steps:
            self.flush(state)
        if self.tidy and step % TIDY == 0:
            give_back_holes()
        if self.save_every and step % self.save_every == 0 and step < self.steps:
            control.should_save = True

    def flush(self, state: Any) -> None:
        """Read the losses gathered since the last reading.

        Raises:
            UserError: a loss is not a finite number.
        """
        if not self.losses:
            return
        step = int(state.global_step)
        loss = float(torch.stack(self.losses).mean())
        norm = None if self.norm is None else float(self.norm)
        self.losses.clear()
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
            "learning_rate": self.rate,
            "gradient_norm": norm,
            "tokens": tokens,
            "supervised_tokens": int(self.supervised_tokens[step - 1]),
        }
        if self.reports:
            row["losses"] = self._apart()
        self.rows.append(row)
        if self.log is not None:
            self.log({name: row[name] for name in ("loss", "learning_rate", "gradient_norm", "tokens")})
        if self.progress is not None:
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
                    self.rate,
                    self.seconds,
                    done / max(here, 1e-9),
                    self.optimizer_share,
                )
            )

    def _apart(self) -> dict[str, float]:
        """Mean token loss of every part that occurred since the last reading."""
        sums, counts = torch.stack(self.reports).sum(0).tolist()
        self.reports.clear()
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
