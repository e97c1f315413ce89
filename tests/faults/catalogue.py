"""All fault tests: importing this registers them."""

from tests.faults import (  # noqa: F401
    bit_flips,
    disk,
    endings,
    indexing,
    mismatch,
    kills,
    torn_tails,
)

COUNT = 12
