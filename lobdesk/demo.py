"""The whole pipeline on built-in data, each step a command that could be typed."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import platformdirs

from lobdesk.errors import LobdeskError
from lobdesk.paths import APP_NAME, home
from lobdesk.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MARKER = "DEMO"
"""File that marks a data directory as the demo's; only such a one is ever emptied."""

CAPTURES = (
    "kraken/v2_btcusd_d10_resync_20260801.cbcap",
    "kraken/v2_ethusd_d25_20260802.cbcap",
)
SYMBOLS = "SOL,XRP"
"""Simulated pairs: others than the captures', so that real and invented books never mix."""

TRADED = "SOL/USD"
STEPS = 9
RECORD_S = 15
ACTIVITY = 12
TRAIN_STEPS = 60
TRAIN_BATCH = 32
TARGET = "mean:10"
SERVER_STOP_S = 10.0
JOIN_TOUCH = ("--param", "qty_lots=200000000", "--param", "max_position_lots=1000000000")
SIGNAL_FOLLOWER = (
    *("--param", "max_position_lots=500000000", "--param", "threshold=0.02"),
    *("--param", "maker=true"),
)


class DemoError(LobdeskError):
    """A step of the demo failed; its own message was printed above."""


def demo_dir() -> Path:
    """Return the demo's data directory: ``LOBDESK_HOME/cache/demo`` or the platform's cache."""
    root = home()
    cache = root / "cache" if root else platformdirs.user_cache_path(APP_NAME)
    return cache / "demo"


