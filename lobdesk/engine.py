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

# --- windows: features, normalization, gather ---

# --- backtest ---
BacktestEngine = _native.BacktestEngine
BacktestInstrument = _native.BacktestInstrument
BacktestModel = _native.BacktestModel
LocalDesk = _native.LocalDesk
MarketDataError = _native.MarketDataError
MarketRecords = _native.MarketRecords
StrategySpec = _native.StrategySpec
join_touch = _native.join_touch
python_strategy = _native.python_strategy
script = _native.script
signal_follower = _native.signal_follower
