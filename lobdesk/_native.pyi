"""Types of the native engine; compared with the built module by stubtest."""

from typing import Any

from typing_extensions import Buffer

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

# --- scan: journal lines to columns ---

def scan_events(data: Buffer, *, base_offset: int = 0) -> dict[str, Any]: ...
def scan_snapshots(data: Buffer, *, symbol: str, base_offset: int = 0) -> dict[str, Any]: ...
def scan_trades(data: Buffer, *, symbol: str, base_offset: int = 0) -> dict[str, Any]: ...

# --- windows: features, normalization, gather ---

# --- backtest ---
