"""What followers of texts share: the settings by which texts are written, as commands and answers tell them.

Which lines tell them stands in the dialects (``messages``). A setting holds until the module restarts.
"""

from __future__ import annotations

from collections.abc import Mapping

from decoder.effects import Answered, Ended, Restarted
from decoder.events import Params
from decoder.followers.follower import Follower, Hear, Seat


class Texts(Follower):
    """Follows the character set of texts, the format of messages, and how those are coded that the MCU sends."""

    effects = frozenset(["frame", "messages"])

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._charset = ""
        """In capitals; "" if no line told it."""
        self._format: object = None
        """0 PDU mode, 1 text mode, None if no line told it."""
        self._coding: Params = {}
        """What is said of messages that are sent in text mode."""

    def hears(self) -> Mapping[type, Hear]:
        """Answers, commands that are done, restarts."""
        return {Answered: self._answered, Ended: self._ended, Restarted: self._restarted}

    def _answered(self, event: Answered) -> None:
        command = event.issued.command
        if command is not None:
            self._set(command.messages, event.message.params)

    def _ended(self, event: Ended) -> None:
        command = event.issued.command
        if command is not None and event.good and event.issued.form == "set":
            self._set(command.messages, event.issued.params)

    def _restarted(self, _event: Restarted) -> None:
        self._charset, self._format, self._coding = "", None, {}

    def _set(self, what: str, params: Params) -> None:
        if what == "charset":
            self._charset = str(params.get("charset", "")).upper()
        elif what == "format":
            self._format = params.get("sms_format")
        elif what == "coding":
            self._coding = params
