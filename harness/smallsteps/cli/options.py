"""Options that several verbs share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SMALLSTEPS_DATA",
    help="Offline data directory (default: $SMALLSTEPS_DATA, else the hub).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
html_option = click.option(
    "--html",
    "html_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page that shows every item too.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the YAML file; repeatable.",
)
workers_option = click.option(
    "--workers", type=click.IntRange(1), help="Stages carried out side by side (default: one a core)."
)


def _tasks_path(context: click.Context, parameter: click.Parameter, places: tuple[Path, ...]) -> None:
    from smallsteps.problems.finding import add_place

    for place in places:
        add_place(place)


def _plugins(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    from smallsteps.extensions import add_plugin

    for name in names:
        add_plugin(name)


def own_options(function: Decorated) -> Decorated:
    """`--tasks-path` and `--plugin`: the user's own benchmarks and code are known before the verb begins."""
    tasks_path = click.option(
        "--tasks-path",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        expose_value=False,
        is_eager=True,
        callback=_tasks_path,
        help="Folder of your own benchmarks, or the YAML file of one; repeatable ($SMALLSTEPS_TASKS).",
    )
    plugin = click.option(
        "--plugin",
        multiple=True,
        metavar="MODULE",
        expose_value=False,
        is_eager=True,
        callback=_plugins,
        help="Import your module or .py file with schemes or readers; repeatable ($SMALLSTEPS_PLUGINS).",
    )
    return functools.reduce(lambda decorated, option: option(decorated), (plugin, tasks_path), function)


def _models(context: click.Context, parameter: click.Parameter, folder: Path | None) -> None:
    if folder is not None:
        from smallsteps.students.offline import ENVIRONMENT, models_directory

        models_directory(folder)
        os.environ[ENVIRONMENT] = str(folder.expanduser().resolve())  # worker processes inherit it


models_option = click.option(
    "--models",
    type=click.Path(path_type=Path),
    expose_value=False,
    callback=_models,
    help="Directory of models, DIR/OWNER/NAME, looked up before the hub (default: $SMALLSTEPS_MODELS).",
)


def _set(variable: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """A callback that turns a flag into an environment variable, which worker processes inherit."""

    def remember(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        if given:
            os.environ[variable] = "1"

    return remember


allow_outside_option = click.option(
    "--allow-outside",
    is_flag=True,
    expose_value=False,
    callback=_set("SMALLSTEPS_ALLOW_OUTSIDE"),
    help="Load a student whose parts are outside its folder.",
)
trust_task_code_option = click.option(
    "--trust-task-code",
    is_flag=True,
    expose_value=False,
    callback=_set("SMALLSTEPS_TRUST_TASK_CODE"),
    help="Evaluate task files of --include-path that run Python code of their own.",
)
