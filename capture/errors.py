"""The one exception that users see: bad input or a bad argument, told in one line."""

from __future__ import annotations


class AtsharkError(Exception):
    """What is wrong, where, and what to do about it, in one line fit for a terminal."""
