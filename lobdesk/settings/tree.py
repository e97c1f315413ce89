"""The settings: one frozen tree, with what each one means and its default."""

from __future__ import annotations

import msgspec

KRAKEN_WS_URL = "wss://ws.kraken.com/v2"
KRAKEN_LEVEL3_URL = "wss://ws-l3.kraken.com/v2"
SECRETS = frozenset({"daemon.level3_token"})
"""Settings whose values are shown nowhere."""


class DaemonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recording.

    Attributes:
        symbols: Pairs to record, ``BTC`` means ``BTC/USD``. ``KRAKEN_SYMBOLS``.
        book_depth: Levels to subscribe to; only 10 is wholly covered by the checksum.
            ``KRAKEN_BOOK_DEPTH``.
        ws_url: Endpoint; a simulator may stand in. ``KRAKEN_WS_URL``.
        level3: Also record single orders; needs a token. ``KRAKEN_LEVEL3``.
        level3_depth: Price levels of it: 10, 100 or 1000. ``KRAKEN_LEVEL3_DEPTH``.
        level3_url: Its endpoint. ``KRAKEN_LEVEL3_URL``.
        level3_token: Its token; shown nowhere. ``KRAKEN_LEVEL3_TOKEN``.
        level3_token_file: File with the token, read at each connection.
            ``KRAKEN_LEVEL3_TOKEN_FILE``.
        level3_token_command: Program that prints a fresh token, run at each connection.
            ``KRAKEN_LEVEL3_TOKEN_COMMAND``.
        level3_rate: What the exchange's counter allows a second: 200, for pro accounts 500.
            ``KRAKEN_LEVEL3_RATE``.
        proxy: Proxy to the endpoint: an address, ``environment`` for what HTTPS_PROXY and its kin
            say, empty for none. ``KRAKEN_PROXY``.
        redundant: Keep two connections open, so that a close of one leaves no gap.
            ``KRAKEN_REDUNDANT``.
        ping_interval_s: Seconds between pings, from which the exchange's clock is estimated.
            ``KRAKEN_PING_INTERVAL_S``.
        subscribe_params: Extra parameters of every request. ``KRAKEN_SUBSCRIBE_PARAMS``
            (a JSON object).
        snapshot_queue_size: Frames that may wait behind the raw log. ``SNAPSHOT_QUEUE_SIZE``.
        persist_jsonl: Write the logs; false only verifies. ``L2_PERSIST_JSONL``.
        output_dir: Journal folder; empty means ``<data-dir>/l2``. ``L2_JSONL_OUTPUT_DIR``.
        segment_bytes: Size at which a segment of a log is sealed. ``L2_SEGMENT_BYTES``.
        metrics: ``host:port`` on which Prometheus may ask; empty listens on nothing.
            ``L2_METRICS``.
        metrics_remote: Allow an address there that other machines reach. ``L2_METRICS_REMOTE``.
        retention_days: Days of the journal that ``lobdesk retain`` keeps; 0 keeps all.
            ``L2_RETENTION_DAYS``.
        retention_bytes: Stored bytes of the journal that it keeps; 0 keeps all.
            ``L2_RETENTION_BYTES``.
    """

    symbols: tuple[str, ...] = ("BTC/USD", "ETH/USD")
    book_depth: int = 10
    ws_url: str = KRAKEN_WS_URL
    level3: bool = False
    level3_depth: int = 10
    level3_url: str = KRAKEN_LEVEL3_URL
    level3_token: str = ""
    level3_token_file: str = ""
    level3_token_command: str = ""
    level3_rate: int = 200
    proxy: str = ""
    redundant: bool = False
    ping_interval_s: float = 10.0
    subscribe_params: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    snapshot_queue_size: int = 5000
    persist_jsonl: bool = True
    output_dir: str = ""
    segment_bytes: int = 256 * 1024 * 1024
    metrics: str = ""
    metrics_remote: bool = False
    retention_days: float = 0.0
    retention_bytes: int = 0


class WindowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Windows: what ``lobdesk build`` makes.

    Attributes:
        symbols: Empty means every indexed symbol.
        feature_sets: Names of feature sets, concatenated.
        window_rows: Rows of a model's input window (T).
        stride_rows: Distance between anchors.
        norm_window_rows: Rows before a row that its normalization looks at.
        norm_min_rows: Fewer rows before make a row not ready.
        vwm_levels: Levels of the volume-weighted mid.
        max_pause_us: A longer pause between rows starts a new segment.
        targets: Targets as ``kind:horizon``, for example ``point:10`` (rows) or ``mean:1s``.
    """

    symbols: tuple[str, ...] = ()
    feature_sets: tuple[str, ...] = ("deeplob40",)
    window_rows: int = 100
    stride_rows: int = 1
    norm_window_rows: int = 1000
    norm_min_rows: int = 100
    vwm_levels: int = 1
    max_pause_us: int = 10_000_000
    targets: tuple[str, ...] = ("point:10", "point:50", "mean:10", "mean:50")


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training: what ``lobdesk train`` does.

    Attributes:
        model: Registered name.
        task: ``classification`` or ``regression``.
        target: Target column of the store, for example ``mean:10``.
        split: ``walk-forward`` or ``purged-kfold``.
        n_splits: Number of folds.
        fold: Which fold to train, from 0.
        val_fraction: Share of the training fold, its last part, kept for validation.
        batch_size: Windows of a batch.
        chunk_windows: Neighbouring windows that a batch takes together and that share their
            convolutions; 1 takes each alone, 0 an eighth of the batch, at most 32.
        max_steps: Optimizer steps at most; -1 for no limit.
        max_epochs: Passes over the training fold at most.
        learning_rate: Adam's.
        threshold_bps: Class threshold; 0 takes the quantile of the training fold.
        threshold_quantile: Share of absolute training returns that counts as flat.
        seed: Seed of everything random.
        threads: Torch threads; 0 takes half of the cores, at most 4.
    """

    model: str = "deeplob"
    task: str = "classification"
    target: str = "mean:10"
    split: str = "walk-forward"
    n_splits: int = 5
    fold: int = -1
    val_fraction: float = 0.15
    batch_size: int = 32
    chunk_windows: int = 0
    max_steps: int = -1
    max_epochs: int = 10
    learning_rate: float = 1e-3
    threshold_bps: float = 0.0
    threshold_quantile: float = 0.5
    seed: int = 7
    threads: int = 0


LatencyTable = tuple[tuple[int, int, int], ...]


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Backtests: what ``lobdesk backtest`` runs.

    Attributes:
        symbol: Pair, or several separated by commas; empty means the first indexed one.
        source: Whose recording, where several have the pair; empty means the only one.
        day: UTC day of the records, ``2026-08-01``; empty means all of them.
        strategy: ``join_touch``, ``grid``, ``twap`` or ``signal_follower``.
        params: The strategy's parameters.
        preset: Matching rules: ``lobdesk``, ``hftbacktest``, ``hftbacktest_partial``.
        queue: Queue model.
        n: Exponent of the power queue models.
        through: What a trade through the price fills: ``full`` or ``cap``.
        unknown: Queue beyond the recorded window: ``zero`` or ``defer``.
        window: Recorded levels a side; 0 means all.
        truncate: The client cuts each side to the window; what it cuts is evicted.
        netting_us: A trade up to this long after a decrease of its level caused it.
        entry_us: Request latency, one for all or one for each kind of request.
        response_us: Report latency, one for all or one for each kind of request and ``fill``.
        latency_rows: Measured (request, exchange, response) times instead, one table for all or
            one for each kind.
        maker_fee: Fraction of traded value; negative is a rebate.
        taker_fee: Fraction of traded value.
        fee_tiers: Rows of least 30-day volume (quote units, the first 0), maker and taker fee;
            they replace the fees.
        sample_us: Distance of equity samples; Sharpe and Sortino are of their changes.
        capital: What returns and leverage are measured against, quote units; 0 leaves them out.
        signals: Run whose signals ``signal_follower`` uses.
        grid: Values of other settings or ``params.NAME`` to try in all combinations; ``day`` may
            be ``*``, each recorded one.
    """

    symbol: str = ""
    source: str = ""
    day: str = ""
    strategy: str = "join_touch"
    params: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    preset: str = "lobdesk"
    queue: str = "risk_averse"
    n: float = 3.0
    through: str = "full"
    unknown: str = "zero"
    window: int = 0
    truncate: bool = False
    netting_us: int = 0
    entry_us: int | dict[str, int] = 5000
    response_us: int | dict[str, int] = 5000
    latency_rows: LatencyTable | dict[str, LatencyTable] | None = None
    maker_fee: str = "0.0025"
    taker_fee: str = "0.004"
    fee_tiers: tuple[tuple[float, str, str], ...] = ()
    sample_us: int = 1_000_000
    capital: float = 0.0
    signals: str = ""
    grid: dict[str, tuple[str | int | float | bool, ...]] = msgspec.field(default_factory=dict)


class AppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The desk.

    Attributes:
        fps: Frames a second at most.
        palette: ``blue-orange``, ``green-red`` or ``mono``.
        theme: Name of a Textual theme.
    """

    fps: int = 30
    palette: str = "blue-orange"
    theme: str = "lobdesk-dark"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole tree.

    Attributes:
        data_dir: Data directory; empty means the platform's place.
        daemon: Recording.
        windows: Window stores.
        training: Training.
        backtest: Backtests.
        app: The desk.
    """

    data_dir: str = ""
    daemon: DaemonSettings = DaemonSettings()
    windows: WindowSettings = WindowSettings()
    training: TrainingSettings = TrainingSettings()
    backtest: BacktestSettings = BacktestSettings()
    app: AppSettings = AppSettings()
