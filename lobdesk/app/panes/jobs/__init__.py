"""Background jobs and what they report."""
