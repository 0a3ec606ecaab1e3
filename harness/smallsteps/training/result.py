"""The reports of a training run: progress while it runs, figures when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, write_json
from smallsteps.integrity import check_files, digests, read_sealed, write_sealed

SCHEMA = "smallsteps.training/2"
EARLIER = "smallsteps.training/1"  # without digests
FIGURES = "training.json"
TIMING_SCHEMA = "smallsteps.training_timing/1"
TIMING = "timing.json"
FILES = "files"  # key of the digests in `training.json`


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a running training.

    Attributes:
        step: optimiser steps done; steps: in all.
        tokens: real (unpadded) tokens trained on; total_tokens: in all.
        loss: weighted mean token loss (nats) over the steps since the last report.
        learning_rate: of the last step.
        seconds: wall-clock of this process's share; tokens_per_second: real tokens over that time.
        optimizer_share: about what of each step's arithmetic the optimizer takes.
    """

    step: int
    steps: int
    tokens: int
    total_tokens: int
    loss: float
    learning_rate: float
    seconds: float
    tokens_per_second: float
    optimizer_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a training run; the same inputs give the same figures.

    Attributes:
        inputs: sha256 of examples, base, optimisation and seed.
        seed: of weights, batches and dropout.
        examples: trained on; too_long: left out as longer than `max_length`; passes: times each was seen, on
            average.
        steps: optimiser steps; parameters: trained.
        real_tokens: read by the model, padding left out; padded_tokens: padding included.
        supervised_tokens: target tokens (end-of-text among them) that carry the loss.
        unknown_tokens: unknown-word tokens in the examples (0 is what a complete vocabulary gives).
        first_loss, final_loss: mean over the first and the last twentieth of the steps.
        device, precision, attention: as resolved from `auto`.
        objective: figures of an objective other than likelihood: coverage of the alignment, target tokens
            with a distribution, tokens by format, mean of each loss over the last twentieth. Empty for
            likelihood.
    """

    inputs: str
    seed: int
    examples: int
    too_long: int
    passes: float
    steps: int
    parameters: int
    real_tokens: int
    padded_tokens: int
    supervised_tokens: int
    unknown_tokens: int
    first_loss: float
    final_loss: float
    device: str
    precision: str
    attention: str
    objective: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """The cost of a training run: wall-clock seconds, real tokens a second, peak bytes of process and GPU."""

    seconds: float
    tokens_per_second: float
    peak_memory: int
    peak_gpu_memory: int


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained Hugging Face folder with its figures; `reused` when it was there already."""

    folder: Path
    figures: Figures
    timing: Timing
    reused: bool = False


def write_result(folder: Path, figures: Figures, timing: Timing) -> None:
    """Write `training.json` (deterministic) and `timing.json` (not)."""
    # every other file of the folder is in place by now, and `finished` compares them
    values = asdict(figures)
    if not figures.objective:
        del values["objective"]
    own = {"schema": SCHEMA, **values, FILES: digests(folder, leave_out=(FIGURES,))}
    write_sealed(folder / FIGURES, own)
    write_json(folder / TIMING, {"schema": TIMING_SCHEMA, **asdict(timing)})


def read_result(folder: Path, *, reused: bool = True) -> TrainingResult:
    """Read a finished training.

    Raises:
        UserError: a file is missing, damaged or of another schema.
    """
    repair = f"remove {folder} and run the same command again: the training is done again"
    try:
        data = read_sealed(folder / FIGURES, SCHEMA, unsealed=[EARLIER], fix=repair)
        files = data.pop(FILES, {})
        figures = Figures(**_without_schema(data))
        timing = Timing(**_without_schema(read_object(folder / TIMING, TIMING_SCHEMA)))
    except TypeError as error:
        raise UserError(
            f"not the figures of a training ({error})", where=str(folder), fix=repair, code=DATA
        ) from error
    check_files(folder, files if isinstance(files, dict) else {FIGURES: ""}, repair)
    return TrainingResult(folder, figures, timing, reused)


def _without_schema(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "schema"}
