"""``lobdesk daemon run`` that also measures how long a frame takes from receipt to the file.

python -m tests.faults.timed_daemon RESULT_FILE ARGUMENTS...
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from array import array
from pathlib import Path

from lobdesk.cli import main
from lobdesk.recorder import Recorder

TOOK_NS = array("Q")
received = Recorder.received


def timed(self, *args, **kwargs) -> None:
    began_ns = time.perf_counter_ns()
    received(self, *args, **kwargs)
    TOOK_NS.append(time.perf_counter_ns() - began_ns)


if __name__ == "__main__":
    result = Path(sys.argv.pop(1))
    Recorder.received = timed
    try:
        main()
    finally:
        cuts = statistics.quantiles(TOOK_NS, n=1000) if len(TOOK_NS) > 1 else [0.0] * 999
        names = {"p50_us": 499, "p99_us": 989, "p999_us": 998}
        result.write_text(json.dumps({name: cuts[at] / 1000 for name, at in names.items()}))
