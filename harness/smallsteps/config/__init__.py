"""The one place that reads YAML: validated by pydantic, with file, line, key and the nearest valid name."""

from smallsteps.config.document import Document, UnboundedError, parse_yaml, read_yaml
from smallsteps.config.loading import Strict, compose, laid_over, load, validate

__all__ = [
    "Document",
    "Strict",
    "UnboundedError",
    "compose",
    "laid_over",
    "load",
    "parse_yaml",
    "read_yaml",
    "validate",
]
