"""Run the fault tests: python -m tests.faults [--soak | --quick] [--only 3,4] [--json]."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

from tests.faults import catalogue
from tests.faults.trial import FAULTS, LONGEST_S, STUDY_RATE, Outcome, Trial, run_fault


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--soak", dest="size", action="store_const", const="soak", default="scaled")
    size.add_argument("--quick", dest="size", action="store_const", const="quick")
    parser.add_argument("--only", default="", help="numbers, for example 3,4")
    parser.add_argument("--rate", type=float, default=STUDY_RATE, help="frames a second")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--keep", type=Path, help="folder for the files, kept")
    return parser.parse_args()


def main() -> int:
    options = parse()
    logging.disable()  # what is broken on purpose would fill the screen
    assert len(FAULTS) == catalogue.COUNT
    only = {int(number) for number in options.only.split(",") if number}
    chosen = [FAULTS[number] for number in sorted(only or FAULTS)]
    if options.size == "quick" and not only:
        chosen = [fault for fault in chosen if fault.is_quick]
    outcomes = []
    # With --json standard output is for machines alone.
    report = sys.stderr if options.as_json else sys.stdout
    for fault in chosen:
        with tempfile.TemporaryDirectory(prefix="lobdesk-fault-") as temporary:
            folder = options.keep / str(fault.number) if options.keep else Path(temporary)
            trial = Trial(folder, options.size, options.rate)
            outcome = run_fault(fault, trial, limit_s=LONGEST_S[options.size])
        outcomes.append(outcome)
        report.write(outcome.line() + "\n")
        report.flush()
    report.write(table(outcomes))
    if options.as_json:
        json.dump([outcome.to_json() for outcome in outcomes], sys.stdout, indent=1)
        sys.stdout.write("\n")
    return 1 if any(outcome.verdict == "MISS" for outcome in outcomes) else 0


def table(outcomes: list[Outcome]) -> str:
    rows = [f"\n{'#':>2}  {'fault':<20} {'verdict':<8} seconds  load"]
    rows += [
        f"{o.number:>2}  {o.name:<20} {o.verdict:<8} {o.took_s:7.1f} {o.load:5.1f}"
        for o in outcomes
    ]
    verdicts = [outcome.verdict for outcome in outcomes]
    counts = {word: verdicts.count(word) for word in ("pass", "MISS", "not run")}
    total_s = sum(outcome.took_s for outcome in outcomes)
    rows.append(", ".join(f"{n} {word}" for word, n in counts.items()) + f" in {total_s:.0f} s")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
