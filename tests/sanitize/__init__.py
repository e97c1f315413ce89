"""Native code under sanitizers: python -m tests.sanitize address|thread [PYTEST ARGUMENTS]."""
