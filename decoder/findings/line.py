"""The line itself: speed, lost bytes, two writers, a module that is silent; and what is sent where nothing is open."""

from __future__ import annotations

import re
from collections import deque

from capture import grammar
from decoder.catalog import Catalog
from decoder.events import Data, Finding, Issued, Message, Socket
from decoder.findings.raising import Raise

_HEX_TEXT = re.compile(rb"(?:[0-9A-Fa-f]{2}){4,}")
_SECOND = re.compile(r"AT[+^$%*#]", re.IGNORECASE)
_SHORTEST = 3
"""Where a second command on a line can begin at the earliest: behind AT and a letter."""
_WINDOW, _NOISY = 20, 6
_SILENT = 3
_TEXT = ("urc", "text", "information")
_ENDS = {"failed": "建立失败", "closed": "关闭", "closed by peer": "被服务器关闭", "reset": "复位", "lost": "断开"}


class Line:
    """Follows what crosses the line."""

    def __init__(self, raise_: Raise, catalog: Catalog) -> None:
        self._raise = raise_
        self._sending = catalog.named("sends")
        self.count = 0
        """Messages so far."""
        self._noisy: deque[int] = deque(maxlen=_NOISY)
        self._noise_told = False
        self.unanswered = 0
        """Commands in a row that nothing answered."""
        self._silent_in_log: Finding | None = None
        """In a log, which may begin before the module is up, only silence to the end is silence."""
        self._given_up: Finding | None = None
        self._closed: dict[object, Socket] = {}
        self._pushing: dict[object, Message] = {}

    def command(self, one: Message) -> None:
        """Look at a command line."""
        if _SECOND.search(one.text, _SHORTEST) and grammar.TWO_COMMANDS.match(one.text):
            self._raise("line.interleaved", one, line=one.text)
        for command in one.commands:
            if command.form == "set":
                key = command.params.get("connect_id")
                self._sends(one, command, key if isinstance(key, int | str) else None)

    def text(self, one: Message) -> None:
        """Look at a line without a name."""
        if one.side == "module" and one.kind in _TEXT and _is_like_command(one.text):
            self._raise("line.echo-damaged", one, line=one.text)

    def noise(self, one: Message) -> None:
        """Look at bytes that cannot be decoded."""
        self._noisy.append(self.count)
        if not self._noise_told and len(self._noisy) == _NOISY and self.count - self._noisy[0] < _WINDOW:
            self._noise_told = True
            self._raise("line.speed", one, count=_NOISY, of=self.count - self._noisy[0] + 1)

    def _sends(self, one: Message, command: Issued, key: object) -> None:
        if command.name in self._sending and key in self._closed:
            closed = self._closed[key]
            change = closed.change
            self._raise(
                "send.closed", one, connect_id=key, change=change, change_zh=_ENDS[change], because=closed.because
            )
        known = command.command
        if known is None:
            return
        if known.sends is not None and known.sends.buffered:
            self._pushing.setdefault(key, one)
        elif known.sends is not None and known.sends.pushes:
            self._pushing.pop(key, None)
        elif key in self._pushing and "closes" in known.effects:
            self._raise("send.not-pushed", self._pushing.pop(key), connect_id=key)

    def socket(self, one: Socket) -> None:
        """Look at what happened to a connection."""
        if one.change == "opened":
            self._closed.pop(one.connect_id, None)
        elif one.flow.inside == "module":
            self._closed[one.connect_id] = one

    def data(self, one: Data) -> None:
        """Look at payload."""
        as_text = one.side == "mcu" and one.via == "command" and one.encoding in ("raw", "quoted")
        if as_text and one.announced_by in self._sending and _HEX_TEXT.fullmatch(bytes.fromhex(one.data)):
            self._raise("send.hex-as-text", one, connect_id=one.connect_id, length=one.length)

    def finding(self, one: Finding) -> None:
        """Look at what the decoder found."""
        if one.rule == "command.unanswered":
            self.unanswered += 1
            self._given_up = one
            if isinstance(one.line, int):
                self._silent_in_log = one if self.unanswered >= _SILENT else None
            elif self.unanswered == _SILENT:
                self._raise("module.silent", one, count=_SILENT)
        elif one.rule == "result.unexpected" and self._given_up is not None:
            given_up, self._given_up = self._given_up, None
            if one.time_ns is not None and given_up.time_ns is not None and one.time_ns > given_up.time_ns:
                seconds = f"{(one.time_ns - given_up.time_ns) / 1e9:.1f}"
                self._raise("answer.late", one, seconds=seconds, command=given_up.message.partition(": ")[0])

    def close(self) -> None:
        """The session ends."""
        if self._silent_in_log is not None and self.unanswered >= _SILENT:
            self._raise("module.silent", self._silent_in_log, count=self.unanswered)
        for key, message in self._pushing.items():
            self._raise("send.not-pushed", message, connect_id=key)


def _is_like_command(text: str) -> bool:
    return len(text) > 2 and text[:2].upper() == "AT" and grammar.is_command(text)
