"""The processes that train one student together, as `accelerate launch` or `torchrun` has started them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from smallsteps.errors import SOFTWARE, UserError

if TYPE_CHECKING:
    import torch

    from smallsteps.training.settings import LoraSpec, Optimisation

T = TypeVar("T")
Strategy = Literal["ddp", "fsdp", "offload", "zero3"]
# One process may collect a corpus while the others wait for it; a dead one is noticed at once.
WAIT = timedelta(days=7)
PATIENCE = 1.0  # seconds that a leading process with an error waits for the errors of others
_ERRORS = "smallsteps/errors"
_LOST = ("gloo", "nccl", "connection closed by peer", "connection reset", "broken pipe", "tcpstore")


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among `size` processes; number 0 leads: it alone writes results and messages."""

    rank: int = 0
    size: int = 1
    strategy: Strategy = "ddp"

    @property
    def leads(self) -> bool:
        """Whether this process writes for all."""
        return self.rank == 0

    @property
    def divides_weights(self) -> bool:
        """Whether each process holds only a part of every weight."""
        return not self.is_alone and self.strategy != "ddp"

    @property
    def is_alone(self) -> bool:
        """Whether there is one process only, which is connected to nothing."""
        return self.size == 1 and self.strategy == "ddp"

    def lead(self, work: Callable[[], T]) -> T:
        """Do something in the leading process; every process gets its result, or its error.

        Raises:
            UserError: that of the leading process.
        """
        if self.is_alone:
            return work()
        from torch.distributed import broadcast_object_list

        answer: list[Any] = [None, None]
        if self.leads:
            try:
                answer[0] = work()
            except UserError as error:
                answer[1] = error
        broadcast_object_list(answer, src=0)
        if answer[1] is not None:
            raise answer[1]
        found: T = answer[0]
        return found

    def wait(self) -> None:
        """A barrier: continue when every process has reached it."""
        self.everyone(None)

    def everyone(self, value: T) -> list[T]:
        """The value of each process, by rank."""
        if self.is_alone:
            return [value]
        from torch.distributed import all_gather_object

        found: list[Any] = [None] * self.size
        all_gather_object(found, value)
        return found

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, the same bits in each; `values` is left as it is."""
        if self.is_alone:
            return values
        from torch.distributed import all_reduce

        total = values.clone()
        all_reduce(total)
        return total

    def agree(self, value: str, what: str) -> None:
        """Check that every process has the same value.

        Raises:
            UserError: they differ.
        """
        if len(set(self.everyone(value))) > 1:
            raise UserError(
                f"the {self.size} processes of this training differ in their {what}",
                fix="start all of them with the same command, recipe and data",
            )


def declared() -> Team:
    """The processes described by the environment; connects to nothing and imports nothing.

    Raises:
        UserError: the variables are no numbers.
    """
    try:
        size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    except ValueError as error:
        raise UserError(
            "WORLD_SIZE and RANK are not numbers", fix="start processes with accelerate launch or torchrun"
        ) from error
    strategy: Strategy = "ddp"
    if _set("ACCELERATE_USE_FSDP"):
        strategy = "offload" if _set("FSDP_OFFLOAD_PARAMS") else "fsdp"
    return Team(rank, size, "zero3" if _set("ACCELERATE_USE_DEEPSPEED") else strategy)


def _set(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("true", "1")


def join() -> Team:
    """Connect to the other processes, through gloo on CPUs and NCCL on GPUs; at once when there are none.

    Raises:
        UserError: this process has no device of its own.
    """
    team = declared()
    if team.is_alone:
        return team
    import torch
    from accelerate import PartialState

    local = int(os.environ.get("LOCAL_RANK", team.rank))
    if torch.cuda.is_available() and local >= torch.cuda.device_count():
        raise UserError(
            f"process {local} has no GPU: this machine has {torch.cuda.device_count()}",
            where="accelerate launch --num_processes",
            fix=f"start {torch.cuda.device_count()} processes at most",
        )
    if not torch.cuda.is_available():
        _share_cores(int(os.environ.get("LOCAL_WORLD_SIZE", team.size)))
    with _lost():
        PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)
    return team


def _share_cores(processes: int) -> None:
    """Set the threads of this process, unless OMP_NUM_THREADS does; accelerate would, with a warning."""
    import torch

    if not os.environ.get("OMP_NUM_THREADS"):
        threads = max(1, torch.get_num_threads() // processes)
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)


@contextlib.contextmanager
def together(team: Team) -> Iterator[None]:
    """Turn a lost connection into a user's error."""
    if team.is_alone:
        yield
        return
    with _lost():
        yield


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not any(mark in str(error).lower() for mark in _LOST):
            raise
        raise UserError(
            "another process of this training has ended, so this one ends too",
            fix="see its own message, or whether memory ran out; the same command goes on from the newest "
            "checkpoint",
            code=SOFTWARE,
        ) from error


def speaks_first(team: Team) -> bool:
    """Whether no other process has reported an error yet: of many alike only the first is printed."""
    if team.is_alone:
        return True
    from torch import distributed

    try:
        store: Any = distributed.distributed_c10d._get_default_store()
        first = int(store.add(_ERRORS, 1)) == 1
        # the store ends with the leading process, which lets others ask before that
        until = time.monotonic() + PATIENCE
        while team.leads and int(store.add(_ERRORS, 0)) < team.size and time.monotonic() < until:
            time.sleep(0.02)
        return first
    except (RuntimeError, ValueError):  # there is no store, or it went with the leading process
        return True


def check_strategy(team: Team, settings: Optimisation, lora: LoraSpec | None) -> None:
    """Check that a strategy supports these settings.

    Raises:
        UserError: it is not supported, or the optimizer or adapters need whole matrices.
    """
    if team.strategy == "zero3":
        raise UserError(
            "this version does not train with DeepSpeed's ZeRO-3",
            fix="take 'strategy: offload': weights and optimizer state are in main memory as well",
        )
    if not team.divides_weights:
        return
    if settings.optimizer == "muon":
        raise UserError(
            f"Muon works on whole matrices, which strategy {team.strategy} divides among the processes",
            where="optimisation.optimizer",
            fix="set 'optimizer: adamw', or 'strategy: ddp'",
        )
    if lora is not None:
        raise UserError(
            f"adapters are not trained with strategy {team.strategy}",
            where="lora",
            fix="set 'strategy: ddp': adapters take little memory",
        )
