"""What to do with an empty data directory."""
