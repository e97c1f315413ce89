"""Event-driven backtests over market data records."""

from __future__ import annotations

from lobdesk.backtest.data import RECORD_DTYPE, MarketData
from lobdesk.backtest.replay import OwnOrder, Replay, ReplayView, open_replay
from lobdesk.backtest.run import Account, Backtest, Result
from lobdesk.backtest.scenario import run_scenario
from lobdesk.backtest.strategies import JoinTouch, SignalFollower, Strategy
from lobdesk.backtest.sweep import run_many

__all__ = [
    "RECORD_DTYPE",
    "Account",
    "Backtest",
    "JoinTouch",
    "MarketData",
    "OwnOrder",
    "Replay",
    "ReplayView",
    "Result",
    "SignalFollower",
    "Strategy",
    "open_replay",
    "run_many",
    "run_scenario",
]
