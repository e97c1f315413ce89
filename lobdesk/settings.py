"""All settings: one frozen tree, and the layers its values come from.

Order, strongest first: command line > environment > ``.env`` (daemon only) > configuration file >
default. Unknown keys are errors.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.errors import SettingsError, did_you_mean
from lobdesk.paths import config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ENV_PREFIX = "LOBDESK_"
KRAKEN_WS_URL = "wss://ws.kraken.com/v2"
KRAKEN_LEVEL3_URL = "wss://ws-l3.kraken.com/v2"
BOOK_DEPTHS = (10, 25, 100, 500, 1000)
LEVEL3_DEPTHS = (10, 100, 1000)
SECRETS = frozenset({"daemon.level3_token"})
"""Settings whose values are shown nowhere."""

TRAINING_CHOICES = {
    "task": ("classification", "regression"),
    "split": ("walk-forward", "purged-kfold"),
}
PALETTE_NAMES = ("blue-orange", "green-red", "mono")


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


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Backtests: what ``lobdesk backtest`` runs.

    Attributes:
        symbol: Pair; empty means the first indexed one.
        source: Whose recording, where several have the pair; empty means the only one.
        strategy: ``join_touch``, ``grid``, ``twap`` or ``signal_follower``.
        params: The strategy's parameters.
        preset: Matching rules: ``lobdesk``, ``hftbacktest``, ``hftbacktest_partial``.
        queue: Queue model.
        n: Exponent of the power queue models.
        through: What a trade through the price fills: ``full`` or ``cap``.
        unknown: Queue beyond the recorded window: ``zero`` or ``defer``.
        entry_us: Request latency.
        response_us: Report latency.
        maker_fee: Fraction of traded value; negative is a rebate.
        taker_fee: Fraction of traded value.
        sample_us: Distance of equity samples; Sharpe and Sortino are of their changes.
        capital: What returns and leverage are measured against, quote units; 0 leaves them out.
        signals: Run whose signals ``signal_follower`` uses.
        grid: Values of other settings, ``params.NAME`` or ``day`` to try in all combinations.
    """

    symbol: str = ""
    source: str = ""
    strategy: str = "join_touch"
    params: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    preset: str = "lobdesk"
    queue: str = "risk_averse"
    n: float = 3.0
    through: str = "full"
    unknown: str = "zero"
    entry_us: int = 5000
    response_us: int = 5000
    maker_fee: str = "0.0025"
    taker_fee: str = "0.004"
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


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and where each value that is not a default came from.

    Attributes:
        settings: The merged tree.
        origins: ``section.key`` → file, variable or flag.
    """

    settings: Settings
    origins: dict[str, str]


DAEMON_VARIABLES = {
    "KRAKEN_SYMBOLS": "symbols",
    "KRAKEN_BOOK_DEPTH": "book_depth",
    "KRAKEN_WS_URL": "ws_url",
    "KRAKEN_PROXY": "proxy",
    "KRAKEN_REDUNDANT": "redundant",
    "KRAKEN_LEVEL3": "level3",
    "KRAKEN_LEVEL3_DEPTH": "level3_depth",
    "KRAKEN_LEVEL3_URL": "level3_url",
    "KRAKEN_LEVEL3_TOKEN": "level3_token",
    "KRAKEN_LEVEL3_TOKEN_FILE": "level3_token_file",
    "KRAKEN_LEVEL3_TOKEN_COMMAND": "level3_token_command",
    "KRAKEN_LEVEL3_RATE": "level3_rate",
    "KRAKEN_PING_INTERVAL_S": "ping_interval_s",
    "KRAKEN_SUBSCRIBE_PARAMS": "subscribe_params",
    "SNAPSHOT_QUEUE_SIZE": "snapshot_queue_size",
    "L2_PERSIST_JSONL": "persist_jsonl",
    "L2_JSONL_OUTPUT_DIR": "output_dir",
    "L2_SEGMENT_BYTES": "segment_bytes",
    "L2_METRICS": "metrics",
    "L2_METRICS_REMOTE": "metrics_remote",
    "L2_RETENTION_DAYS": "retention_days",
    "L2_RETENTION_BYTES": "retention_bytes",
}
MISTYPED = 0.85
"""How alike a foreign environment variable must be to one of ours to count as mistyped."""

TEXT_FIELDS = {
    "ws_url", "proxy", "output_dir", "metrics", "level3_url", "level3_token", "level3_token_file",
    "level3_token_command",
}  # fmt: skip
RESERVED_VARIABLES = {"LOBDESK_HOME", "LOBDESK_DATA_DIR", "LOBDESK_CONFIG"}


def load_settings(
    *,
    config: Path | None = None,
    dotenv: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Merge all layers.

    Args:
        config: A file that must exist; None takes ``LOBDESK_CONFIG``, else the user's file if any.
        dotenv: A ``.env`` file, read if it exists.
        overrides: ``section.key`` → value from the command line; None values are ignored.
        environ: The environment; None means the process's own.

    Raises:
        SettingsError: A key is unknown, or a value has the wrong type or range.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, values in _layers(config, dotenv, overrides or {}, environ):
        for dotted, value in values.items():
            _assign(merged, dotted, value, origin)
            origins[dotted] = origin
    settings = _convert(merged, origins)
    _check(settings, origins)
    return Loaded(settings=settings, origins=origins)


def parse_symbols(text: str) -> tuple[str, ...]:
    """Return pairs of a comma-separated list; ``BTC`` means ``BTC/USD``.

    Raises:
        ValueError: The list is empty or holds an empty or repeated name.
    """
    names = [name.strip().upper() for name in text.split(",")]
    symbols = tuple(name if "/" in name else f"{name}/USD" for name in names if name)
    if len(symbols) != len(names) or not symbols:
        raise ValueError("expected names separated by commas, for example BTC,ETH or BTC/EUR")
    if len(set(symbols)) != len(symbols):
        raise ValueError(f"a symbol is named twice in {text!r}")
    return symbols


def parse_listen_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is neither an address nor ``localhost``, or the port is no port.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"{text!r} is not host:port, for example 127.0.0.1:9464")
    host = host.removeprefix("[").removesuffix("]")
    try:
        _is_loopback(host)
    except ValueError:
        raise ValueError(f"{text!r} does not begin with an address or localhost") from None
    return host, int(port)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _layers(
    config: Path | None,
    dotenv: Path | None,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
) -> list[tuple[str, dict[str, Any]]]:
    layers: list[tuple[str, dict[str, Any]]] = []
    named = environ.get("LOBDESK_CONFIG")
    path = config or (Path(named) if named else config_file())
    if config is not None or named or path.is_file():
        layers += [(f"{path}", _flatten(_read_toml(path)))]
    if dotenv is not None and dotenv.exists():
        layers += [(f"{dotenv}:{n}", {k: v}) for n, k, v in _read_dotenv(dotenv)]
    for variable, value in environ.items():
        if variable in DAEMON_VARIABLES:
            layers.append((variable, _daemon_value(variable, value, variable)))
        elif dotenv is not None and (near := _near_daemon_variable(variable)):
            # Others may use the same prefixes, so only what looks like ours is refused.
            raise SettingsError(variable, variable, f"unknown variable; did you mean {near!r}?")
        elif variable.startswith(ENV_PREFIX) and variable not in RESERVED_VARIABLES:
            dotted = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            layers.append((variable, {dotted: _from_text(value)}))
    flags = {key: value for key, value in overrides.items() if value is not None}
    layers.append(("command line", flags))
    return layers


def _near_daemon_variable(variable: str) -> str | None:
    if not variable.startswith(("KRAKEN_", "L2_", "SNAPSHOT_")):
        return None
    near = difflib.get_close_matches(variable, DAEMON_VARIABLES, n=1, cutoff=MISTYPED)
    return near[0] if near else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), "", "is not TOML: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), "", f"is not TOML: {error}") from error


def _flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, value in tree.items():
        if isinstance(value, dict) and section in Settings.__struct_fields__:
            flat |= {f"{section}.{key}": leaf for key, leaf in value.items()}
        else:
            flat[section] = value
    return flat


def _read_dotenv(path: Path) -> list[tuple[int, str, Any]]:
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise SettingsError(str(path), "", f"cannot be read: {reason}") from error
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise SettingsError(f"{path}:{number}", text, "expected NAME=value")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if name.startswith(ENV_PREFIX):
            dotted = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            found.append((number, dotted, _from_text(value)))
        elif name in DAEMON_VARIABLES:
            values = _daemon_value(name, value, f"{path}:{number}")
            found += [(number, dotted, leaf) for dotted, leaf in values.items()]
        else:
            raise SettingsError(f"{path}:{number}", name, _unknown(name, DAEMON_VARIABLES))
    return found


def _daemon_value(variable: str, text: str, origin: str) -> dict[str, Any]:
    field = DAEMON_VARIABLES[variable]
    value: Any = text
    try:
        if field == "symbols":
            value = parse_symbols(text)
        elif field == "subscribe_params":
            value = msgspec.json.decode(text, type=dict[str, str | int | float | bool])
        elif field in {"persist_jsonl", "redundant", "metrics_remote", "level3"}:
            value = {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        elif field in {"ping_interval_s", "retention_days"}:
            value = float(text)
        elif field not in TEXT_FIELDS:
            value = int(text)
    except KeyError:
        raise SettingsError(origin, variable, f"{text!r} is neither true nor false") from None
    except (ValueError, msgspec.DecodeError) as error:
        reason = "a whole number is expected" if "invalid literal" in str(error) else str(error)
        reason = "a number is expected" if "string to float" in reason else reason
        raise SettingsError(origin, variable, f"{text!r}: {reason}") from None
    return {f"daemon.{field}": value}


def _from_text(text: str) -> Any:  # noqa: ANN401 - any TOML value
    """Read a value the way TOML would; what is no TOML value is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _assign(tree: dict[str, Any], dotted: str, value: object, origin: str) -> None:
    section, _, key = dotted.partition(".")
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    if section not in known:
        raise SettingsError(origin, dotted, _unknown(section, known))
    if not key:
        tree[section] = value
        return
    names = getattr(known[section].type, "__struct_fields__", ())
    if key not in names:
        raise SettingsError(origin, dotted, _unknown(key, names))
    tree.setdefault(section, {})[key] = value


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"unknown key; {did_you_mean(name, sorted(known))}"


