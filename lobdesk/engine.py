"""The native engine. This is the only module that imports ``lobdesk._native``."""

try:
    from lobdesk import _native
except ImportError as error:  # pragma: no cover - needs a checkout that was never built
    raise ImportError(
        "the native engine is not built; run: pip install -e .  (or: cmake -S . -B build && "
        "cmake --build build)"
    ) from error

# --- errors ---
EngineError = _native.EngineError

# --- book: feed, checksum, verifier ---

# --- scan: journal lines to columns ---
build_market_records = _native.build_market_records
scan_events = _native.scan_events
scan_snapshots = _native.scan_snapshots
scan_trades = _native.scan_trades

# --- windows: features, normalization, gather ---

# --- backtest ---
