"""The command line: lazy sub-commands, errors as one line, exit codes as documented.

Exit codes: 0 ok · 1 failed · 2 usage or configuration · 3 network, a retry makes sense ·
4 data integrity problem found · 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from lobdesk import __version__
from lobdesk.errors import LobdeskError, nearest
from lobdesk.progress import is_terminal, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

# name → (module below lobdesk.cli, one line for --help). A command is loaded when it runs.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run the whole pipeline on built-in data, then open the desk."),
    "simulate": ("simulate", "Serve a simulated exchange over a real WebSocket."),
    "record": ("daemon", "Record in the foreground (same as: daemon run)."),
    "daemon": ("daemon", "Run or look at the recorder: run, status, health."),
    "import": ("import_", "Take recordings of others into the journal."),
    "verify": ("verify", "Check checksums, chains, re-derivation and gaps."),
    "index": ("index", "Bring the index up to the journal."),
    "retain": ("retain", "Delete the oldest indexed part of the recorder's journal."),
    "sql": ("sql", "Ask the index in SQL, read-only."),
    "at": ("at", "Show a symbol's book at an instant."),
    "gaps": ("gaps", "Tell how complete the recordings are, day by day."),
    "build": ("build", "Build a window store."),
    "train": ("train", "Train a model on a window store."),
    "evaluate": ("train", "Judge a trained model again, beside the baselines."),
    "signals": ("signals", "Write a trained model's causal predictions."),
    "backtest": ("backtest", "Run a backtest, or check scenario files."),
    "replay": ("replay", "Open the desk on the replay of a backtest."),
    "runs": ("runs", "List, show or remove trainings and backtests."),
    "config": ("config", "Show the settings and where each comes from."),
    "paths": ("config", "Show where everything lives."),
    "completion": ("completion", "Print the completion script for bash, zsh or fish."),
    "doctor": ("doctor", "Check this machine: engine, libraries, terminal, disk."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lobdesk.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake in COMMANDS
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest name for one that does not exist."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            hint = f"; did you mean {near!r}?" if near else ""
            ctx.fail(f"no such command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="lobdesk")
@click.option("--data-dir", type=click.Path(file_okay=False), help="Data directory to look at.")
@click.pass_context
def cli(ctx: click.Context, data_dir: str | None) -> None:
    """Record, audit, model and replay a limit order book without leaving the terminal.

    Without a command it opens the desk. New here? Run: lobdesk demo
    """
    if data_dir is not None:
        os.environ["LOBDESK_DATA_DIR"] = data_dir  # commands and jobs look there as well
    if ctx.invoked_subcommand is not None:
        return
    if not (is_terminal(sys.stdout) and is_terminal(sys.stdin)):
        click.echo(ctx.get_help(), err=True)
        click.echo("error: the desk needs a terminal; see the commands above", err=True)
        ctx.exit(EXIT_USAGE)
    from lobdesk.cli.desk import open_desk

    open_desk()


def run_cli(args: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        result = cli.main(args=list(args), prog_name="lobdesk", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        # The reader of our output went away (`| head`); nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except (LobdeskError, click.ClickException, click.Abort, KeyboardInterrupt, OSError) as error:
        text, code = _explain(error)
        click.echo(printable(text), err=True)
        return code


def _explain(error: BaseException) -> tuple[str, int]:
    """Return the one line that says what happened, and the exit code."""
    if isinstance(error, LobdeskError):
        return f"error: {error}", error.exit_code
    if isinstance(error, click.ClickException):
        return f"error: {_in_one_line(error)}", error.exit_code
    if isinstance(error, OSError):
        return f"error: {_what_the_system_said(error)}", EXIT_FAILED
    return "interrupted", EXIT_INTERRUPTED


def _in_one_line(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    text = text[:1].lower() + text[1:]
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return text
    return f"{text}; see: {error.ctx.command_path} --help"


def _what_the_system_said(error: OSError) -> str:
    """Say what no room expected: a full disk, a folder that cannot be written."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"{reason}; check the disk and where standard output goes"
    return f"{os.fsdecode(error.filename)}: {reason}; check that it can be written, and the disk"


def main() -> None:
    """Entry point of ``lobdesk``."""
    sys.exit(run_cli(sys.argv[1:]))


def daemon_main() -> None:
    """Entry point of ``lobdesk-daemon``, the same as ``lobdesk daemon``; no word means ``run``."""
    args = sys.argv[1:]
    words = {"run", "status", "health", "-h", "--help"}
    sys.exit(run_cli(["daemon", *(args if args and args[0] in words else ["run", *args])]))
