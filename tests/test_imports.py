"""The recorder's half of lobdesk stays small: what it must never load."""

import subprocess
import sys

import pytest

FORBIDDEN = ("textual", "torch", "lightning", "plotext", "duckdb")


@pytest.mark.parametrize(
    "modules",
    [
        "lobdesk.daemon",
        "lobdesk.recorder",
        "lobdesk.feed",
        "lobdesk.simulator",
        "lobdesk.cli.daemon",
    ],
)
def test_recorder_loads_no_screen_no_training_no_database(modules) -> None:
    code = f"import sys, {modules}; print([m for m in {FORBIDDEN} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "what", ["lobdesk.dataset import LOBDataModule", "lobdesk.models import DeepLOB"]
)
def test_training_without_its_extra_says_what_to_install(what) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        f"try:\n    from {what}\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.startswith("MissingExtraError ")
    assert 'needs the extra "train"; run: pip install "lobdesk[train]"' in done.stdout
