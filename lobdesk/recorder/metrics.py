"""What a running recorder tells Prometheus, over a loopback socket that is closed by default.

Needs the extra ``metrics``; loaded only where an address is set.
"""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import ThreadingWSGIServer

from lobdesk.errors import SettingsError
from lobdesk.journal import boot_id
from lobdesk.recorder.clock import now
from lobdesk.recorder.health import judge
from lobdesk.recorder.times import Times
from lobdesk.settings import parse_listen_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from prometheus_client import Metric

    from lobdesk.recorder.recorder import Recorder
    from lobdesk.recorder.state import RecorderReport


class Collector:
    """Reads a recorder's last report at each scrape; nothing is asked of the event loop."""

    def __init__(
        self, root: Path, recorder: Recorder, latest: Callable[[], RecorderReport | None]
    ) -> None:
        self._root = root
        self._recorder = recorder
        self._latest = latest

    def collect(self) -> Iterable[Metric]:
        """Return every metric; called by the client library in a thread of its own."""
        report = self._latest()
        if report is None:
            return
        for name, text, value in _counters(report):
            yield CounterMetricFamily(f"lobdesk_{name}", text, value=value)
        for name, text, value in [*_gauges(report), *self._disk()]:
            yield GaugeMetricFamily(f"lobdesk_{name}", text, value=value)
        yield from _books(report)
        yield from _lines(report)
        yield from self._times()

    def _disk(self) -> list[tuple[str, str, float]]:
        try:
            free = shutil.disk_usage(self._root).free
        except OSError:
            return []  # a scrape must not fail because the disk does
        return [("disk_free_bytes", "Free space where the journal lies.", free)]

    def _times(self) -> Iterator[Metric]:
        written, synced = self._recorder.written, self._recorder.synced
        for name, text, times in (
            ("receive_to_written_seconds", "From a frame's receipt to its record.", written),
            ("fsync_seconds", "Duration of the disk's confirmation.", synced),
        ):
            if times is not None:
                yield HistogramMetricFamily(
                    f"lobdesk_{name}", text, buckets=times.buckets(), sum_value=times.sum_s
                )


def _counters(report: RecorderReport) -> list[tuple[str, str, float]]:
    return [
        ("frames", "Frames received.", report.frames),
        ("received_bytes", "Sum of their sizes.", report.bytes_received),
        ("malformed_frames", "Frames that were no sense.", report.malformed),
        ("resyncs", "Attempts to rebuild a single book.", report.resyncs),
        ("lost_records", "Records that could not be written.", report.lost),
        ("queue_full_frames", "Frames that found the queue full.", report.queue_full),
        ("connections_opened", "Connections opened.", report.connects),
    ]


def _gauges(report: RecorderReport) -> list[tuple[str, str, float]]:
    stamp = now()
    health = judge(report, stamp, boot_id())
    age_s = (stamp.recv_ts_us - report.last_frame_us) / 1e6 if report.last_frame_us else -1.0
    return [
        ("healthy", "1 if it runs, receives, and every book is verified.", health.is_healthy),
        ("connected", "1 if a connection is open.", report.is_connected),
        ("connections_open", "Connections open.", sum(line.is_connected for line in report.lines)),
        ("queue_frames", "Frames that wait behind the raw log.", report.queued),
        ("queue_limit_frames", "How many may wait.", report.queue_size),
        ("last_frame_age_seconds", "Time since the last frame; -1 before the first.", age_s),
        ("report_age_seconds", "Age of these figures.", (stamp.mono_us - report.mono_us) / 1e6),
        ("start_time_seconds", "Start of the recorder, Unix time.", report.started_us / 1e6),
    ]


def _books(report: RecorderReport) -> Iterator[Metric]:
    frames = CounterMetricFamily(
        "lobdesk_book_frames", "Book frames by what became of them.", labels=["symbol", "state"]
    )
    trades = CounterMetricFamily("lobdesk_trades", "Trades recorded.", labels=["symbol"])
    gaps = CounterMetricFamily("lobdesk_gaps", "Gaps noted.", labels=["symbol"])
    live = GaugeMetricFamily("lobdesk_book_live", "1 if verified.", labels=["symbol"])
    lag = GaugeMetricFamily(
        "lobdesk_lag_seconds",
        "Receipt less exchange time of the last book frame; holds the clocks' difference.",
        labels=["symbol"],
    )
    for symbol, book in report.books.items():
        for state in ("verified", "failed", "unverified"):
            frames.add_metric([symbol, state], getattr(book, state))
        trades.add_metric([symbol], book.trades)
        gaps.add_metric([symbol], book.gaps)
        live.add_metric([symbol], book.state == "live")
        if book.lag_us is not None:
            lag.add_metric([symbol], book.lag_us / 1e6)
    yield from (frames, trades, gaps, live, lag)


def _lines(report: RecorderReport) -> Iterator[Metric]:
    offset = GaugeMetricFamily(
        "lobdesk_clock_offset_seconds", "The exchange's clock minus ours.", labels=["line"]
    )
    trip = GaugeMetricFamily(
        "lobdesk_round_trip_seconds", "Round trip of that estimate's ping.", labels=["line"]
    )
    for number, line in enumerate(report.lines, start=1):
        if line.offset_us is not None and line.round_trip_us is not None:
            offset.add_metric([str(number)], line.offset_us / 1e6)
            trip.add_metric([str(number)], line.round_trip_us / 1e6)
    yield from (offset, trip)


@contextmanager
def metrics_endpoint(
    address: str, root: Path, recorder: Recorder, latest: Callable[[], RecorderReport | None]
) -> Iterator[str]:
    """Answer ``/metrics`` and ``/health`` while the block runs.

    Args:
        address: ``host:port``; port 0 takes a free one.
        root: The journal's folder.
        recorder: What is measured; it counts durations from now on.
        latest: Returns the newest report; called in other threads.

    Yields:
        The address in use.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    # A registry of our own: the global one also serves whatever other libraries put there.
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(Collector(root, recorder, latest))
    host, port = parse_listen_address(address)
    app = _App(make_wsgi_app(registry), latest)
    try:
        server = make_server(host, port, app, ThreadingWSGIServer, _SilentHandler)
    except OSError as error:
        reason = f"{address}: cannot be listened on: {(error.strerror or str(error)).lower()}"
        raise SettingsError("--metrics", "", reason) from error
    recorder.measure(Times(), Times())
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are no events of the recorder."""


class _App:
    """The two paths, as WSGI."""

    def __init__(
        self, metrics: Callable[..., Any], latest: Callable[[], RecorderReport | None]
    ) -> None:
        self._metrics = metrics
        self._latest = latest

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start_response)
            return answer
        if path == "/health":
            health = judge(self._latest(), now(), boot_id())
            status = "200 OK" if health.is_healthy else "503 Service Unavailable"
            body = {"healthy": health.is_healthy, "reason": health.reason}
        else:
            status, body = "404 Not Found", {"paths": ["/metrics", "/health"]}
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode() + b"\n"]
