"""Journal lines to columns: the native scanner against DuckDB's JSON reader, one thread each.

python benchmarks/bench_scan.py [rows | --quick]

All rates are rows in a second of processor time. DuckDB reads the same columns into a table in
memory; ours are NumPy arrays, with each line checked and its place noted besides. The design study
had 1.0 to 1.7 M/s for a scanner without checks, and 0.2 to 0.29 M/s for DuckDB.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from lobdesk import engine
from lobdesk.index.extract import SnapshotFrames, extract
from lobdesk.index.parts import PartWriter
from lobdesk.index.segments import Block, Segment
from lobdesk.journal import Segment as JournalSegment
from lobdesk.paths import DataPaths

# The same columns as ours: prices and quantities of either side, best first.
LEVELS = ", ".join(
    f"list_transform({side}s, lambda level: level[{place}]) AS {side}_{what}"
    for side in ("bid", "ask")
    for place, what in ((1, "ticks"), (2, "lots"))
)
REPEATS = 3


def snapshots(rows: int) -> bytes:
    rng = np.random.default_rng(1)
    bids = 734_481 + np.cumsum(rng.integers(-1, 2, rows))
    fresh = (rng.lognormal(15, 3, rows).astype(np.int64) + 1).tolist()
    places = rng.integers(0, 20, rows).tolist()
    qty = (rng.lognormal(15, 3, 20).astype(np.int64) + 1).tolist()
    lines = []
    for row in range(rows):
        best = int(bids[row])
        qty[places[row]] = fresh[row]
        line = {
            "v": 1, "symbol": "BTC/USD", "seq": row, "exch_ts_us": 1_785_553_000_000_000 + row * 50,
            "recv_ts_us": 1_785_553_000_000_900 + row * 50, "price_precision": 1,
            "qty_precision": 8, "bids": [[best - i, qty[i]] for i in range(10)],
            "asks": [[best + 1 + i, qty[10 + i]] for i in range(10)],
            "checksum": int(rng.integers(0, 1 << 32)), "verified": True,
        }  # fmt: skip
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    return "".join(lines).encode()


def events(rows: int) -> bytes:
    lines = []
    for row in range(rows):
        raw = (
            '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":'
            f'{45_285 + row % 7}.2,"qty":0.00{row % 9}00000}}],"asks":[],"checksum":{row},'
            '"timestamp":"2026-08-01T00:00:00.000000Z"}]}'
        )
        line = {
            "v": 1, "seq": row, "recv_ts_us": 1_785_553_000_000_000 + row, "mono_us": row,
            "boot": "boot", "conn": 1, "dir": "in", "raw": raw, "crc": row,
        }  # fmt: skip
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    return "".join(lines).encode()


def best(work) -> float:
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def report(name: str, rows: int, size: int, native_s: float, duck_s: float) -> None:
    print(
        f"{name:<10} {size / rows:6.0f} B/line   native {rows / native_s / 1e6:5.2f} M/s "
        f"({size / native_s / 1e6:,.0f} MB/s)   DuckDB {rows / duck_s / 1e6:5.2f} M/s   "
        f"ratio {duck_s / native_s:5.1f}x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=200_000)
    parser.add_argument("--quick", action="store_true", help="50,000 rows")
    args = parser.parse_args()
    rows = 50_000 if args.quick else args.rows
    print(f"{rows:,} rows, load {os.getloadavg()[0]:.1f}")
    con = duckdb.connect(config={"threads": "1"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        data = snapshots(rows)
        path.write_bytes(data)
        columns = (
            "{symbol: 'VARCHAR', seq: 'BIGINT', exch_ts_us: 'BIGINT', recv_ts_us: 'BIGINT', "
            "price_precision: 'TINYINT', qty_precision: 'TINYINT', bids: 'BIGINT[2][]', "
            "asks: 'BIGINT[2][]', checksum: 'UINTEGER', verified: 'BOOLEAN'}"
        )
        native = best(lambda: engine.scan_snapshots(data, symbol="BTC/USD"))
        duck = best(
            lambda: con.execute(
                f"CREATE OR REPLACE TABLE t AS SELECT * EXCLUDE (bids, asks), {LEVELS} "
                f"FROM read_ndjson('{path}', columns={columns})"
            )
        )
        report("snapshots", rows, len(data), native, duck)

        file = JournalSegment(0, "2026-08-01", path, is_sealed=False)
        segment = Segment("bench", "BTC/USD", "snapshots", "s/0", file, len(data), "")
        block = Block(segment=segment, begin=0, end=len(data), data=data)
        writer = PartWriter(DataPaths(Path(folder)))
        seconds = best(lambda: writer.write(block, extract(block, SnapshotFrames()), (0, 0)))
        part = next((Path(folder) / "lake").rglob("*.parquet"))
        print(
            f"{'to Parquet':<10} {part.stat().st_size / rows:6.1f} B/row    "
            f"scan, hand-over and write {rows / seconds / 1e3:,.0f} k rows/s"
        )

        data = events(rows)
        path.write_bytes(data)
        columns = (
            "{seq: 'BIGINT', recv_ts_us: 'BIGINT', mono_us: 'BIGINT', boot: 'VARCHAR', "
            "conn: 'BIGINT', dir: 'VARCHAR', raw: 'VARCHAR'}"
        )
        native = best(lambda: engine.scan_events(data))
        found = engine.scan_events(data)
        texts = best(lambda: engine.frame_texts(found["raw"], found["raw_begin"]))
        duck = best(
            lambda: con.execute(
                "CREATE OR REPLACE TABLE t AS SELECT * EXCLUDE facts, facts[1] AS channel, "
                "facts[2] AS type, facts[3] AS symbol FROM (SELECT *, json_extract_string(raw, "
                "['$.channel', '$.type', '$.data[0].symbol']) AS facts "
                f"FROM read_ndjson('{path}', columns={columns}))"
            )
        )
        report("events", rows, len(data), native, duck)
        print(f"{'':<10} and their frames as Python texts {rows / texts / 1e6:.2f} M/s")


if __name__ == "__main__":
    main()
