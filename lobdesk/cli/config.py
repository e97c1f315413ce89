"""``lobdesk config`` and ``lobdesk paths``: what is set, where it came from, where things live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import config_option, data_dir_option, data_paths, json_option, print_json

if TYPE_CHECKING:
    from pathlib import Path


@click.group("config")
def config_command() -> None:
    """Show the settings and where each comes from."""


@config_command.command("show")
@click.option("--origin", is_flag=True, help="Also show the file, variable or default behind each.")
@config_option
@json_option
def show(*, origin: bool, config: Path | None, as_json: bool) -> None:
    """Print every setting with its merged value."""
    import msgspec

    from lobdesk.settings import SECRETS, load_settings

    loaded = load_settings(config=config)
    values = _flat(msgspec.to_builtins(loaded.settings))
    values |= {key: "<set>" for key in SECRETS if values[key]}
    if as_json:
        print_json(
            {
                key: {"value": value, "origin": loaded.origins.get(key, "default")}
                for key, value in values.items()
            }
        )
        return
    for key, value in values.items():
        tail = f"    # {loaded.origins.get(key, 'default')}" if origin else ""
        click.echo(f"{key} = {value!r}{tail}")


@config_command.command("validate", short_help="Check the configuration.")
@config_option
def validate(*, config: Path | None) -> None:
    """Check the configuration; errors name the place and the nearest valid key."""
    from lobdesk.settings import load_settings

    load_settings(config=config)
    click.echo("the configuration is valid")


@config_command.command("path", short_help="Print the path of the user's configuration file.")
def path() -> None:
    """Print the path of the user's configuration file, which need not exist."""
    from lobdesk.paths import config_file

    click.echo(str(config_file()))


@click.command("paths")
@data_dir_option
@json_option
def paths_command(*, data_dir: Path | None, as_json: bool) -> None:
    """Show where everything lives."""
    from lobdesk.paths import config_file, state_dir

    paths = data_paths(data_dir)
    places = {
        "config": config_file(),
        "data": paths.root,
        "recorder journal": paths.recorder_journal,
        "imported sources": paths.sources,
        "index": paths.catalog,
        "lake": paths.lake,
        "windows": paths.windows,
        "runs": paths.runs,
        "jobs": paths.jobs,
        "state": state_dir(),
    }
    if as_json:
        print_json({name.replace(" ", "_"): str(place) for name, place in places.items()})
        return
    for name, place in places.items():
        click.echo(f"{name:<17} {place}{'' if place.exists() else '   (not there yet)'}")


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and key != "data_dir":
            flat |= {f"{key}.{leaf}": inner for leaf, inner in value.items()}
        else:
            flat[key] = value
    return flat