class Demo:
    """Runs the pipeline in a data directory of its own.

    Args:
        data_dir: Emptied first if an earlier demo made it.
        seed: Of the simulated market and the training.
        say: Receives each line for people.
    """

    def __init__(self, data_dir: Path, *, seed: int, say: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._seed = seed
        self._say = say
        self._step = 0

    def run(self) -> dict[str, Any]:
        """Run every step and return what each one reported.

        Raises:
            DemoError: A step failed, or the directory is not the demo's.
        """
        started_s = time.monotonic()
        self._prepare()
        report: dict[str, Any] = {"data_dir": str(self._data_dir), "seed": self._seed}
        report["import"] = self._import()
        report["record"] = self._record()
        report["verify"] = self._verify()
        report["index"] = self._index()
        report["build"] = self._build()
        report["train"] = self._train()
        report["signals"] = self._signals(report["train"]["run"])
        report["backtests"] = self._backtests(report["signals"]["run"])
        report["runs"] = self._list()["runs"]
        report["seconds"] = round(time.monotonic() - started_s, 1)
        return report

    def _prepare(self) -> None:
        folder = self._data_dir
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).is_file():
                raise DemoError(f"{folder} is not a demo's directory and not empty; name another")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("Made by lobdesk demo; each demo empties this folder.\n")
        self._say(f"export LOBDESK_DATA_DIR={shlex.quote(str(folder))}")

    def _title(self, text: str) -> None:
        self._step += 1
        self._say(f"\n[{self._step}/{STEPS}] {text}")

    def _import(self) -> dict[str, Any]:
        self._title("Import two real Kraken recordings (MIT-licensed, see assets/kraken)")
        report = self._command("import", *(str(shipped(name)) for name in CAPTURES))
        frames = sum(source["frames"] for source in report["sources"])
        self._say(f"      {frames:,} frames from {len(report['sources'])} files")
        return report

    def _record(self) -> dict[str, Any]:
        self._title(f"Record a simulated exchange over a real WebSocket for {RECORD_S} s")
        with self._exchange() as url:
            self._command(
                *("daemon", "run", "--url", url, "--symbols", SYMBOLS),
                *("--duration", str(RECORD_S)),
                is_report=False,
            )
        return {"url": url, "seconds": RECORD_S}

    def _verify(self) -> dict[str, Any]:
        self._title("Verify every checksum, chain and derived line")
        report = self._command("verify")
        for symbol, counts in report["symbols"].items():
            self._say(
                f"      {symbol}: {counts['verified']:,} of {counts['book_frames']:,} book frames "
                f"verified, {counts['resyncs']} resyncs"
            )
        return report

    def _index(self) -> dict[str, Any]:
        self._title("Index the journal")
        report = self._command("index")
        counts = ", ".join(f"{rows:,} {name}" for name, rows in report["totals"].items())
        self._say(f"      {counts}")
        return report

    def _build(self) -> dict[str, Any]:
        self._title("Build windows: features, strictly backward-looking normalization, targets")
        report = self._command("build", "--symbol", TRADED)
        self._say(
            f"      store {report['id']}: {report['rows']:,} rows x "
            f"{len(report['features'])} features, {report['anchors']:,} windows"
        )
        return report

    def _train(self) -> dict[str, Any]:
        self._title(f"Train DeepLOB for {TRAIN_STEPS} steps of {TRAIN_BATCH} windows")
        report = self._command(
            *("train", "--model", "deeplob", "--target", TARGET, "--seed", str(self._seed)),
            *("--max-steps", str(TRAIN_STEPS), "--batch-size", str(TRAIN_BATCH)),
        )
        for name, figures in report["models"].items():
            ic = figures["ic"]
            text = "none" if ic is None else f"{ic:+.3f} ± {figures['ic_se']:.3f}"
            self._say(f"      {name:<10} macro F1 {figures['macro_f1']:.3f}   IC {text}")
        self._say("      (seconds of an invented market and 60 steps prove nothing but the path)")
        return report

    def _signals(self, run: str) -> dict[str, Any]:
        self._title("Write the model's causal predictions")
        report = self._command("signals", run)
        self._say(
            f"      {report['signals']:,} signals, each available "
            f"{report['config']['latency_us']:,} µs after its last input"
        )
        return report

    def _backtests(self, signals: str) -> list[dict[str, Any]]:
        self._title("Backtest with 5 ms order latency each way, queue positions and fees")
        plans = (
            ("join_touch", ("--symbol", TRADED, *JOIN_TOUCH)),
            ("signal_follower", ("--symbol", TRADED, "--signals", signals, *SIGNAL_FOLLOWER)),
        )
        reports = []
        for strategy, args in plans:
            report = self._command("backtest", "--strategy", strategy, *args)
            reports.append(report)
            self._say(
                f"      {strategy}: {report['fills']:,} fills of {report['orders']:,} orders, "
                f"PnL {report['final_pnl']:+.2f} after fees of {report['fee']:.2f}"
            )
        return reports

    def _list(self) -> dict[str, Any]:
        self._title("Everything is a run with a manifest, metrics and a ledger")
        report = self._command("runs", "ls")
        for run in reversed(report["runs"]):
            self._say(f"      {run['id']}  {run['kind']:<9} {run['state']:<9} {run['name']}")
        return report

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[str]:
        """Run the simulator in a process of its own; gives its address."""
        args = ["simulate", "--seed", str(self._seed), "--symbols", SYMBOLS]
        args += ["--activity", str(ACTIVITY)]
        self._say(f"    $ lobdesk {shlex.join(args)} &")
        server = subprocess.Popen(
            [sys.executable, "-m", "lobdesk", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None  # noqa: S101 - a pipe was asked for
            url = server.stdout.readline().strip()
            if not url:
                raise DemoError("the simulated exchange did not start; try: lobdesk simulate")
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=SERVER_STOP_S)

    def _command(self, *args: str, is_report: bool = True) -> dict[str, Any]:
        """Run one command on the demo's data and return the object it printed.

        Raises:
            DemoError: The command failed.
        """
        self._say(f"    $ lobdesk {shlex.join(args)}")
        command = [sys.executable, "-m", "lobdesk", *args]
        command += ["--json"] if is_report else []
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"LOBDESK_DATA_DIR": str(self._data_dir)},
        )
        if result.returncode != 0:
            raise DemoError(f"lobdesk {args[0]} ended with exit code {result.returncode}")
        if not is_report:
            return {}
        report: dict[str, Any] = json.loads(result.stdout)
        return report
