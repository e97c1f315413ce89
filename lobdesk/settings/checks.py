"""What values settings may have."""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING

from lobdesk.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lobdesk.settings.tree import DaemonSettings, Settings, TrainingSettings

BOOK_DEPTHS = (10, 25, 100, 500, 1000)
LEVEL3_DEPTHS = (10, 100, 1000)
TRAINING_CHOICES = {
    "task": ("classification", "regression"),
    "split": ("walk-forward", "purged-kfold"),
}
PALETTE_NAMES = ("blue-orange", "green-red", "mono")


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


def check_settings(settings: Settings, origins: Mapping[str, str]) -> None:
    """Refuse a value that is out of range.

    Raises:
        SettingsError: Names the setting, where its value came from, and what is accepted.
    """

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
