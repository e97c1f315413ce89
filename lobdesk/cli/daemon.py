"""``lobdesk daemon``: record, and look at a recorder through its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import config_option, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.recorder import BookReport, JournalView, Look, RecorderReport
    from lobdesk.settings import DaemonSettings

DEFAULT_DATA_DIR = Path("data")
EXIT_NOT_RUNNING = 1
EXIT_NOT_VERIFIED = 4
QUIET_S = 5.0


def _data_dir_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data directory (default: LOBDESK_DATA_DIR, else ./data).",
    )(function)


def _place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    return _data_dir_option(config_option(function))


def _settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--symbols", help="Pairs, separated by commas; BTC means BTC/USD [KRAKEN_SYMBOLS]."
        ),
        click.option(
            "--depth", type=int, help="Levels a side: 10, 25, 100, 500 or 1000 [KRAKEN_BOOK_DEPTH]."
        ),
        click.option("--url", help="Endpoint [KRAKEN_WS_URL]."),
        click.option(
            "--redundant/--single",
            default=None,
            help="Keep two connections open, or one [KRAKEN_REDUNDANT].",
        ),
        click.option(
            "--metrics",
            metavar="HOST:PORT",
            help="Answer Prometheus there, for example 127.0.0.1:9464 [L2_METRICS].",
        ),
        click.option(
            "--persist/--verify-only",
            default=None,
            help="Write the logs, or only verify [L2_PERSIST_JSONL].",
        ),
        _place_options,
    ):
        function = option(function)
    return function


def _run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--duration",
            type=click.FloatRange(min=0, min_open=True),
            help="Seconds to record (default: until stopped).",
        ),
        click.option(
            "--frames",
            type=click.IntRange(min=1),
            help="Frames to record (default: until stopped).",
        ),
        click.option(
            "--log",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Style of the log on standard error.",
        ),
    ):
        function = option(function)
    return _settings_options(function)


@click.group("daemon")
def daemon_command() -> None:
    """Run the recorder, or look at it."""


@daemon_command.command("run")
@_run_options
def run_command(**options: Any) -> None:  # noqa: ANN401 - click passes one value per option
    """Record order books and trades until stopped.

    Settings come from flags, the environment, a .env file in the current folder, and the
    configuration file, in this order. SIGTERM and Ctrl-C end it cleanly with exit code 0. It ends
    with 3 if the exchange cannot be reached at the start, and with 2 if a setting is wrong.
    """
    _record(**options)


@click.command("record")
@_run_options
def record_command(**options: Any) -> None:  # noqa: ANN401 - click passes one value per option
    """Record in the foreground; the same as: daemon run."""
    _record(**options)


@daemon_command.command("status")
@_place_options
@json_option
def status_command(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Show what the recorder last said about itself, or what its journal says.

    Reads files only, so it works on a read-only volume and from another host. Where the recorder's
    report is missing, torn, stale or of another host, the journal's newest lines decide. Exit code
    0, or 1 if no recorder has ever run here.
    """
    seen = _look(options)
    if seen.report is None and seen.journal is None:
        raise click.ClickException(f"{seen.health.reason}; start one with: lobdesk daemon run")
    if as_json:
        print_json(_as_dict(seen))
        return
    for line in _describe(seen):
        click.echo(line)


