"""Slow, obvious versions of what the engine does fast."""
