"""Key to paint under load: a ladder at 1,000 updates a second in a terminal of 120 x 36.

Our ladder, painted by the frame timer, against the same ladder painted at every update, each in a
pseudo-terminal of its own that times a key until the marker it changes is written.

    python benchmarks/bench_desk.py [--updates 1000] [--seconds 6]
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import random
import re
import select
import statistics
import struct
import sys
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

WARM_UP_S = 2.0
KEY_INTERVAL_S = 0.1
FPS = 30


def run_child(mode: str, updates: int) -> None:
    from textual.app import App

    from lobdesk.app.colors import DARK, side_variables
    from lobdesk.app.text import Scale
    from lobdesk.app.widgets.ladder import Ladder, LadderView
    from lobdesk.app.widgets.strip import FactStrip

    class Load(App[None]):
        CSS = "Ladder { height: 1fr; } FactStrip { height: 1; }"
        presses = 0

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return {"dim": "#7F8A9B", **side_variables("blue-orange", dark=True)}

        def compose(self):
            self.ladder, self.strip = Ladder(), FactStrip()
            yield self.ladder
            yield self.strip

        def on_mount(self) -> None:
            self.register_theme(DARK)
            self.theme = DARK.name
            self.set_interval(1 / FPS, self.paint)
            self.feeding = asyncio.create_task(self.feed())

        def paint(self) -> None:
            self.strip.flush()
            if mode == "frames":
                self.ladder.flush()

        async def feed(self) -> None:
            chance = random.Random(7)
            qty = [[chance.randrange(10**6, 10**9) for _ in range(10)] for _ in range(2)]
            start_s, done = time.monotonic(), 0
            while True:
                due = int((time.monotonic() - start_s) * updates)
                for _ in range(due - done):
                    qty[chance.randrange(2)][chance.randrange(10)] = chance.randrange(10**6, 10**9)
                    self.ladder.view = LadderView(
                        bids=[(700097 - i, qty[0][i]) for i in range(10)],
                        asks=[(700098 + i, qty[1][i]) for i in range(10)],
                        price=Scale.from_precision(1), qty=Scale.from_precision(8),
                    )  # fmt: skip
                    if mode == "updates":
                        self.ladder.flush()
                done = due
                await asyncio.sleep(0.001)

        def on_key(self) -> None:
            self.presses += 1
            self.strip.facts = (((f"MARK{self.presses:06d}", "strong"),),)
            self.strip.flush()  # the desk paints at once what a key changed, too

    Load().run()


def measure(mode: str, updates: int, seconds: float) -> tuple[list[float], float, float]:
    """Return key latencies in ms, CPU share of a core, and kilobytes written a second."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        args = [sys.executable, __file__, "--child", mode, "--updates", str(updates)]
        os.execv(sys.executable, args)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    screen = Screen(fd)
    screen.read_for(WARM_UP_S)
    cpu_s, start_s, written = cpu_time_s(pid), time.monotonic(), screen.total
    latencies: list[float] = []
    while time.monotonic() - start_s < seconds:
        pressed_s = time.perf_counter()
        os.write(fd, b"x")
        if screen.wait_for(f"MARK{len(latencies) + 1:06d}".encode(), 2.0):
            latencies.append((time.perf_counter() - pressed_s) * 1e3)
        screen.read_for(KEY_INTERVAL_S)
    elapsed_s = time.monotonic() - start_s
    share = (cpu_time_s(pid) - cpu_s) / elapsed_s
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(fd)
    return latencies, share, (screen.total - written) / elapsed_s / 1e3


class Screen:
    """The terminal's side: reads, and answers what the app asks."""

    def __init__(self, fd: int) -> None:
        self.fd, self.total, self.recent = fd, 0, b""

    def read(self, timeout_s: float) -> None:
        if not select.select([self.fd], [], [], timeout_s)[0]:
            return
        data = os.read(self.fd, 1 << 16)
        self.total += len(data)
        self.recent = (self.recent + data)[-(1 << 17) :]
        if b"\x1b[?2026$p" in data:
            os.write(self.fd, b"\x1b[?2026;2$y")

    def read_for(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self.read(left_s)

    def wait_for(self, text: bytes, seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if text in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", self.recent):
                return True
            self.read(0.05)
        return False


def cpu_time_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--child", choices=["frames", "updates"])
    args = parser.parse_args()
    if args.child:
        run_child(args.child, args.updates)
        return
    shares = {}
    print(f"{args.updates:,} updates/s, 120 x 36, load {os.getloadavg()[0]:.1f}")
    for mode, name in (("updates", "painted at every update"), ("frames", f"{FPS} frames/s")):
        latencies, share, kilobytes = measure(mode, args.updates, args.seconds)
        if len(latencies) < 5:
            raise SystemExit(f"{name}: only {len(latencies)} keys were answered")
        p95 = statistics.quantiles(latencies, n=20)[-1]
        shares[mode] = share
        print(
            f"  {name:<24} key to paint p50 {statistics.median(latencies):6.1f} ms  "
            f"p95 {p95:6.1f} ms   CPU {share:5.0%}   {kilobytes:6.0f} kB/s"
        )
    print(
        f"CPU, frames against updates: {shares['frames'] / shares['updates']:.2f} x (at most 0.65)"
    )


if __name__ == "__main__":
    main()
