"""The processes of a fault test: a simulated exchange, a recorder, and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lobdesk.journal import read_events
from lobdesk.paths import JournalRoot
from lobdesk.recorder import read_report
from lobdesk.verify import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lobdesk.recorder import RecorderReport
    from lobdesk.records import RawEvent
    from lobdesk.verify import VerifyReport

ROOT = Path(__file__).parents[2]
TEN = ("BTC", "ETH", "SOL", "XRP", "ADA", "LTC", "DOGE", "LINK", "AVAX", "DOT")
SYMBOLS = tuple(f"{name}/USD" for name in TEN)
DEADLINE_S = 60.0
POLL_S = 0.02
FRAMES_PER_ACTIVITY = 170.0
"""Frames a second of the ten pairs at activity 1."""

OURS = ("KRAKEN_", "L2_", "SNAPSHOT_", "LOBDESK_")


def until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Wait for a condition and return what it gave."""
    give_up_s = time.monotonic() + deadline_s
    while not (found := condition()):
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"{what}: not within {deadline_s:g} s")
        time.sleep(POLL_S)
    return found


def now_us() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1000


class Process:
    """One process; its standard error goes to a file."""

    def __init__(self, args: list[str], folder: Path, name: str, env: dict[str, str]) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.started_us = now_us()
            self.popen = subprocess.Popen(
                args, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=log, text=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def first_line(self) -> str:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"no output; log: {self.log.read_text()[-500:]}")
        return line

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        if self.is_alive:
            self.popen.send_signal(number)
        self.popen.communicate(timeout=DEADLINE_S)
        return self.popen.returncode

    def rss_bytes(self) -> int:
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Stage:
    """A folder with a data directory, and the processes at work in it; all are ended at the end."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self.folder = folder
        self.data = data if data is not None else folder / "data"
        self.root = self.data / "l2"
        self._processes: list[Process] = []
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        home = str(self.folder / "home")
        return {**kept, "PYTHONPATH": str(ROOT), "LOBDESK_HOME": home, **variables}

    def start(self, *args: str, name: str, prefix: Iterable[str] = (), **env: str) -> Process:
        """Start ``lobdesk`` with arguments."""
        command = [*prefix, sys.executable, "-m", "lobdesk", *args]
        return self.start_command(command, name=name, **env)

    def start_command(self, command: list[str], *, name: str, **env: str) -> Process:
        process = Process(command, self.folder, name, self.environment(**env))
        self._processes.append(process)
        return process

    def simulator(
        self,
        rate: float,
        *args: str,
        symbols: Iterable[str] = TEN,
        faults: Iterable[dict[str, Any]] = (),
        prefix: Iterable[str] = (),
    ) -> tuple[Process, str]:
        """Start a simulated exchange with so many frames a second; return it and its address."""
        chosen = list(symbols)
        script = self.folder / "faults.jsonl"
        script.write_text("".join(json.dumps(line) + "\n" for line in faults))
        activity = max(0.01, rate / FRAMES_PER_ACTIVITY * len(TEN) / len(chosen))
        process = self.start(
            "simulate", "--symbols", ",".join(chosen), "--activity", f"{activity:g}",
            "--seed", "1", "--faults", str(script), *args, name="simulator", prefix=prefix,
        )  # fmt: skip
        return process, process.first_line()

    def recorder(
        self,
        url: str,
        *args: str,
        symbols: Iterable[str] = TEN,
        prefix: Iterable[str] = (),
        **env: str,
    ) -> Process:
        """Start a recorder."""
        return self.start(
            "daemon", "run", "--data-dir", str(self.data), "--symbols", ",".join(symbols),
            "--url", url, "--log", "json", *args, name="recorder", prefix=prefix, **env,
        )  # fmt: skip

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``lobdesk`` with arguments to its end."""
        return subprocess.run(
            [sys.executable, "-m", "lobdesk", *args],
            cwd=self.folder,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def report(self) -> RecorderReport | None:
        return read_report(self.root)

    def until_frames(self, count: int) -> RecorderReport:
        """Wait until the recorder says that it has received so many frames."""
        return until(
            lambda: (r := self.report()) is not None and not r.ended and r.frames >= count and r,
            f"{count} frames recorded",
        )

    def until_live(self, symbols: int = len(TEN)) -> RecorderReport:
        """Wait until so many books are verified."""

        def look() -> RecorderReport | None:
            report = self.report()
            if report is None or report.ended:
                return None
            live = sum(book.state == "live" for book in report.books.values())
            return report if live >= symbols else None

        return until(look, f"{symbols} books live")

    def events(self) -> list[RawEvent]:
        return list(read_events(self.root))

    def verify(self) -> VerifyReport:
        """Verify what the recorder left."""
        return verify_journal(JournalRoot("recorder", self.root))

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return what the recorder logged of one kind."""
        log = self.folder / "recorder.log"
        lines = log.read_text().splitlines() if log.exists() else []
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line.get("event") == event]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.is_alive:
                process.popen.send_signal(signal.SIGCONT)
                process.end(signal.SIGKILL)
            elif process.popen.stdout is not None:
                process.popen.stdout.close()


def notes(events: Iterable[RawEvent], kind: str) -> list[dict[str, Any]]:
    """Return the notes of one kind, each with the ``seq`` and times of its record."""
    found = []
    for event in events:
        if event.dir == "note" and f'"kind":"{kind}"' in event.raw:
            facts = json.loads(event.raw)
            if facts["kind"] == kind:
                found.append({**facts, "_seq": event.seq, "_us": event.recv_ts_us})
    return found
