"""Training: examples to a student's weights. Importing this room is cheap; torch is loaded by `train`."""

from smallsteps.training.result import Figures, Progress, Timing, TrainingResult, read_result
from smallsteps.training.run import train, training_inputs
from smallsteps.training.settings import BaseSpec, LoraSpec, ObjectiveSpec, Optimisation
from smallsteps.training.vocabulary import TokenizerSpec, train_tokenizer

__all__ = [
    "BaseSpec",
    "Figures",
    "LoraSpec",
    "ObjectiveSpec",
    "Optimisation",
    "Progress",
    "Timing",
    "TokenizerSpec",
    "TrainingResult",
    "read_result",
    "train",
    "train_tokenizer",
    "training_inputs",
]
