"""Fault 13: nothing comes, little comes, or the line is half-open."""

from __future__ import annotations

import shutil
import signal
import subprocess

from tests.faults.stage import TEN, Stage, notes, until
from tests.faults.trial import Trial, fault

SILENCE_S, GRACE_S = 5.0, 1.0
QUIET_S = 10.0


@fault(
    13,
    "silence",
    "no frame for 5 s: reconnect within 1 s more; heartbeats alone for 10 s: no reconnect, shown "
    "as quiet; half-open socket (packets dropped) found within 5 s",
)
def fall_silent(trial: Trial) -> None:
    silent_line(trial)
    stopped_exchange(trial)
    half_open(trial)
    quiet_books(trial)


def silent_line(trial: Trial) -> None:
    script = [{"do": "silence", "at_s": 1.0, "for_s": 6.5}]
    with Stage(trial.folder / "silent") as stage:
        _, url = stage.simulator(trial.rate, faults=script)
        recorder = stage.recorder(url)
        until(lambda: (r := stage.report()) and r.connects >= 2 and r.is_connected, "a new line")
        recorder.end()
        events = stage.events()
    cut_s, again_s = cut_and_again_s(events)
    trial.below("silent: cut after", cut_s, SILENCE_S + 0.3, "s")
    trial.below("connected again after", again_s, SILENCE_S + GRACE_S, "s")


def stopped_exchange(trial: Trial) -> None:
    """Its system still confirms every packet, but the process is stopped."""
    with Stage(trial.folder / "stopped") as stage:
        simulator, url = stage.simulator(trial.rate)
        recorder = stage.recorder(url)
        stage.until_live()
        simulator.popen.send_signal(signal.SIGSTOP)
        until(lambda: (r := stage.report()) and not r.is_connected, "the line cut", 20.0)
        simulator.popen.send_signal(signal.SIGCONT)
        stage.until_live()
        recorder.end()
        events = stage.events()
    trial.below("exchange stopped: cut after", cut_and_again_s(events)[0], SILENCE_S + 0.3, "s")


def half_open(trial: Trial) -> None:
    """Both processes live in a network of their own; its line is taken down."""
    if shutil.which("ip") is None or not can_make_network():
        trial.note("half-open not run: no network namespace here")
        return
    with Stage(trial.folder / "half") as stage:
        lead = stage.start_command(
            ["unshare", "-rn", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"],
            name="network",
        )
        lead.first_line()
        enter = ("nsenter", "-U", "-n", "--preserve-credentials", "-t", str(lead.pid))
        _, url = stage.simulator(trial.rate, prefix=enter)
        recorder = stage.recorder(url, prefix=enter)
        stage.until_live()
        subprocess.run([*enter, "ip", "link", "set", "lo", "down"], check=True)
        until(lambda: (r := stage.report()) and not r.is_connected, "the line cut", 20.0)
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        stage.until_live()
        recorder.end()
        events = stage.events()
    trial.below("half-open: cut after", cut_and_again_s(events)[0], SILENCE_S + 0.3, "s")


def can_make_network() -> bool:
    done = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return done.returncode == 0


def cut_and_again_s(events) -> tuple[float, float]:
    """Return the time from the last frame of the first line to its end and to the next line."""
    close = notes(events, "close")[0]
    last = max(e.mono_us for e in events if e.dir == "in" and e.seq < close["_seq"])
    mono = {event.seq: event.mono_us for event in events}
    reopened = [note["_seq"] for note in notes(events, "open") if note["_seq"] > close["_seq"]]
    again = mono[reopened[0]] if reopened else 1 << 62
    return (mono[close["_seq"]] - last) / 1e6, (again - last) / 1e6


def quiet_books(trial: Trial) -> None:
    """A market in which nothing happens: heartbeats alone come."""
    quiet_s = QUIET_S + 2.0
    with Stage(trial.folder / "quiet") as stage:
        _, url = stage.simulator(1.0, "--speed", "0.001")
        recorder = stage.recorder(url)
        begun = stage.until_live()
        end_us = begun.mono_us + int(quiet_s * 1e6)
        report = until(
            lambda: (r := stage.report()) and r.mono_us > end_us and r, "the quiet time", 60.0
        )
        health = stage.run("daemon", "health", "--data-dir", str(stage.data))
        status = stage.run("daemon", "status", "--data-dir", str(stage.data))
        recorder.end()
        events = stage.events()
    books = [e.mono_us for e in events if e.dir == "in" and e.raw.startswith('{"channel":"book"')]
    silent_s = (report.mono_us - max(books)) / 1e6
    trial.demand(
        f"quiet for {silent_s:.0f} s: {report.connects} connection, health {health.returncode}",
        is_met=silent_s > QUIET_S and report.connects == 1 and health.returncode == 0,
    )
    is_shown = status.stdout.count("quiet") >= len(TEN)
    trial.demand(f"{'' if is_shown else 'not '}shown as quiet", is_met=is_shown)
