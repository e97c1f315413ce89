"""The index: bulk speed, audits against the same on the JSONL, and lag behind a live journal.

python benchmarks/bench_index.py [rows]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from bench_scan import snapshots

from lobdesk.index import open_catalog, update_index, write_market_records
from lobdesk.index.user_sql import run_user_sql

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
RATE = 3_000
LIVE_S = 8.0
JSONL = (
    "read_ndjson('{path}', columns={{symbol: 'VARCHAR', seq: 'BIGINT', exch_ts_us: 'BIGINT', "
    "price_precision: 'TINYINT', bids: 'BIGINT[2][]', asks: 'BIGINT[2][]'}})"
)
AUDITS = {
    "counts": (
        "SELECT symbol, count(*), min(exch_ts_us), max(exch_ts_us) FROM {t} GROUP BY symbol",
        "SELECT symbol, count(*), min(exch_ts_us), max(exch_ts_us) FROM {t} GROUP BY symbol",
    ),
    "spread": (
        "SELECT symbol, quantile_cont(best_ask_ticks - best_bid_ticks, [0.5, 0.9, 0.99]) FROM {t} "
        "GROUP BY symbol",
        "SELECT symbol, quantile_cont(asks[1][1] - bids[1][1], [0.5, 0.9, 0.99]) FROM {t} "
        "GROUP BY symbol",
    ),
    "one-minute bars": (
        "SELECT symbol, exch_ts_us // 60000000 AS minute, arg_min(best_bid_ticks, exch_ts_us), "
        "max(best_bid_ticks), min(best_bid_ticks), arg_max(best_bid_ticks, exch_ts_us) FROM {t} "
        "GROUP BY ALL",
        "SELECT symbol, exch_ts_us // 60000000 AS minute, arg_min(bids[1][1], exch_ts_us), "
        "max(bids[1][1]), min(bids[1][1]), arg_max(bids[1][1], exch_ts_us) FROM {t} GROUP BY ALL",
    ),
}


def timed(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def audits(data: Path, path: Path) -> None:
    con = duckdb.connect(config={"threads": "2"})
    with open_catalog(data) as catalog:
        for name, (ours, theirs) in AUDITS.items():
            catalog.sql(ours.format(t="snapshots"))
            index_s = min(timed(lambda q=ours: catalog.sql(q.format(t="snapshots"))) for _ in "123")
            source = JSONL.format(path=path)
            json_s = timed(lambda q=theirs, s=source: con.execute(q.format(t=s)).fetchall())
            print(
                f"audit {name:<16} index {index_s * 1e3:8.1f} ms   JSONL {json_s * 1e3:9.1f} ms   "
                f"ratio {json_s / index_s:6.1f}x"
            )


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
    print(
        f"live      {RATE:,}/s: {len(updates)} updates, p50 {middle:.0f} ms, "
        f"slowest {slowest:.0f} ms; every reader saw every line"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        path = data / "l2" / "snapshots" / "BTC%2FUSD" / "2026-08-01" / "000000000000.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(snapshots(ROWS))
        size = path.stat().st_size
        cpu, wall = time.process_time(), time.perf_counter()
        update_index(data)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        parts = sum(part.stat().st_size for part in (data / "lake").rglob("*.parquet"))
        print(
            f"bulk      {ROWS:,} rows, {size / 1e6:,.0f} MB: {ROWS / wall / 1e3:,.0f} k rows/s, "
            f"{ROWS / cpu / 1e3:,.0f} k rows/cpu-s, {parts / ROWS:.1f} B/row in parts"
        )
        audits(data, path)
        with open_catalog(data) as catalog:
            seconds = timed(lambda: catalog.snapshot_columns("BTC/USD"))
            print(f"columns   {ROWS / seconds / 1e6:.2f} M rows/s to NumPy")
        print(f"records   {ROWS / timed(lambda: write_market_records(data, 'BTC/USD')) / 1e6:.2f} "
              "M rows/s from parts to a records file")  # fmt: skip
        print(
            f"user SQL  {timed(lambda: run_user_sql(data, 'SELECT 1')) * 1e3:.0f} ms for SELECT 1"
        )
        shutil.rmtree(data / "lake")
        path.unlink()
        (data / "catalog.duckdb").unlink()
        live(data, snapshots(int(RATE * LIVE_S)).splitlines(keepends=True), path)


if __name__ == "__main__":
    main()
