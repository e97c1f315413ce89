"""A finished backtest, event by event."""
