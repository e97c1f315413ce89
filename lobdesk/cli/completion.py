"""``lobdesk completion``: the script that lets a shell complete our commands."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(*, shell: str) -> None:
    """Print the completion script of a SHELL.

    Bash, for example: lobdesk completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from lobdesk.cli import cli

    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 - the choices above are all known to click
    # The module's own check runs the shell to ask for its version; the script needs no shell.
    script = completion(cli, {}, "lobdesk", "_LOBDESK_COMPLETE")
    click.echo(script.source_template % script.source_vars())
