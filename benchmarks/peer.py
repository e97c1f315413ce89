"""hftbacktest as a process beside ours, for benchmarks and tests."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

PROGRAM = Path(__file__).with_name("peer_hftbacktest.py")
VARIABLE = "HFTBACKTEST_PYTHON"
USUAL = Path(__file__).parents[1] / ".venv-peer" / "bin" / "python"


def find_peer() -> str | None:
    """Return the interpreter that has hftbacktest: the one named, else that of `make peer`."""
    named = os.environ.get(VARIABLE)
    return named or (str(USUAL) if USUAL.exists() else None)


class Peer:
    """One process; each request is answered before the next."""

    def __init__(self, python: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._process = subprocess.Popen(
            [python, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        stdin, stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self._process.wait()} at {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, records: Path, **request: Any) -> tuple[dict[str, Any], Any, Any]:
        """Run a market maker; returns totals, what it knew at wake-ups, and its orders then."""
        out = self.folder / "series.npz"
        answer = self.ask(do="run", records=str(records), out=str(out), **request)
        with np.load(out) as series:
            return answer, series["wakes"], series["orders"]

    def close(self) -> None:
        """End the process."""
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()
        self._process.wait()
        self._folder.cleanup()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
