"""Reading the recordings, without the importer under test."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

BTC = "v2_btcusd_d10_resync_20260801.cbcap"
ETH = "v2_ethusd_d25_20260802.cbcap"


def read_cbcap(path: Path) -> list[bytes]:
    """Return the frames of a capture."""
    data = path.read_bytes()
    position = data.index(b"\n") + 1
    frames = []
    while position < len(data):
        end = data.index(b"\n", position)
        length = int(data[position:end].split()[1])
        frames.append(data[end + 1 : end + 1 + length])
        position = end + 2 + length
    return frames


def read_derived(path: Path) -> list[bytes]:
    """Return the frames of a gzipped file of ``{"recv_ns", "raw"}`` lines."""
    with gzip.open(path) as lines:
        return [json.loads(line)["raw"].encode() for line in lines]
