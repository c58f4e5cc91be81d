"""What codecs raise."""


class NotThisFormatError(ValueError):
    """The bytes are not a frame of this format."""
