"""How much the mid moved lately: the yardstick of regression targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.windows import WindowStore

BLOCK_WINDOWS = 16_384


def past_volatility(store: WindowStore, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the standard deviation of the mid's one-row returns within each window.

    It uses the window's rows only, so it is known at the anchor.

    Args:
        store: Where the windows are.
        rows: Anchors, ``[N]``.

    Returns:
        float64 ``[N]``, basis points, population standard deviation.
    """
    windows = sliding_window_view(store.vwm, store.window_rows)
    first = rows - store.window_rows + 1
    volatility = np.empty(len(rows))
    for at in range(0, len(rows), BLOCK_WINDOWS):
        block = slice(at, at + BLOCK_WINDOWS)
        mids = windows[first[block]]  # [block, T]
        volatility[block] = (1e4 * (mids[:, 1:] / mids[:, :-1] - 1)).std(axis=1)
    return volatility
