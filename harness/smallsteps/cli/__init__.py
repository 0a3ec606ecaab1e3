"""The command line: one file per verb, loaded only when that verb is called."""

from smallsteps.cli.main import main

__all__ = ["main"]
