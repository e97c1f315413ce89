"""The native engine. This is the only module that imports ``lobdesk._native``."""

from lobdesk.errors import EngineNotBuiltError

try:
    from lobdesk import _native
except ImportError as error:  # pragma: no cover - needs a checkout that was never built
    raise EngineNotBuiltError(str(error)) from error

MODULE_FILE = str(_native.__file__)
"""Where the loaded engine lies."""

# --- errors ---
EngineError = _native.EngineError

# --- book: feed, checksum, verifier ---
BookVerdict = _native.BookVerdict
BookVerifier = _native.BookVerifier
Level3Verdict = _native.Level3Verdict
TradeEntry = _native.TradeEntry
Verdict = _native.Verdict
crc32 = _native.crc32

# --- scan: journal lines to columns ---
build_market_records = _native.build_market_records
check_line_chain = _native.check_line_chain
frame_texts = _native.frame_texts
scan_events = _native.scan_events
scan_snapshots = _native.scan_snapshots
scan_trades = _native.scan_trades
take_arrow = _native.take_arrow
to_ticks = _native.to_ticks

# --- windows: features, normalization, gather ---
build_feature_rows = _native.build_feature_rows
compute_features = _native.compute_features
gather_windows = _native.gather_windows
rolling_normalize = _native.rolling_normalize
row_targets = _native.row_targets
time_targets = _native.time_targets
volume_weighted_mid = _native.volume_weighted_mid

# --- backtest ---
BacktestEngine = _native.BacktestEngine
BacktestInstrument = _native.BacktestInstrument
BacktestModel = _native.BacktestModel
LocalDesk = _native.LocalDesk
MarketDataError = _native.MarketDataError
MarketRecords = _native.MarketRecords
MarketTrade = _native.MarketTrade
MergedRecords = _native.MergedRecords
OpenOrder = _native.OpenOrder
OrderError = _native.OrderError
OwnFill = _native.OwnFill
StrategyError = _native.StrategyError
StrategySpec = _native.StrategySpec
arrow_stream = _native.arrow_stream
c_function = _native.c_function
grid = _native.grid
join_touch = _native.join_touch
python_strategy = _native.python_strategy
script = _native.script
signal_follower = _native.signal_follower
twap = _native.twap
