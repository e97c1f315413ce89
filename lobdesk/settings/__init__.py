"""All settings: one frozen tree, and the layers its values come from.

Order, strongest first: command line > environment > ``.env`` (daemon only) > configuration file >
default. Unknown keys are errors.
"""

from lobdesk.settings.checks import (
    BOOK_DEPTHS,
    LEVEL3_DEPTHS,
    PALETTE_NAMES,
    TRAINING_CHOICES,
    parse_listen_address,
    parse_symbols,
)
from lobdesk.settings.layers import Loaded, load_settings
from lobdesk.settings.tree import (
    KRAKEN_LEVEL3_URL,
    KRAKEN_WS_URL,
    SECRETS,
    AppSettings,
    BacktestSettings,
    DaemonSettings,
    Settings,
    TrainingSettings,
    WindowSettings,
)
from lobdesk.settings.variables import DAEMON_VARIABLES

__all__ = [
    "BOOK_DEPTHS",
    "DAEMON_VARIABLES",
    "KRAKEN_LEVEL3_URL",
    "KRAKEN_WS_URL",
    "LEVEL3_DEPTHS",
    "PALETTE_NAMES",
    "SECRETS",
    "TRAINING_CHOICES",
    "AppSettings",
    "BacktestSettings",
    "DaemonSettings",
    "Loaded",
    "Settings",
    "TrainingSettings",
    "WindowSettings",
    "load_settings",
    "parse_listen_address",
    "parse_symbols",
]