@daemon_command.command("health")
@_place_options
@json_option
def health_command(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Tell by exit code whether the recorder records what it should.

    Reads files only. 0: running, receiving, every book verified. 1: not running or not receiving.
    4: a symbol was refused, or its book has not been verified for half a minute, or frames cannot
    be written, derived or confirmed by the disk.
    """
    seen = _look(options)
    health = seen.health
    basis = "report" if seen.journal is None else "journal"
    if as_json:
        print_json({"healthy": health.is_healthy, "reason": health.reason, "basis": basis})
    else:
        persists = seen.report is None or seen.report.persists
        text = "healthy" if persists else "healthy, but nothing is kept (verify only)"
        told = f" (by the journal: {seen.doubt})" if seen.journal is not None else _age(seen)
        click.echo((health.reason or text) + told)
    if not health.is_healthy:
        is_receiving = health.is_running and health.is_receiving
        click.get_current_context().exit(EXIT_NOT_VERIFIED if is_receiving else EXIT_NOT_RUNNING)


def _record(
    *,
    duration: float | None,
    frames: int | None,
    log: str,
    **options: Any,  # noqa: ANN401
) -> None:
    from lobdesk.cli.logs import set_up_logs
    from lobdesk.daemon import run_daemon

    settings, root = _resolve(options)
    set_up_logs(log)
    report = run_daemon(settings, root, duration_s=duration, max_frames=frames)
    kept = f"in {root}" if report.persists else "nothing kept"
    click.echo(
        f"{report.ended}: {report.frames:,} frames, {report.lost} lost, "
        f"{report.resyncs} resyncs, {kept}",
        err=True,
    )


def _resolve(options: dict[str, Any]) -> tuple[DaemonSettings, Path]:
    """Return the settings and the journal's folder."""
    import os

    from lobdesk.errors import SettingsError
    from lobdesk.settings import load_settings, parse_symbols

    symbols: str | None = options.get("symbols")
    try:
        parsed = parse_symbols(symbols) if symbols is not None else None
    except ValueError as error:
        raise SettingsError("--symbols", symbols or "", str(error)) from error
    loaded = load_settings(
        config=options["config"],
        dotenv=Path(".env"),
        overrides={
            "daemon.symbols": parsed,
            "daemon.book_depth": options.get("depth"),
            "daemon.ws_url": options.get("url"),
            "daemon.redundant": options.get("redundant"),
            "daemon.metrics": options.get("metrics"),
            "daemon.persist_jsonl": options.get("persist"),
        },
    )
    settings = loaded.settings
    named = options["data_dir"] or os.environ.get("LOBDESK_DATA_DIR") or settings.data_dir
    data_dir = Path(named) if named else DEFAULT_DATA_DIR
    output_dir = settings.daemon.output_dir if options["data_dir"] is None else ""
    return settings.daemon, Path(output_dir) if output_dir else data_dir / "l2"


def _look(options: dict[str, Any]) -> Look:
    from lobdesk.journal import boot_id
    from lobdesk.recorder import look, now

    _, root = _resolve(options)
    return look(root, now(), boot_id())


def _as_dict(seen: Look) -> dict[str, Any]:
    import msgspec

    health = seen.health
    report = {} if seen.report is None else msgspec.to_builtins(seen.report)
    return {
        "running": health.is_running,
        "healthy": health.is_healthy,
        "reason": health.reason,
        "basis": "report" if seen.journal is None else "journal",
        "doubt": seen.doubt,
        "journal": None if seen.journal is None else _journal_dict(seen.journal),
        **report,
    }


def _journal_dict(view: JournalView) -> dict[str, Any]:
    import dataclasses

    books = {symbol: book._asdict() for symbol, book in view.books.items()}
    return {**dataclasses.asdict(view), "books": books}


def _describe(seen: Look) -> list[str]:
    report, view = seen.report, seen.journal
    lines = [f"state     {seen.health.reason or 'healthy'}{_age(seen)}"]
    if view is not None:
        lines += _describe_journal(view, seen.doubt)
    elif report is not None:
        lines += _describe_report(report)
    return lines


def _age(seen: Look) -> str:
    """Say how old a good report is: a recorder killed a moment ago still looks well."""
    if seen.age_s is None or seen.health.reason:
        return ""
    return f", as reported {max(0.0, seen.age_s):.1f} s ago"


def _describe_journal(view: JournalView, doubt: str) -> list[str]:
    torn = "; the line after it is not complete" if view.is_torn else ""
    return [
        f"basis     the journal's newest lines; {doubt}",
        f"record    {view.last_seq:,}, connection {view.conn}, {_instant(view.last_us)}{torn}",
        f"frame     {_instant(view.last_frame_us)}",
        *(
            f"{symbol:<9} verified {_instant(book.verified_us)}, "
            f"newest frame {_instant(book.frame_us)}"
            for symbol, book in view.books.items()
        ),
    ]


def _instant(ts_us: int) -> str:
    from lobdesk.units import format_rfc3339_us

    return format_rfc3339_us(ts_us) if ts_us else "none"


def _describe_lines(report: RecorderReport) -> list[str]:
    described = []
    for number, line in enumerate(report.lines, start=1):
        text = (
            f"line {number}    {'open' if line.is_connected else 'closed'}  {line.channel}  "
            f"connection {line.connection}, {line.connects} opened, {line.live} books live"
        )
        if line.offset_us is not None:
            text += f", exchange clock {line.offset_us:+,} us, round trip {line.round_trip_us:,} us"
        described.append(text)
    return described


def _describe_report(report: RecorderReport) -> list[str]:
    kept = "kept" if report.persists else "verified only, nothing is kept"
    last = _instant(report.last_frame_us)
    lines = [
        f"endpoint  {report.url}  connection {report.connection}, {report.connects} opened",
        *_describe_lines(report),
        f"frames    {report.frames:,} {kept}, last {last}, {report.malformed} malformed",
        f"queue     {report.queued} of {report.queue_size}, full for {report.queue_full} frames",
        f"lost      {report.lost} records, {report.lost_frames} of them frames",
    ]
    lines += [
        f"{symbol:<9} {book.state}{_quiet(report, book)}  {book.verified:,} verified  "
        f"{book.failed} failed  {book.unverified} unverified  {book.trades:,} trades  "
        f"{book.reason}".rstrip()
        for symbol, book in report.books.items()
    ]
    return lines + [
        f"{symbol:<9} level 3: {book.state}  {book.verified:,} verified  {book.failed} failed  "
        f"{book.unverified} unverified  {book.reason}".rstrip()
        for symbol, book in report.orders.items()
    ]


def _quiet(report: RecorderReport, book: BookReport) -> str:
    """Say how long a live book has had no frame, which is no fault."""
    quiet_s = (report.written_us - book.last_us) / 1e6
    is_quiet = book.state == "live" and book.last_us and quiet_s >= QUIET_S
    return f", quiet for {quiet_s:.0f} s" if is_quiet else ""
