"""lobdesk: record, audit, model and replay a limit order book."""

__version__ = "0.1.0"
