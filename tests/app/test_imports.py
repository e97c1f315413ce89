"""What the desk's process may load, and when; asked of a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "lightning", "plotext"}
LATE = HEAVY | {"numpy", "duckdb"}

FIRST_PAINT = """
import asyncio, json, sys, tempfile
from pathlib import Path
from lobdesk.app.app import LobdeskApp

seen = {}

class Probe(LobdeskApp):
    def on_ready(self):
        seen["at first paint"] = sorted(sys.modules)

async def main():
    app = Probe(Path(tempfile.mkdtemp()))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        for key in "1234":
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()
        assert app.pane.id == "replay", app.pane
        seen["after all panes"] = sorted(sys.modules)
    print(json.dumps(seen))

asyncio.run(main())
"""


def modules_of(code: str) -> dict[str, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    return {when: {name.partition(".")[0] for name in names} for when, names in seen.items()}


def test_app_module_imports_nothing_heavy() -> None:
    code = "import json, sys, lobdesk.app.app; print(json.dumps({'import': sorted(sys.modules)}))"

    assert not modules_of(code)["import"] & LATE


@pytest.mark.parametrize(("when", "banned"), [("at first paint", LATE), ("after all panes", HEAVY)])
def test_running_desk_loads_heavy_libraries_late_or_never(when: str, banned: set[str]) -> None:
    loaded = modules_of(FIRST_PAINT)[when]

    assert "textual" in loaded
    assert not loaded & banned


def test_jobs_import_no_terminal_library() -> None:
    code = "import json, sys, lobdesk.jobs; print(json.dumps({'import': sorted(sys.modules)}))"

    assert not modules_of(code)["import"] & (LATE | {"textual", "rich"})
