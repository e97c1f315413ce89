"""``lobdesk simulate``: serve a simulated exchange."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobdesk.settings import parse_symbols
from lobdesk.units import parse_rfc3339_us

if TYPE_CHECKING:
    from lobdesk.simulator import SimulatorServer
    from lobdesk.simulator.events import Market


class _Speed(click.ParamType[float]):
    """A factor above 0, or ``max``, which is infinity here."""

    name = "X|max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the factor."""
        if value == "max":
            return float("inf")
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0.0 < speed < float("inf"):
            self.fail(f"{value!r} is neither a number above 0 nor max", param, ctx)
        return speed


class _Start(click.ParamType[int]):
    """An instant in microseconds; 0 stands for now."""

    name = "TIME|now"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the instant."""
        if value == "now":
            return 0
        try:
            return parse_rfc3339_us(str(value))
        except ValueError as error:
            self.fail(f"{error}; expected now or a time like 2026-01-01T00:00:00Z", param, ctx)


class _Symbols(click.ParamType[tuple[str, ...]]):
    """Pairs separated by commas."""

    name = "A,B"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read the list."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_symbols(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the synthetic market.")
@click.option("--symbols", type=_Symbols(), help="Synthetic pairs (default: BTC,ETH,SOL).")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Replay a recording instead: a .cbcap file or the root folder of a journal.",
)
@click.option("--speed", type=_Speed(), default="1", show_default=True, help="Of the clock.")
@click.option(
    "--activity",
    type=click.FloatRange(0.01, 10_000.0),
    default=1.0,
    show_default=True,
    help="How many times busier than usual the synthetic market is, at the same clock.",
)
@click.option(
    "--start",
    type=_Start(),
    default="now",
    show_default=True,
    help="Exchange time of the synthetic market's beginning; fix it for equal frames.",
)
@click.option(
    "--level3-token",
    "tokens",
    multiple=True,
    metavar="TOKEN",
    help="Accept this token for the level3 channel; may be given several times.",
)
@click.option(
    "--level3-token-life",
    "token_life",
    type=click.FloatRange(min=0.0, min_open=True),
    default=900.0,
    show_default=True,
    help="Seconds within which a token must first be used.",
)
@click.option("--faults", type=click.Path(path_type=Path), help="Fault script (JSON lines).")
@click.option(
    "--duration",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Seconds to run (default: until stopped).",
)
def simulate_command(
    *,
    port: int,
    host: str,
    seed: int,
    symbols: tuple[str, ...] | None,
    source: Path | None,
    speed: float,
    activity: float,
    start: int,
    tokens: tuple[str, ...],
    token_life: float,
    faults: Path | None,
    duration: float | None,
) -> None:
    """Serve a simulated exchange that speaks Kraken's public protocol.

    The first line on standard output is its address. The market stands still until the first
    subscription. Ctrl-C or SIGTERM ends it with exit code 0.
    """
    from lobdesk.simulator import SimulatorServer, load_faults

    if source is not None and symbols is not None:
        raise click.UsageError("--symbols and --from exclude each other")
    script = load_faults(faults) if faults is not None else []
    market = _market(source, symbols, seed=seed, start_us=start, activity=activity)

    async def run() -> None:
        server = SimulatorServer(
            market,
            host=host,
            port=port,
            speed=None if speed == float("inf") else speed,
            starts_now=source is None and start == 0,
            faults=script,
            level3_tokens=tokens,
            level3_token_life_s=token_life,
        )
        await _serve(server, duration)

    asyncio.run(run())


def _market(
    source: Path | None,
    symbols: tuple[str, ...] | None,
    *,
    seed: int,
    start_us: int,
    activity: float,
) -> Market:
    from lobdesk.simulator import DEFAULT_SYMBOLS, RecordedMarket, SyntheticMarket

    if source is not None:
        return RecordedMarket(source)
    return SyntheticMarket(
        symbols or DEFAULT_SYMBOLS,
        seed=seed,
        start_us=start_us or time.time_ns() // 1000,
        activity=activity,
    )


async def _serve(server: SimulatorServer, duration_s: float | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        click.echo(server.url)
        click.echo(f"serving {', '.join(server.exchange.instruments)}", err=True)
        ending = asyncio.create_task(stopped.wait())
        market = asyncio.create_task(server.wait())
        await asyncio.wait(
            {ending, market}, timeout=duration_s, return_when=asyncio.FIRST_COMPLETED
        )
        failed = market.done() and not ending.done()
        for task in (ending, market):
            task.cancel()
        if failed:
            await market
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(ending, market, return_exceptions=True)
    click.echo(f"sent {server.exchange.frames} market frames", err=True)
