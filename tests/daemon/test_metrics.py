"""The metrics endpoint, scraped over a real socket."""

import asyncio
import json
import os
import re
import sys
import urllib.error
import urllib.request

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from lobdesk.errors import MissingExtraError, SettingsError
from lobdesk.recorder.times import BOUNDS_S, Times
from lobdesk.settings import load_settings
from tests.conftest import ROOT
from tests.daemon.conftest import SYMBOLS, exchange, recording, until
from tests.daemon.test_process import run


async def get(address: str, path: str) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_scrape_tells_what_the_recorder_does(root) -> None:
    async with (
        exchange() as server,
        recording(server.url, root, metrics="127.0.0.1:0") as daemon,
    ):
        await until(lambda: daemon._latest is not None and daemon._latest.frames > 500)
        await until(lambda: daemon._latest.lines[0].offset_us is not None)
        code, text = await get(daemon.metrics_address, "/metrics")
        health = await get(daemon.metrics_address, "/health")
        missing = await get(daemon.metrics_address, "/")
        report = daemon.report()

    found = samples(text)
    page = (ROOT / "docs" / "recorder.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(lobdesk_\w+)`", page))
    counted = re.compile(r"_(bucket|count|sum)$")
    named = {counted.sub("", name) for name, *_ in found if name.startswith("lobdesk_")}
    assert named == documented
    assert code == 200
    assert 500 < found["lobdesk_frames_total",] <= report.frames
    assert found["lobdesk_received_bytes_total",] > 500 * 50
    for symbol in SYMBOLS:
        assert found["lobdesk_book_frames_total", "verified", symbol] > 0
        assert found["lobdesk_book_frames_total", "failed", symbol] == 0
        assert found["lobdesk_book_frames_total", "unverified", symbol] == 0
        assert found["lobdesk_gaps_total", symbol] == 0
        assert found["lobdesk_book_live", symbol] == 1
        assert ("lobdesk_lag_seconds", symbol) in found
    assert (found["lobdesk_queue_limit_frames",], found["lobdesk_connected",]) == (5000, 1)
    assert found["lobdesk_lost_records_total",] == found["lobdesk_resyncs_total",] == 0
    assert 0 <= found["lobdesk_last_frame_age_seconds",] < 5
    assert found["lobdesk_disk_free_bytes",] > 0
    written = found["lobdesk_receive_to_written_seconds_count",]
    assert found["lobdesk_receive_to_written_seconds_bucket", "+Inf"] == written > 500
    assert 0 < found["lobdesk_receive_to_written_seconds_sum",] < written
    assert "lobdesk_fsync_seconds_count" in text
    assert abs(found["lobdesk_clock_offset_seconds", "1"]) < 10**9
    assert found["lobdesk_round_trip_seconds", "1"] >= 0
    assert found["process_resident_memory_bytes",] > 0
    assert health == (200, '{"healthy": true, "reason": ""}\n')
    assert (missing[0], json.loads(missing[1])) == (404, {"paths": ["/metrics", "/health"]})


async def test_health_turns_to_503_with_the_reason(root) -> None:
    async with (
        exchange() as server,
        recording(server.url, root, metrics="127.0.0.1:0", symbols=(*SYMBOLS, "NO/PE")) as daemon,
    ):
        await until(lambda: daemon._latest is not None and daemon._latest.books["NO/PE"].reason)
        code, text = await get(daemon.metrics_address, "/health")

    assert code == 503
    assert "no verified book: NO/PE" in json.loads(text)["reason"]


async def test_nothing_listens_by_default_and_the_global_registry_stays_empty_of_us(root) -> None:
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.recorder.frames > 50)
        assert daemon.metrics_address == ""
        assert daemon.recorder.written is None

    assert not any(family.name.startswith("lobdesk") for family in REGISTRY.collect())


async def test_port_is_closed_with_the_recorder(root) -> None:
    async with exchange() as server:
        async with recording(server.url, root, metrics="127.0.0.1:0") as daemon:
            await until(lambda: daemon.metrics_address)
        with pytest.raises(urllib.error.URLError):
            await get(daemon.metrics_address, "/metrics")


async def test_taken_port_is_one_clear_line(root, tmp_path) -> None:
    async with exchange() as server, recording(server.url, root, metrics="127.0.0.1:0") as daemon:
        await until(lambda: daemon.metrics_address)
        taken = daemon.metrics_address
        with pytest.raises(SettingsError, match=f"{taken}: cannot be listened on"):
            async with recording(server.url, tmp_path / "other", metrics=taken) as second:
                await until(lambda: second._ended)


def test_address_of_other_machines_is_refused_unless_allowed(tmp_path) -> None:
    for text in ("0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"):
        with pytest.raises(SettingsError, match="reachable from other machines"):
            load_settings(environ={"L2_METRICS": text, "LOBDESK_HOME": str(tmp_path)})
        allowed = {"L2_METRICS": text, "L2_METRICS_REMOTE": "true", "LOBDESK_HOME": str(tmp_path)}
        assert load_settings(environ=allowed).settings.daemon.metrics == text
    for text in ("127.0.0.1:9464", "[::1]:9464", "localhost:0"):
        environ = {"L2_METRICS": text, "LOBDESK_HOME": str(tmp_path)}
        assert load_settings(environ=environ).settings.daemon.metrics == text


@pytest.mark.parametrize("text", ["9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "name:1"])
def test_malformed_address_is_one_clear_line(tmp_path, text) -> None:
    code, _, err = run(tmp_path, "daemon", "run", "--metrics", text)

    assert code == 2
    assert len(err.splitlines()) == 1
    assert text in err


async def test_missing_client_library_names_the_extra(root, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "lobdesk.recorder.metrics", None)
    async with exchange() as server:
        with pytest.raises(MissingExtraError, match=r'pip install "lobdesk\[metrics\]"'):
            async with recording(server.url, root, metrics="127.0.0.1:0") as daemon:
                await until(lambda: daemon._ended)


def test_times_are_counted_by_their_upper_bounds() -> None:
    times = Times()
    for seconds in (1e-5, 2e-5, 3e-5, 100.0):
        times.add(seconds)

    buckets = dict(times.buckets())

    assert (buckets[str(BOUNDS_S[0])], buckets[str(BOUNDS_S[1])]) == (2, 3)
    assert (buckets["5.0"], buckets["+Inf"]) == (3, 4)
    assert times.sum_s == pytest.approx(100.00006)
    assert times.last_s == 100.0


def test_recorder_without_the_endpoint_loads_no_client_library(tmp_path) -> None:
    import subprocess

    code = "import sys, lobdesk.daemon; print('prometheus_client' in sys.modules)"
    env = {**os.environ, "LOBDESK_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )

    assert done.stdout == "False\n"
