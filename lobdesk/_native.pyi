"""Types of the native engine; compared with the built module by stubtest."""

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

# --- scan: journal lines to columns ---

# --- windows: features, normalization, gather ---

# --- backtest ---
