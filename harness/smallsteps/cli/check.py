"""`smallsteps check`: is a folder whole?"""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import json_option


@click.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def command(folder: Path, as_json: bool) -> int:
    """Verify FOLDER (a run, student, corpus or study): digests, schemas, completeness.

    Exit 0 if it is whole, 1 if something is damaged, changed or missing.

    \b
      smallsteps check runs/micro
      smallsteps check students/cot-s1-0123abcd4567 --json
    """
    from smallsteps.files import to_json
    from smallsteps.studies.check import check_folder

    found = check_folder(folder)
    if as_json:
        click.echo(to_json(found.as_dict()))
    else:
        for problem in found.problems:
            click.echo(f"{problem.where}: {problem.what}")
        count = len(found.problems)
        state = "ok" if not count else "1 problem" if count == 1 else f"{count} problems"
        click.echo(f"{found.kind} {folder}: {state} ({found.files} files compared)")
    return 1 if found.problems else 0
