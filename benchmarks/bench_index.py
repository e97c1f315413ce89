"""The index: bulk speed, sizes, audits against the same on the JSONL, windows, and lag when live.

python benchmarks/bench_index.py [rows] [--quick] [--keep FOLDER]

Ten million rows of ten symbols by default (5.4 GB of lines, four to six minutes), with --quick one
million; the folder given with --keep is used again. Beside each figure stands the one of the design
study: two million rows of ten symbols on two quiet cores. In order:

bulk             lines to parts and catalogue: wall, processor time, processors, most memory
bytes a row      of lines, sealed segments and Parquet, for books and for raw events
audit            a query on the index and the same on at most 500,000 lines, scaled linearly
lobdesk sql      shipped audits over everything
window           10,000 rows by symbol and time
to NumPy         all rows of a symbol; "mapped and read" sums each column that a window build reads
to records       the engine's 32-byte records of a symbol and day, from parts and from columns; they
                 grow with what changes, so the books of a calm market are measured as well
user SQL         fixed cost of a statement in its own process
live             3,000 lines a second, indexed in a loop

Rates in cpu-s count the processor time of all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import duckdb
import numpy as np
from bench_scan import events, snapshots

from lobdesk.index import open_catalog, open_market_records, run_audit, update_index
from lobdesk.index import write_market_records as write_records
from lobdesk.index.user_sql import run_user_sql
from lobdesk.journal import Segment
from lobdesk.journal.seal import seal_segment
from lobdesk.windows.segments import DIGESTED_COLUMNS

SYMBOLS = [f"{letter}AA/USD" for letter in "ABCDEFGHIJ"]
BLOCK_ROWS = 100_000
JSON_ROWS = 500_000
EVENT_ROWS = 300_000
CALM_ROWS = 1_000_000
FIRST_SEQ = 1_000_000_000  # ten digits throughout, so that a block of lines can be renumbered
STEP_US = 50_000
START_US = 1_785_553_000_000_000
RATE = 3_000
LIVE_S = 8.0
JSONL = (
    "(SELECT * FROM read_ndjson('{path}', columns={{symbol: 'VARCHAR', seq: 'BIGINT', "
    "exch_ts_us: 'BIGINT', price_precision: 'TINYINT', bids: 'BIGINT[2][]', "
    "asks: 'BIGINT[2][]'}}))"
)
# name: ours, the same on lines, the study's ms on Parquet and on JSONL
AUDITS = {
    "counts": (
        "SELECT symbol, count(*), min(exch_ts_us), max(exch_ts_us) FROM {t} GROUP BY symbol",
        "SELECT symbol, count(*), min(exch_ts_us), max(exch_ts_us) FROM {t} GROUP BY symbol",
        (47, 2728),
    ),
    "crossed books": (
        "SELECT symbol, seq FROM {t} WHERE crossed",
        "SELECT symbol, seq FROM {t} WHERE bids[1][1] >= asks[1][1]",
        (22, 2434),
    ),
    "spread quantiles": (
        "SELECT symbol, quantile_cont(best_ask_ticks - best_bid_ticks, [0.5, 0.9, 0.99]) FROM {t} "
        "GROUP BY symbol",
        "SELECT symbol, quantile_cont(asks[1][1] - bids[1][1], [0.5, 0.9, 0.99]) FROM {t} "
        "GROUP BY symbol",
        (58, 2429),
    ),
    "one-minute bars": (
        "SELECT symbol, exch_ts_us // 60000000 AS minute, arg_min(best_bid_ticks, exch_ts_us), "
        "max(best_bid_ticks), min(best_bid_ticks), arg_max(best_bid_ticks, exch_ts_us) FROM {t} "
        "GROUP BY ALL",
        "SELECT symbol, exch_ts_us // 60000000 AS minute, arg_min(bids[1][1], exch_ts_us), "
        "max(bids[1][1]), min(bids[1][1]), arg_max(bids[1][1], exch_ts_us) FROM {t} GROUP BY ALL",
        (111, 2524),
    ),
}
SHIPPED = ("overview", "spread", "depth", "microprice_bars", "crossed_books", "receive_lag")


def timed(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def digits(values, width: int):
    """Return the decimal digits of numbers of one width, as bytes ``[rows, width]``."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def write_journal(root: Path, rows: int, make=snapshots, symbols=SYMBOLS) -> list[Path]:
    """Write the lines of all symbols: one block, renumbered again and again."""
    lines = make(BLOCK_ROWS).replace(b'"BTC/USD"', b'"AAA/USD"').splitlines(keepends=True)
    head, fixed = b'{"v":1,"symbol":"AAA/USD","seq":', []
    for line in lines:
        rest = line[line.index(b',"price_precision"') :]
        fixed.append(
            head + b"0" * 10 + b',"exch_ts_us":' + b"0" * 16 + b',"recv_ts_us":' + b"0" * 16 + rest
        )
    block = np.frombuffer(b"".join(fixed), np.uint8).copy()
    starts = np.concatenate([[0], np.cumsum([len(line) for line in fixed])[:-1]])
    places = {"letter": 17, "seq": len(head), "exch": len(head) + 24, "recv": len(head) + 54}
    number = np.arange(BLOCK_ROWS, dtype=np.int64)
    files = []
    for index, symbol in enumerate(symbols):
        path = root / symbol.replace("/", "%2F") / "2026-08-01" / "001000000000.jsonl"
        path.parent.mkdir(parents=True)
        files.append(path)
        block[starts + places["letter"]] = ord(symbol[0])
        with path.open("wb") as stream:
            for done in range(0, rows // len(symbols), BLOCK_ROWS):
                count = min(BLOCK_ROWS, rows // len(symbols) - done)
                at = done + number
                for key, values, width in (
                    ("seq", FIRST_SEQ + at * len(symbols) + index, 10),
                    ("exch", START_US + at * STEP_US, 16),
                    ("recv", START_US + at * STEP_US + 900, 16),
                ):
                    block[(starts + places[key])[:, None] + np.arange(width)] = digits(
                        values, width
                    )
                end = starts[count] if count < BLOCK_ROWS else len(block)
                stream.write(block[:end].data)
    return files


def report(name: str, text: str, study: str = "") -> None:
    print(f"{name:<28} {text:<58} {'study ' + study if study else ''}".rstrip(), flush=True)


def bulk(data: Path, rows: int, files: list[Path]) -> None:
    size = sum(path.stat().st_size for path in files)
    cpu, wall = time.process_time(), time.perf_counter()
    update_index(data)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    parts = sum(part.stat().st_size for part in (data / "lake").rglob("*.parquet"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    report("bulk", f"{rows / wall / 1e3:,.0f} k rows/s, {rows / cpu / 1e3:,.0f} k rows/cpu-s, "
           f"{cpu / wall:.1f} cores, {memory / 1e9:.1f} GB",
           "about 300 k rows/cpu-s")  # fmt: skip
    report("bytes a row, raw", f"{size / rows:.0f}", "571 (floats), 433 (ticks)")
    report("bytes a row, Parquet", f"{parts / rows:.1f}", "30.7 (ints)")
    report("bytes a row, sealed", f"{sealed_size(files[0]):.1f}", "33.6 (zstd -1)")


def sealed_size(file: Path) -> float:
    """Return bytes a line of a sealed segment with the first lines of another."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2026-08-01" / file.name
        path.parent.mkdir()
        with file.open("rb") as stream:
            head = stream.read(64_000_000)
        path.write_bytes(head[: head.rindex(b"\n") + 1])
        seal_segment(Segment(int(file.stem), "2026-08-01", path, is_sealed=False))
        return path.with_name(path.name + ".zst").stat().st_size / head.count(b"\n")


def raw_events(folder: Path) -> None:
    """Index the event log, whose lines carry chained checksums."""
    path = folder / "l2" / "events" / "2026-08-01" / "000000000000.jsonl"
    path.parent.mkdir(parents=True)
    crc, lines = 0, []
    for line in events(EVENT_ROWS).splitlines():
        body = line[: line.rindex(b'"crc":')]
        crc = zlib.crc32(b"%d\n" % crc + body)
        lines.append(body + b'"crc":%d}\n' % crc)
    path.write_bytes(b"".join(lines))
    cpu, wall = time.process_time(), time.perf_counter()
    found = update_index(folder)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert found.totals == {"raw_events": EVENT_ROWS}, found
    part = sum(part.stat().st_size for part in (folder / "lake").rglob("*.parquet"))
    rates = [f"{EVENT_ROWS / seconds / 1e3:,.0f}" for seconds in (wall, cpu)]
    report("raw events, bulk", "{} k rows/s, {} k rows/cpu-s".format(*rates))
    report("bytes an event", f"raw {path.stat().st_size / EVENT_ROWS:.0f}, sealed "
           f"{sealed_size(path):.1f}, Parquet {part / EVENT_ROWS:.1f}")  # fmt: skip


def audits(data: Path, rows: int, lines: Path) -> None:
    con = duckdb.connect(config={"threads": "2"})
    source = JSONL.format(path=lines)
    (json_rows,) = con.execute(f"SELECT count(*) FROM {source}").fetchone()
    print(f"audits: {rows:,} rows; on lines {json_rows:,}, scaled by {rows / json_rows:.1f}")
    with open_catalog(data) as catalog:
        for name, (ours, theirs, study) in AUDITS.items():
            query = ours.format(t="snapshots")
            catalog.sql(query)
            index_s = min(timed(lambda q=query: catalog.sql(q)) for _ in "123")
            on_lines = theirs.format(t=source)
            json_s = timed(lambda q=on_lines: con.execute(q).fetchall())
            json_s *= rows / json_rows
            report(
                f"audit {name}",
                f"index {index_s * 1e3:,.0f} ms   lines {json_s * 1e3:,.0f} ms   "
                f"{json_s / index_s:.0f}x",
                f"{study[0]} ms, {study[1]:,} ms, {study[1] / study[0]:.0f}x on 2 M",
            )
        for name in SHIPPED:
            report(f"lobdesk sql {name}",
                   f"{timed(lambda n=name: run_audit(catalog, n)) * 1e3:,.0f} ms")  # fmt: skip


def windows(data: Path, rows: int) -> None:
    """Time a stretch of 10,000 rows of one symbol, somewhere."""
    random.seed(1)
    width_us = 10_000 * STEP_US
    span_us = max(rows // len(SYMBOLS) * STEP_US - width_us, 1)
    times = []
    with open_catalog(data) as catalog:
        for _ in range(60):
            symbol, begin = random.choice(SYMBOLS), START_US + random.randrange(span_us)
            start = time.perf_counter()
            catalog.snapshot_columns(symbol, start_us=begin, end_us=begin + width_us)
            times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    report("window of 10,000 rows",
           f"p50 {statistics.median(times):.0f} ms, p99 {times[-1]:.0f} ms", "47 ms")  # fmt: skip


def hand_over(data: Path, lines: Path) -> None:
    """Rows to NumPy and to the engine's records, against DuckDB's reader of lines."""
    con = duckdb.connect(config={"threads": "1"})
    columns = (
        "{seq: 'BIGINT', exch_ts_us: 'BIGINT', recv_ts_us: 'BIGINT', bids: 'BIGINT[2][]', "
        "asks: 'BIGINT[2][]'}"
    )
    cells = ", ".join(
        f"{side}s[{level}][{place}] AS {side}_{place}_{level}"
        for side in ("bid", "ask")
        for place in (1, 2)
        for level in range(1, 11)
    )
    query = (
        f"SELECT seq, exch_ts_us, recv_ts_us, {cells} "
        f"FROM read_ndjson('{lines}', columns={columns}) LIMIT 100000"
    )
    begin = time.process_time()
    found = con.execute(query).fetchnumpy()
    json_rate = len(found["seq"]) / (time.process_time() - begin)
    symbol = SYMBOLS[0]
    with open_catalog(data, threads=1) as catalog:
        begin = time.process_time()
        count = len(catalog.snapshot_columns(symbol))
        rate = count / (time.process_time() - begin)
    report("read_ndjson to NumPy", f"{json_rate / 1e6:.2f} M rows/cpu-s", "0.33")
    report("parts to NumPy", f"{rate / 1e6:.2f} M rows/cpu-s, {rate / json_rate:.1f}x",
           "0.8-0.9 (through Arrow)")  # fmt: skip
    with open_catalog(data, threads=1) as catalog:
        catalog.mapped_columns(symbol)
        begin = time.process_time()
        columns = catalog.mapped_columns(symbol)
        for name in DIGESTED_COLUMNS:  # all that a window build reads
            int(getattr(columns, name).sum())
        rate = count / (time.process_time() - begin)
    report("columns, mapped and read", f"{rate / 1e6:.1f} M rows/cpu-s, {rate / json_rate:.0f}x",
           "22 M rows/s (mmap columns)")  # fmt: skip
    # The symbol beside it has no columns yet.
    paths = to_records("parts to records", data, SYMBOLS[1])
    to_records("columns to records", data, symbol)
    begin = time.process_time()
    records = 0
    for path in paths:
        mapped = open_market_records(path)
        records += len(mapped.records)
        int(mapped.records["qty_lots"].sum())
    rate = records / (time.process_time() - begin)
    report("records, mapped and read", f"{rate / 1e6:.0f} M records/cpu-s, "
           f"{rate / json_rate:.0f}x", "37 M rows/s (memory)")  # fmt: skip


def to_records(name: str, data: Path, symbol: str) -> list[Path]:
    begin = time.process_time()
    paths = write_records(data, symbol)
    cpu = time.process_time() - begin
    headers = [open_market_records(path).header for path in paths]
    rows, records = (sum(h[key] for h in headers) for key in ("depth_messages", "records"))
    report(name, f"{rows / cpu / 1e6:.2f} M rows/cpu-s, {records / rows:.1f} records a row")
    return paths


def calm(rows: int) -> bytes:
    """Books of which one or two levels change at a time."""
    rng = np.random.default_rng(2)
    lines, best = [], 734_481
    qty = {price: 1_000_000 + price for price in range(best - 5000, best + 5000)}
    moves, places = rng.random(rows), rng.integers(0, 20, rows)
    fresh = rng.integers(1, 10**9, rows).tolist()
    for row in range(rows):
        best += int(moves[row] < 0.02) - int(moves[row] > 0.98)
        qty[best - 9 + int(places[row])] = fresh[row]
        line = {
            "v": 1, "symbol": "BTC/USD", "seq": row, "price_precision": 1, "qty_precision": 8,
            "bids": [[p, qty[p]] for p in range(best, best - 10, -1)],
            "asks": [[p, qty[p]] for p in range(best + 1, best + 11)],
            "checksum": fresh[row], "verified": True,
        }  # fmt: skip
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    return "".join(lines).encode()


def calm_records(folder: Path) -> None:
    symbol = SYMBOLS[0]
    write_journal(folder / "l2" / "snapshots", CALM_ROWS, calm, [symbol])
    update_index(folder)
    for file in to_records("calm: parts to records", folder, symbol):
        file.unlink()
    with open_catalog(folder) as catalog:
        catalog.mapped_columns(symbol)
    to_records("calm: columns to records", folder, symbol)


def live(data: Path, lines: list[bytes], path: Path) -> None:
    """Append at a steady rate, index in a loop, and see how old the newest indexed line is."""
    begin = time.perf_counter()
    written, updates = 0, []
    with path.open("ab") as stream:
        while (now := time.perf_counter() - begin) < LIVE_S:
            due = min(int(now * RATE), len(lines))
            stream.write(b"".join(lines[written:due]))
            stream.flush()
            written = due
            start = time.perf_counter()
            update_index(data)
            updates.append(time.perf_counter() - start)
            with open_catalog(data) as catalog:
                (seen,) = catalog.sql("SELECT count(*) FROM snapshots").rows[0]
            assert seen >= written
    updates.sort()
    middle, slowest = updates[len(updates) // 2] * 1e3, updates[-1] * 1e3
    report(
        "live",
        f"{RATE:,}/s: {len(updates)} updates, p50 {middle:.0f} ms, slowest {slowest:.0f} ms; every "
        "reader saw every line",
        "357 ms (part and publish)",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--quick", action="store_true", help="one million rows")
    parser.add_argument("--keep", type=Path, help="keep the journal here, and use it again")
    args = parser.parse_args()
    rows = (1_000_000 if args.quick else args.rows) // len(SYMBOLS) * len(SYMBOLS)
    print(f"{rows:,} rows of {len(SYMBOLS)} symbols, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data = args.keep or Path(folder) / "data"
        root = data / "l2" / "snapshots"
        marker = data / "rows.json"
        if not marker.exists() or json.loads(marker.read_text()) != rows:
            shutil.rmtree(data, ignore_errors=True)
            write_journal(root, rows)
            marker.write_text(json.dumps(rows))
        for derived in ("lake", "catalog.duckdb"):
            path = data / derived
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        files = sorted(root.rglob("*.jsonl"))
        bulk(data, rows, files)
        some = Path(folder) / "some.jsonl"
        with some.open("wb") as stream:
            for path in files:
                with path.open("rb") as source:
                    stream.writelines(
                        line for line, _ in zip(source, range(JSON_ROWS // 10), strict=False)
                    )
        raw_events(Path(folder) / "events")
        audits(data, rows, some)
        windows(data, rows)
        hand_over(data, some)
        calm_records(Path(folder) / "calm")
        report("user SQL",
               f"{min(timed(lambda: run_user_sql(data, 'SELECT 1')) for _ in '12345') * 1e3:.0f} "
               "ms for SELECT 1")  # fmt: skip
        fresh = Path(folder) / "live"
        path = fresh / "l2" / "snapshots" / "BTC%2FUSD" / "2026-08-01" / "000000000000.jsonl"
        path.parent.mkdir(parents=True)
        live(fresh, snapshots(int(RATE * LIVE_S)).splitlines(keepends=True), path)


if __name__ == "__main__":
    main()
