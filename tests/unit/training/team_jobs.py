"""Trainings in several processes, started as `accelerate launch` starts them: by environment variables."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training.team import declared, speaks_first


def start(
    jobs: list[dict[str, Any]], folder: Path, size: int = 2, **more: str
) -> list[subprocess.Popen[str]]:
    """Start `size` processes that do the jobs one after the other."""
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **more}
    return [
        subprocess.Popen(
            [sys.executable, __file__, str(path)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def finish(processes: list[subprocess.Popen[str]], seconds: float = 90) -> list[tuple[int, str]]:
    """Exit code and error output of each; none is left behind."""
    try:
        said = [process.communicate(timeout=seconds)[1] for process in processes]
        return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]
    finally:
        for process in processes:
            process.kill()


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


def main(path: str) -> None:
    """Do the jobs; `kill: [rank, step]` ends a process the hard way."""
    team = declared()
    for one in json.loads(Path(path).read_text()):
        rank, step = one.get("kill", (-1, -1))
        if team.rank == rank:
            end_at(step)
        try:
            train(
                [Example(*texts) for texts in one["examples"]],
                BaseSpec.model_validate(one["base"]),
                Optimisation.model_validate(one["optimisation"]),
                seed=5,
                out=Path(one["out"]),
            )
        except UserError as error:
            if speaks_first(team):
                print(f"error: {error}", file=sys.stderr)
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


if __name__ == "__main__":
    main(sys.argv[1])
