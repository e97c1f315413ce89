"""``lobdesk build``: rows of the index to a window store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    config_option,
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
)
from lobdesk.progress import make_progress

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.windows import WindowStore


@click.command("build")
@click.option("--symbol", "symbols", multiple=True, metavar="S", help="Only this pair; repeatable.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Symbols built at a time (default: one for each processor).",
)
@config_option
@data_dir_option
@json_option
@progress_option
def build_command(
    *,
    symbols: tuple[str, ...],
    threads: int | None,
    config: Path | None,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
) -> None:
    """Build a window store.

    The section [windows] of the configuration says what to build. The same rows and settings give
    the same store, which is then not built again.

    With --json it prints one object: id, path, rows, anchors, symbols, features (names of the
    columns), targets.
    """
    from lobdesk.settings import load_settings
    from lobdesk.windows import WindowSpec, build_windows

    overrides = {"windows.symbols": list(symbols) or None}
    settings = load_settings(config=config, overrides=overrides).settings
    spec = WindowSpec.from_settings(settings.windows)
    reporter = make_progress(progress)
    try:
        store = build_windows(data_paths(data_dir).root, spec, threads=threads, progress=reporter)
    except BaseException:
        reporter.finish("failed")
        raise
    reporter.finish("finished", id=store.id, rows=len(store))
    if as_json:
        print_json(_summary(store))
    else:
        _narrate(store)


def _summary(store: WindowStore) -> dict[str, object]:
    return {
        "id": store.id,
        "path": str(store.path),
        "rows": len(store),
        "anchors": len(store.anchors()),
        "symbols": store.symbols,
        "features": store.feature_names,
        "targets": store.targets(),
    }


def _narrate(store: WindowStore) -> None:
    click.echo(store.id)
    rows, anchors = len(store), len(store.anchors())
    windows = f"{anchors:,} windows of {store.window_rows} rows"
    click.echo(f"{rows:,} rows of {', '.join(store.symbols)}: {windows}", err=True)
    click.echo(f"{store.path}", err=True)
    click.echo("next: lobdesk train", err=True)
