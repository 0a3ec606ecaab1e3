"""Trainings in several processes, which read of each other as `accelerate launch` tells: in the environment.

They are forked from a server that has loaded the libraries once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watch_script import Script

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, ObjectiveSpec, Optimisation, train
from smallsteps.training.team import declared, speaks_first

LOADED = [
    "smallsteps.training.lessons",
    "smallsteps.training.trainer",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "transformers.models.t5.modeling_t5",
]


@dataclass(frozen=True)
class Member:
    """A process and the file that its output goes to."""

    process: Any
    said: Path


def start(jobs: list[dict[str, Any]] | list[str], folder: Path, size: int = 2, **more: str) -> list[Member]:
    """Start `size` processes that do the jobs one after the other, or one command with these arguments."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **more}
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    started = []
    for rank in range(size):
        said = folder / f"said-{port}-{rank}.txt"
        own = {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        process = context.Process(target=member, args=(jobs, own, said))
        process.start()
        started.append(Member(process, said))
    return started


def finish(members: list[Member], seconds: float = 90) -> list[tuple[int | None, str]]:
    """Exit code (None: not ended in time) and output of each; none is left behind."""
    try:
        for member in members:
            member.process.join(seconds)
        return [(member.process.exitcode, member.said.read_text()) for member in members]
    finally:
        for member in members:
            member.process.kill()
            member.process.join()


def job(
    base: BaseSpec, settings: Optimisation, examples: list[Example], out: Path, **more: Any
) -> dict[str, Any]:
    """What `main` reads."""
    return {
        "base": base.model_dump(mode="json"),
        "optimisation": settings.model_dump(mode="json"),
        "examples": [[example.prompt, example.target] for example in examples],
        "out": str(out),
        **more,
    }


def member(jobs: list[dict[str, Any]] | list[str], environment: dict[str, str], said: Path) -> None:
    """Do the jobs, or the command with these arguments; `kill: [rank, step]` ends a process the hard way."""
    import torch

    os.environ.update(environment)
    torch.set_num_threads(1)
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if isinstance(jobs[0], str):
        from smallsteps.cli.main import main

        sys.argv = ["smallsteps", *map(str, jobs)]
        main()
    team = declared()
    for one in jobs:
        assert isinstance(one, dict)
        rank, step = one.get("kill", (-1, -1))
        if team.rank == rank:
            end_at(step)
        objective = one.get("objective")
        try:
            train(
                [Example(*texts) for texts in one["examples"]],
                BaseSpec.model_validate(one["base"]),
                Optimisation.model_validate(one["optimisation"]),
                seed=one.get("seeds", [5, 5])[team.rank],
                out=Path(one["out"]),
                objective=None if objective is None else ObjectiveSpec.model_validate(objective),
                watch=Script(Path(one["watch"]), [2], best=2) if "watch" in one else None,
            )
        except UserError as error:
            if speaks_first(team):
                print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(error.code)


def end_at(step: int) -> None:
    """Have this process killed when it has taken so many steps."""
    from smallsteps.training.monitor import Monitor

    before = Monitor.on_step_end

    def on_step_end(self: Monitor, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        before(self, args, state, control, **more)

    Monitor.on_step_end = on_step_end  # type: ignore[method-assign]