def _convert(tree: dict[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        dotted = path.split("[")[0].rstrip("`") or "settings"
        raise SettingsError(origins.get(dotted, "settings"), dotted, reason) from None


def _check(settings: Settings, origins: Mapping[str, str]) -> None:
    def refuse(dotted: str, reason: str) -> None:
        raise SettingsError(origins.get(dotted, "default"), dotted, reason)

    _check_daemon(settings.daemon, refuse)
    if not 1 <= settings.app.fps <= 60:
        refuse("app.fps", f"{settings.app.fps} is not between 1 and 60")
    if settings.app.palette not in PALETTE_NAMES:
        hint = did_you_mean(settings.app.palette, PALETTE_NAMES)
        refuse("app.palette", f"{settings.app.palette!r} does not exist; {hint}")
    _check_training(settings.training, refuse)


def _check_daemon(daemon: DaemonSettings, refuse: Callable[[str, str], None]) -> None:
    if daemon.book_depth not in BOOK_DEPTHS:
        accepted = ", ".join(map(str, BOOK_DEPTHS))
        refuse("daemon.book_depth", f"{daemon.book_depth} is not one of {accepted}")
    if not daemon.ws_url.startswith(("ws://", "wss://")):
        refuse("daemon.ws_url", f"{daemon.ws_url!r} does not start with ws:// or wss://")
    _check_level3(daemon, refuse)
    if not 1 <= daemon.ping_interval_s <= 3600:
        refuse("daemon.ping_interval_s", f"{daemon.ping_interval_s} is not between 1 and 3600")
    lowest = {"snapshot_queue_size": 1, "segment_bytes": 64 * 1024}
    for name, least in (lowest | {"retention_days": 0, "retention_bytes": 0}).items():
        if not getattr(daemon, name) >= least:
            refuse(f"daemon.{name}", f"{getattr(daemon, name)} is below {least}")
    _check_metrics(daemon, refuse)


def _check_metrics(daemon: DaemonSettings, refuse: Callable[[str, str], None]) -> None:
    if not daemon.metrics:
        return
    try:
        host, _ = parse_listen_address(daemon.metrics)
    except ValueError as error:
        refuse("daemon.metrics", str(error))
    if not (daemon.metrics_remote or _is_loopback(host)):
        refuse(
            "daemon.metrics",
            f"{daemon.metrics} is reachable from other machines and nothing protects it; "
            "if that is meant, set L2_METRICS_REMOTE=true as well",
        )


def _check_level3(daemon: DaemonSettings, refuse: Callable[[str, str], None]) -> None:
    if daemon.level3_depth not in LEVEL3_DEPTHS:
        accepted = ", ".join(map(str, LEVEL3_DEPTHS))
        refuse("daemon.level3_depth", f"{daemon.level3_depth} is not one of {accepted}")
    if not daemon.level3_url.startswith(("ws://", "wss://")):
        refuse("daemon.level3_url", f"{daemon.level3_url!r} does not start with ws:// or wss://")
    if daemon.level3_rate < 1:
        refuse("daemon.level3_rate", f"{daemon.level3_rate} is below 1")
    sources = [daemon.level3_token, daemon.level3_token_file, daemon.level3_token_command]
    given = sum(bool(source) for source in sources)
    names = "KRAKEN_LEVEL3_TOKEN, KRAKEN_LEVEL3_TOKEN_FILE and KRAKEN_LEVEL3_TOKEN_COMMAND"
    if given > 1:
        refuse("daemon.level3_token", f"give only one of {names}")
    if daemon.level3 and not given:
        refuse("daemon.level3", f"level 3 needs a token: give one of {names}")


def _check_training(training: TrainingSettings, refuse: Callable[[str, str], None]) -> None:
    lowest = {"n_splits": 1, "batch_size": 1, "chunk_windows": 0, "max_steps": -1, "max_epochs": 1}
    for name, least in (lowest | {"threads": 0, "seed": 0, "threshold_bps": 0}).items():
        if not getattr(training, name) >= least:
            refuse(f"training.{name}", f"{getattr(training, name)} is below {least}")
    for name in ("val_fraction", "threshold_quantile"):
        if not 0 < getattr(training, name) < 1:
            refuse(f"training.{name}", f"{getattr(training, name)} is not between 0 and 1")
    if not 0 < training.learning_rate < math.inf:
        refuse("training.learning_rate", f"{training.learning_rate} is not above 0")
    for name, known in TRAINING_CHOICES.items():
        value = getattr(training, name)
        if value not in known:
            refuse(f"training.{name}", f"{value!r} is not one of {', '.join(known)}")
