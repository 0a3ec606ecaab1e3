"""Training: examples to a student's weights. Importing this room is cheap; torch is loaded by `train`."""

from smallsteps.training.result import Figures, Progress, Timing, TrainingResult, read_result
from smallsteps.training.run import train, training_inputs
from smallsteps.training.settings import BaseSpec, Optimisation

__all__ = [
    "BaseSpec",
    "Figures",
    "Optimisation",
    "Progress",
    "Timing",
    "TrainingResult",
    "read_result",
    "train",
    "training_inputs",
]
