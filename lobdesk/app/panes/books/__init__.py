"""The recorded books at any instant."""
