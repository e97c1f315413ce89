"""The records that the engine replays: one layout for the index and for backtests."""

from __future__ import annotations

import numpy as np

RECORD_DTYPE = np.dtype(
    [
        ("exch_ts_us", "<i8"),
        ("recv_ts_us", "<i8"),
        ("price_ticks", "<i4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("flags", "<u2"),
        ("qty_lots", "<i8"),
    ]
)
"""One record, 32 bytes. ``price_ticks`` counts multiples of the tick.

kind: 1 depth, 2 trade, 3 clear, 10 add, 11 cancel, 12 modify, 13 fill. side: 0 bid or buy, 1 ask or
sell, 255 both; of a trade the aggressor's. flags: 1 last of message, 2 snapshot, 4 evicted,
8 exchange only, 16 local only.
"""

KINDS = {"depth": 1, "trade": 2, "clear": 3, "add": 10, "cancel": 11, "modify": 12, "fill": 13}
