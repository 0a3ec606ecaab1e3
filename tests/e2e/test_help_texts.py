"""Every verb and every option says what it is."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from smallsteps.cli.main import VERBS, cli


def verbs(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from verbs(found, f"{name} {inner}")


@pytest.mark.parametrize("name", list(VERBS))
def test_every_verb_and_option_has_a_help_text(name: str) -> None:
    top = cli.get_command(click.Context(cli), name)
    assert top is not None
    for path, command in verbs(top, name):
        assert command.help, path
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{path} {option.opts[0]}"
                assert option.help.endswith((".", "]", ")")), f"{path} {option.opts[0]}"
