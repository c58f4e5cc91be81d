"""Times are integers in ns."""

SECOND = 1_000_000_000
NEVER = 1 << 80
"""Later than any time: nothing to wait for."""
