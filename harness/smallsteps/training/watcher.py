"""The callback that shows a training's checkpoints to a `Watch`."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainerCallback

from smallsteps.errors import DATA, UserError
from smallsteps.training.team import Team
from smallsteps.training.watch import MODEL, Checkpoint, Verdict, Watch


class Watcher(TrainerCallback):
    """Writes the weights of declared checkpoints, has them assessed, and keeps those of the best one.

    Args:
        watch: assesses and chooses.
        real_tokens: real tokens read up to and including each step, shape (steps,).
        supervised_tokens: those of them that carried the loss, likewise.
        write: writes the model as a student into a folder; of several processes, each calls it.
        resumed_at: the step that an interrupted training goes on after; 0 for a new one.
        team: of several processes, the leading one assesses while the others wait.
    """

    def __init__(
        self,
        watch: Watch,
        real_tokens: NDArray[np.int64],
        supervised_tokens: NDArray[np.int64],
        write: Callable[[Path], None],
        resumed_at: int = 0,
        team: Team | None = None,
    ) -> None:
        self.watch = watch
        self.real_tokens = real_tokens
        self.supervised_tokens = supervised_tokens
        self.write = write
        self.resumed_at = resumed_at
        self.team = team or Team()
        self.steps = frozenset(watch.steps(real_tokens))
        self.team.lead(lambda: watch.resume(resumed_at))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Assess the base, with which every trajectory begins."""
        if self.resumed_at == 0:
            self._assess(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Assess a declared checkpoint; end the training where the rule says so."""
        step = int(state.global_step)
        if step in self.steps and self._assess(step):
            control.should_training_stop = True
            control.should_save = False  # going on from here would pass over the end

    def _assess(self, step: int) -> bool:
        tokens, supervised = (
            (int(self.real_tokens[step - 1]), int(self.supervised_tokens[step - 1])) if step else (0, 0)
        )
        checkpoint = Checkpoint(step, tokens, self.watch.place(tokens), supervised)
        with undisturbed():
            self.write(checkpoint.model)
            return self.team.lead(lambda: self._assessed(checkpoint)).stop

    def _assessed(self, checkpoint: Checkpoint) -> Verdict:
        verdict = self.watch.assess(checkpoint)
        for place in checkpoint.place.parent.iterdir():
            if (place == checkpoint.place) != verdict.best:
                shutil.rmtree(place / MODEL, ignore_errors=True)
        return verdict

    def take(self, folder: Path) -> None:
        """Copy the chosen weights into a folder.

        Raises:
            UserError: they are no longer there.
        """
        chosen = self.watch.choose()
        shutil.rmtree(folder, ignore_errors=True)
        if not chosen.model.is_dir():
            raise UserError(
                f"the weights of the chosen checkpoint ({chosen.tokens:,} tokens) are gone",
                where=str(chosen.model),
                fix=f"remove {folder.parent} and run the same command again: this training begins anew",
                code=DATA,
            )
        shutil.copytree(chosen.model, folder)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Restore the state of every random generator: evaluation seeds them, and dropout draws from them."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpu:
            torch.cuda.set_rng_state_all(gpu)
