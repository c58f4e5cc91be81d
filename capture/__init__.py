"""Where bytes come from: the serial tap, recordings, and the virtual pair that stands in for hardware.

Everything in this package ends in :class:`~capture.chunk.Chunk`: which side spoke, what, and when.
"""
