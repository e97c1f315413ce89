"""What follows from the raw events: snapshots, trades, gaps."""

from lobdesk.derive.deriver import Derived, DerivedLine, Deriver, SymbolProgress
from lobdesk.derive.notes import note_kind
from lobdesk.derive.recording import Recording

__all__ = ["Derived", "DerivedLine", "Deriver", "Recording", "SymbolProgress", "note_kind"]
