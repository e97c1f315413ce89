"""Fault 15: the exchange refuses, ignores, or limits requests."""

from __future__ import annotations

import json
import sys

from tests.faults.stage import SYMBOLS, TEN, Process, Stage, until
from tests.faults.trial import Trial, fault

NO_ANSWER_LIMIT_S = 6.0


@fault(
    15,
    "refusals",
    "depth 27, unknown pair, one bad among ten, no answer within 5 s, rate limit: reported by "
    "symbol, the good ones run, exit code or health tells",
)
def refuse(trial: Trial) -> None:
    wrong_depth(trial)
    all_unknown(trial)
    one_of_ten(trial)
    if trial.size != "quick":
        no_answer(trial)
    rate_limit(trial)


def wrong_depth(trial: Trial) -> None:
    with Stage(trial.folder / "depth") as stage:
        done = stage.run("daemon", "run", "--depth", "27", "--url", "ws://127.0.0.1:9")
    named = "27" in done.stderr and "10, 25, 100, 500" in done.stderr
    trial.demand(f"depth 27: exit {done.returncode}", is_met=done.returncode == 2 and named)


def all_unknown(trial: Trial) -> None:
    with Stage(trial.folder / "unknown") as stage:
        _, url = stage.simulator(200)
        done = stage.run("daemon", "run", "--symbols", "FOO", "--url", url)
    trial.demand(
        f"unknown pair alone: exit {done.returncode}",
        is_met=done.returncode == 2 and "FOO/USD" in done.stderr.splitlines()[-1],
    )


def one_of_ten(trial: Trial) -> None:
    symbols = [*TEN[:5], "FOO", *TEN[5:9]]
    with Stage(trial.folder / "ten") as stage:
        _, url = stage.simulator(500)
        recorder = stage.recorder(url, symbols=symbols)
        report = stage.until_live(9)
        health = stage.run("daemon", "health", "--data-dir", str(stage.data))
        recorder.end()
    state = report.books["FOO/USD"]
    trial.demand(
        f"one bad of ten: {state.state}, 9 live, health {health.returncode}",
        is_met=state.state == "refused" and health.returncode == 4 and "FOO" in health.stdout,
    )


def scripted(stage: Stage, **options: object) -> tuple[Process, str]:
    """Start an exchange with manners that ``lobdesk simulate`` does not offer."""
    command = [sys.executable, "-m", "tests.faults.scripted", json.dumps(options)]
    process = stage.start_command(command, name="exchange")
    return process, process.first_line()


def no_answer(trial: Trial) -> None:
    with Stage(trial.folder / "mute") as stage:
        _, url = scripted(stage, mute=[SYMBOLS[-1]])
        recorder = stage.recorder(url)
        stage.until_live(9)
        found = until(
            lambda: [
                line
                for line in stage.log_lines("book suspect")
                if line["reason"] == "no answer to subscribe"
            ],
            "a missing answer noticed",
        )
        report = stage.until_live(9)
        recorder.end()
        connected = stage.log_lines("connected")
    waited_s = (found[0]["ts_us"] - connected[0]["ts_us"]) / 1e6
    named = {line["symbol"] for line in found} == {SYMBOLS[-1]}
    others = sum(book.failed + book.unverified for book in report.books.values())
    trial.demand(
        f"no answer: {SYMBOLS[-1]} reported {waited_s:.1f} s after connecting, 9 live",
        is_met=named and waited_s < NO_ANSWER_LIMIT_S + 1.0 and others == 0,
    )


def rate_limit(trial: Trial) -> None:
    with Stage(trial.folder / "limit") as stage:
        _, url = scripted(stage, limited=3)
        recorder = stage.recorder(url)
        report = stage.until_live()
        told = len(stage.log_lines("rate limited"))
        trades = until(
            lambda: (
                (r := stage.report()) and all(b.trades for b in r.books.values()) and r
                if trial.size != "quick"
                else report
            ),
            "trades of all symbols",
            20.0,
        )
        code = recorder.end()
    trial.demand(
        f"rate limit: {told} answers logged, {len(report.books)} live again, exit {code}",
        is_met=told == 3 and code == 0 and bool(trades),
    )
