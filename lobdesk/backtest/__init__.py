"""Event-driven backtests over market data records."""

from __future__ import annotations

from lobdesk.backtest.breakpoints import Breakpoints
from lobdesk.backtest.data import MarketData
from lobdesk.backtest.plans import Grid, Twap
from lobdesk.backtest.pointers import CFunction
from lobdesk.backtest.replay import OwnOrder, Replay, ReplayView, open_replay
from lobdesk.backtest.run import Account, Backtest, Result
from lobdesk.backtest.scenario import run_scenario
from lobdesk.backtest.strategies import JoinTouch, SignalFollower, Strategy
from lobdesk.backtest.sweep import run_many
from lobdesk.engine_records import RECORD_DTYPE

__all__ = [
    "RECORD_DTYPE",
    "Account",
    "Backtest",
    "Breakpoints",
    "CFunction",
    "Grid",
    "JoinTouch",
    "MarketData",
    "OwnOrder",
    "Replay",
    "ReplayView",
    "Result",
    "SignalFollower",
    "Strategy",
    "Twap",
    "open_replay",
    "run_many",
    "run_scenario",
]
