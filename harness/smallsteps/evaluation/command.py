"""lm-eval's command line with the model `smallsteps` registered and our tasks in reach."""

from __future__ import annotations

import sys

from smallsteps.resources import shipped

WITH_TASKS = ("run", "ls", "list", "validate")  # lm-eval's verbs that take --include_path


def with_our_tasks(arguments: list[str]) -> list[str]:
    """The arguments with `--include_path` pointing at the shipped tasks, unless the user gave one."""
    verb = next((a for a in arguments if not a.startswith("-")), None)
    given = any(a == "--include_path" or a.startswith("--include_path=") for a in arguments)
    asks_help = not arguments or arguments[0] in ("-h", "--help")
    if given or asks_help or (verb not in WITH_TASKS and not arguments[0].startswith("-")):
        return arguments
    return [*arguments, "--include_path", str(shipped("tasks"))]


def lm_eval_main(arguments: list[str]) -> int:
    """Run lm-eval's command line; returns its exit code.

    lm-eval indexes its own tasks too here, which takes ten seconds and more; `smallsteps eval` does not.
    """
    from lm_eval.__main__ import cli_evaluate

    import smallsteps.evaluation.model  # noqa: F401  (registers the model)

    before = sys.argv
    sys.argv = ["smallsteps lm-eval", *with_our_tasks(arguments)]
    try:
        cli_evaluate()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    finally:
        sys.argv = before
    return 0
