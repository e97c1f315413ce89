"""SQL over everything that was recorded."""
