"""A real command that reports as lobdesk's own do: its arguments say how it ends."""

import os
import signal
import sys
import threading
from typing import TextIO

from lobdesk.progress import JsonProgress


def tell(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()


def main() -> None:
    progress = JsonProgress()
    args = sys.argv[1:]
    tell(sys.stderr, "loading")
    for step in range(3):
        progress.update("work", step, 10, loss=1.0 / (step + 1))
    if "--finish" in args:
        progress.update("work", 10, 10, loss=0.05)
        progress.finish("finished", run="t0001")
        tell(sys.stdout, '{"run": "t0001"}')
    elif "--die" in args:
        tell(sys.stderr, "error: disk is full")
        os._exit(0)  # a good exit code is no proof of a good end
    elif "--lie" in args:
        progress.finish("finished")
        sys.exit(9)
    elif "--polite" in args:
        done = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: done.set())
        progress.update("waiting", 0, None)
        done.wait(60)
        progress.finish("cancelled", reason="asked to")
    elif "--stubborn" in args:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        progress.update("waiting", 0, None)
        threading.Event().wait(60)
    else:
        progress.update("waiting", 0, None)
        threading.Event().wait(60)


main()
