"""Inference: prompts to texts, fast. Importing this package loads no model library."""

from smallsteps.engines.protocol import Decoding, Engine, Generation, StopReason

__all__ = ["Decoding", "Engine", "Generation", "StopReason"]
