"""All fault tests: importing this registers them."""

from tests.faults import (  # noqa: F401
    bit_flips,
    clocks,
    disk,
    endings,
    hostile,
    indexing,
    kills,
    losses,
    mismatch,
    overload,
    reconnects,
    refusals,
    replay,
    silence,
    torn_tails,
)

COUNT = 20
