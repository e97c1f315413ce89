"""The daemon and the simulator as processes: signals, exit codes, one clear line for bad input."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from lobdesk.journal import read_events
from lobdesk.paths import JournalRoot
from lobdesk.verify import verify_journal
from tests.conftest import ROOT

DEADLINE_S = 30.0


def environment(tmp_path, **variables) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("KRAKEN_", "L2_", "SNAPSHOT_", "LOBDESK_"))
    }
    home = str(tmp_path / "home")
    return {**kept, "PYTHONPATH": str(ROOT), "LOBDESK_HOME": home, **variables}


def start(tmp_path, *args: str, **variables) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "lobdesk", *args],
        cwd=tmp_path,
        env=environment(tmp_path, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(tmp_path, *args: str, **variables) -> tuple[int, str, str]:
    process = start(tmp_path, *args, **variables)
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


@contextmanager
def simulator(tmp_path, *args: str):
    process = start(tmp_path, "simulate", "--activity", "10", *args)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)


def until(condition) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        time.sleep(0.05)


def recorded(root) -> int:
    files = list((root / "events").glob("*/*.jsonl"))
    return sum(file.read_bytes().count(b"\n") for file in files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_daemon_within_two_seconds_with_everything_written(
    tmp_path, number
) -> None:
    root = tmp_path / "data" / "l2"
    with simulator(tmp_path) as url:
        daemon = start(tmp_path, "daemon", "run", "--log", "json", KRAKEN_WS_URL=url)
        until(lambda: recorded(root) > 300)
        sent_s = time.monotonic()
        daemon.send_signal(number)
        _, err = daemon.communicate(timeout=DEADLINE_S)
        took_s = time.monotonic() - sent_s

    assert daemon.returncode == 0
    assert took_s < 2.0
    events = list(read_events(root))
    assert json.loads(events[-1].raw)["kind"] == "stop"
    report = verify_journal(JournalRoot("recorder", root))
    assert report.is_good
    assert report.total.gaps == report.total.unverified == 0
    logged = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert {"connected", "book live", "stopping"} <= {line["event"] for line in logged}


def test_killed_daemon_loses_nothing_that_was_written_and_the_next_one_goes_on(tmp_path) -> None:
    root = tmp_path / "data" / "l2"
    with simulator(tmp_path) as url:
        for _ in range(2):
            daemon = start(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)
            before = recorded(root)
            until(lambda: recorded(root) > before + 300)  # noqa: B023 - called in this turn
            daemon.kill()
            daemon.communicate(timeout=DEADLINE_S)
        code, _, _ = run(tmp_path, "daemon", "run", "--frames", "50", KRAKEN_WS_URL=url)

    assert code == 0
    seqs = [event.seq for event in read_events(root)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert verify_journal(JournalRoot("recorder", root)).is_good


def test_duration_ends_the_daemon_and_status_tells_what_it_did(tmp_path) -> None:
    with simulator(tmp_path) as url:
        code, out, err = run(tmp_path, "record", "--duration", "1.5", "--url", url)
    assert (code, out) == (0, "")
    assert "duration reached" in err

    code, out, _ = run(tmp_path, "daemon", "status", "--json")
    status = json.loads(out)

    assert code == 0
    assert status["ended"] == "duration reached"
    assert not status["running"]
    assert status["books"]["BTC/USD"]["verified"] > 0
    assert status["lost"] == 0


def test_health_follows_the_daemon(tmp_path) -> None:
    code, out, _ = run(tmp_path, "daemon", "health")
    assert (code, out) == (1, "no recorder has run here\n")

    with simulator(tmp_path) as url:
        daemon = start(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)
        until(lambda: run(tmp_path, "daemon", "health")[0] == 0)
        _, healthy, _ = run(tmp_path, "daemon", "health")
        _, status, _ = run(tmp_path, "daemon", "status")
        daemon.terminate()
        daemon.communicate(timeout=DEADLINE_S)

    for text in (healthy, status.splitlines()[0].removeprefix("state     ")):
        assert re.fullmatch(r"healthy, as reported [0-9]\.[0-9] s ago\n?", text)
    code, out, _ = run(tmp_path, "daemon", "health", "--json")
    assert (code, json.loads(out)) == (
        1,
        {"healthy": False, "reason": "the recorder ended: SIGTERM", "basis": "report"},
    )


def test_status_and_health_answer_from_the_journal_alone(tmp_path) -> None:
    with simulator(tmp_path) as url:
        daemon = start(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)
        until(lambda: recorded(tmp_path / "data" / "l2") > 300)
        # Another mount of the volume that has the logs and not the report.
        volume = tmp_path / "volume" / "l2"
        volume.mkdir(parents=True)
        for log in ("events", "snapshots"):
            (volume / log).symlink_to(tmp_path / "data" / "l2" / log)
        health = run(tmp_path, "daemon", "health", "--data-dir", str(volume.parent))
        code, out, _ = run(tmp_path, "daemon", "status", "--json", "--data-dir", str(volume.parent))
        _, text, _ = run(tmp_path, "daemon", "status", "--data-dir", str(volume.parent))
        daemon.terminate()
        daemon.communicate(timeout=DEADLINE_S)

    assert health[:2] == (0, "healthy (by the journal: there is no readable report)\n")
    status = json.loads(out)
    assert (code, status["basis"], status["running"]) == (0, "journal", True)
    assert status["journal"]["last_seq"] > 300
    assert status["journal"]["books"]["BTC/USD"]["verified_us"] > 0
    assert "basis     the journal's newest lines; there is no readable report\n" in text
    code, out, _ = run(tmp_path, "daemon", "health", "--data-dir", str(volume.parent))
    assert (code, out.partition(" (by")[0]) == (1, "the recorder ended: SIGTERM")


def test_health_names_a_refused_symbol(tmp_path) -> None:
    with simulator(tmp_path) as url:
        daemon = start(tmp_path, "daemon", "run", KRAKEN_WS_URL=url, KRAKEN_SYMBOLS="BTC,FOO,ETH")
        until(lambda: run(tmp_path, "daemon", "health")[0] == 4)
        _, out, _ = run(tmp_path, "daemon", "health")
        daemon.terminate()
        daemon.communicate(timeout=DEADLINE_S)

    assert out == "no verified book: FOO/USD (Currency pair not supported FOO/USD)\n"


def test_second_daemon_is_refused_with_one_line(tmp_path) -> None:
    root = tmp_path / "data" / "l2"
    with simulator(tmp_path) as url:
        first = start(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)
        until(lambda: recorded(root) > 50)
        code, _, err = run(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)
        first.terminate()
        first.communicate(timeout=DEADLINE_S)

    assert code == 1
    assert f"process {first.pid} is writing this journal" in err
    assert "Traceback" not in err


def test_verify_only_says_so(tmp_path) -> None:
    with simulator(tmp_path) as url:
        code, _, err = run(
            tmp_path,
            "daemon",
            "run",
            "--frames",
            "100",
            KRAKEN_WS_URL=url,
            L2_PERSIST_JSONL="false",
        )

    assert code == 0
    assert "nothing is kept: L2_PERSIST_JSONL is false" in err
    assert not (tmp_path / "data/l2/events").exists()
    assert "nothing is kept" in run(tmp_path, "daemon", "status")[1]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KRAKEN_BOOK_DEPTH", "27", "27 is not one of 10, 25, 100, 500, 1000"),
        ("KRAKEN_BOOK_DEPTH", "ten", "a whole number is expected"),
        ("KRAKEN_SYMBOLS", "BTC,,ETH", "expected names separated by commas"),
        ("KRAKEN_WS_URL", "http://x", "does not start with ws:// or wss://"),
        ("KRAKEN_SUBSCRIBE_PARAMS", "{", "KRAKEN_SUBSCRIBE_PARAMS"),
        ("SNAPSHOT_QUEUE_SIZE", "0", "0 is below 1"),
        ("L2_PERSIST_JSONL", "maybe", "neither true nor false"),
        ("L2_SEGMENT_BYTES", "1", "below 65536"),
        ("KRAKEN_REDUNDANT", "perhaps", "neither true nor false"),
        ("KRAKEN_PING_INTERVAL_S", "often", "a number is expected"),
        ("L2_RETENTION_DAYS", "-1", "below 0"),
    ],
)
def test_malformed_variable_is_named_with_what_is_accepted(
    tmp_path, variable, value, words
) -> None:
    code, out, err = run(tmp_path, "daemon", "run", **{variable: value})

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert variable in err
    assert words in err
    assert err.count("\n") == 1


def test_unreachable_exchange_ends_with_3_and_one_error(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = run(tmp_path, "daemon", "run", KRAKEN_WS_URL=url)

    assert code == 3
    assert err.splitlines()[-1].startswith(f"error: {url}: no connection after 5 attempts")
    assert "Traceback" not in err


def test_simulator_refuses_bad_input_with_one_line(tmp_path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"do":"drop","at_s":1}\n{"do":"drop","at_s":1,"cuont":3}\n')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases = [
            (["--port", port], 1, f"cannot listen on 127.0.0.1:{port}"),
            (["--port", "70000"], 2, "--port"),
            (["--from", "nowhere.cbcap"], 1, "nowhere.cbcap: cannot be read"),
            (["--symbols", "FOO"], 2, "FOO/USD: not traded here"),
            (["--symbols", "BTC", "--from", "x"], 2, "exclude each other"),
            (
                ["--faults", str(script)],
                2,
                f"{script}:2: cuont: unknown key; did you mean 'count'?",
            ),
            (["--speed", "0"], 2, "neither a number above 0 nor max"),
            (["--start", "yesterday"], 2, "expected now or a time like"),
        ]
        for args, expected, words in cases:
            code, out, err = run(tmp_path, "simulate", *args)
            assert (code, out) == (expected, ""), err
            assert words in err
            assert "Traceback" not in err


def test_simulator_prints_its_address_first_and_ends_cleanly(tmp_path) -> None:
    code, out, err = run(tmp_path, "simulate", "--port", "0", "--duration", "0.3")

    assert code == 0
    assert out.startswith("ws://127.0.0.1:")
    assert "serving BTC/USD" in err


def test_journal_of_a_newer_version_is_refused_with_one_line_and_left_alone(tmp_path) -> None:
    path = tmp_path / "data/l2/events/2026-08-01/000000000001.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"v":2,"seq":1}\n')

    code, out, err = run(tmp_path, "daemon", "run", KRAKEN_WS_URL="ws://127.0.0.1:9")

    assert (code, out) == (1, "")
    assert "is of schema version 2, this lobdesk writes version 1" in err
    assert err.count("\n") == 1
    assert [p.name for p in (tmp_path / "data/l2").rglob("*") if p.is_file()] == [path.name]


def test_malformed_dotenv_is_named_with_its_line(tmp_path) -> None:
    (tmp_path / ".env").write_text("KRAKEN_SYMBOLS=BTC\nKRAKEN_DEPTH=10\n")

    code, out, err = run(tmp_path, "daemon", "run")

    assert (code, out) == (2, "")
    assert ".env:2" in err
    assert "KRAKEN_BOOK_DEPTH" in err
    assert err.count("\n") == 1
