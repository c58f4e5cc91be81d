"""Lines, read: what depends on bytes and catalog alone, worked out once for all sessions, because lines repeat.

Strategy: a command line is split into its commands, each read by every dialect that defines its name; which of them is
meant, a session decides. A command line whose only command carries payload is cut by the length that stands in front of
it, before anything else looks at it. A line of the module is told apart by what it begins with; by which syntax its
arguments are read depends on whose answer it is, so that is worked out when it is asked for, and kept.

Source: ITU-T V.250 5.2, 5.4, 5.7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from capture import grammar
from capture.grammar import Form
from decoder.catalog.arguments import Arguments, Fit, Syntax, best, generic, slice_payload
from decoder.catalog.compiled import Command, UrcType
from decoder.events import Result
from decoder.values import is_text, to_text

if TYPE_CHECKING:
    from decoder.catalog.lookup import Catalog

_KEPT = 4096
"""Lines that are remembered, of each kind."""
_LONGEST = 512
"""Longer lines are not remembered: they are payload, and do not repeat."""
_SET_LINE = re.compile(rb"[Aa][Tt](?:\+|([\^$%*#!]))([A-Za-z][A-Za-z0-9_]*) ?=(?!\?)(.*)", re.DOTALL)
_DAMAGED = re.compile(r"[+^]|[Aa][Tt][+^&]")
"""A line without arguments that begins like this is the rest of a damaged line, not free text."""
_OTHER_FORM = 1
"""What it adds to the misfit of a dialect if it does not define a form of a command."""


class Reading(msgspec.Struct, frozen=True):
    """One command of a command line.

    ``text``: its arguments as they stood there; ``own``: how it stands in a long line that holds several, else empty;
    ``payload``: what it carries, ``announced``: as long as it says itself;
    ``takes``: the names of the information responses that answer it. ``rivals``: how each dialect reads it if several
    define its name, the likeliest to be chosen.
    """

    name: str
    form: Form
    text: str
    own: str
    command: Command | None
    arguments: Arguments
    takes: frozenset[str]
    payload: bytes | None = None
    announced: int = 0
    alias: bool = False
    rivals: tuple[Reading, ...] = ()

    @property
    def fit(self) -> Fit:
        """How badly it fits what its dialect defines."""
        fit, command = self.arguments.fit, self.command
        if command is None or self.form in command.forms:
            return fit
        return msgspec.structs.replace(fit, count=fit.count + _OTHER_FORM)


class CommandLine(msgspec.Struct, frozen=True):
    """A command line: its bytes, its text, its commands. ``shared``: several dialects define one of them."""

    line: bytes
    text: str
    commands: tuple[Reading, ...]
    shared: bool


LineKind = Literal["final", "error", "answer", "other"]


class ModuleLine:
    """A line of the module, without its line end.

    ``kind``: a final result code; one with an error; a line that begins like an answer; anything else, which may be an
    ``echo``, CONNECT, a digit that stands for a result (``digit``), noise, or free text. ``name`` is None for free
    text; ``names`` are those under which dialects know it, ``rest`` is what stands behind it. ``own_result``: a maker
    says it instead of OK or ERROR.
    """

    __slots__ = (
        "_read",
        "_shapes",
        "_unread",
        "connect",
        "damaged",
        "digit",
        "echo",
        "error",
        "kind",
        "line",
        "name",
        "names",
        "noise",
        "own_result",
        "rest",
        "result",
        "shared",
        "text",
        "urc",
    )

    def __init__(self, line: bytes, catalog: Catalog) -> None:
        bare = line.rstrip(b" ")
        self.line = bare
        self.text = text = to_text(bare)
        self.kind: LineKind = "other"
        self.result: Result | None = None
        self.own_result: Result | None = None
        self.error: tuple[str, str] | None = None
        self.name: str | None = None
        self.names: tuple[str, ...] = ()
        self.rest = ""
        self.shared = self.noise = self.damaged = False
        self.urc: UrcType | None = None
        self.echo = bare[:2] in (b"AT", b"at", b"At", b"A/", b"a/")
        self.connect = bare[:7] == b"CONNECT" and grammar.is_connect(bare)
        self.digit = grammar.NUMERIC_CODES.get(bare, "")
        self._read: dict[int, Arguments] = {}
        self._unread: list[UrcType] = []
        self._shapes: list[tuple[UrcType, Arguments]] = []
        code = grammar.FINAL_CODES.get(bare)
        if code is not None:
            self.kind, self.result = "final", Result(code)
            return
        self.own_result = catalog.results.get(text)
        if bare[:1] in (b"+", b"^") and self.own_result is None:
            self.error = grammar.parse_error(text) if bare[:2] == b"+C" else None
            self.kind = "answer" if self.error is None else "error"
            if self.error is not None:
                return
        else:
            self.noise = not is_text(line)
        parts = grammar.parse_information(text)
        if parts is None:
            self.damaged = _DAMAGED.match(text) is not None
            self.urc = catalog.urcs.get(text.removeprefix("+"))
            self.rest = text
            self._unread = catalog.lines
            return
        name = parts[0].removeprefix("+")
        self.name, self.rest = name, parts[1]
        self.shared = name in catalog.urc_rivals
        self.names = catalog.names_of(name)
        self.urc = catalog.urcs.get(self.names[0])

    def by(self, syntaxes: list[Syntax]) -> Arguments:
        """Read the arguments by the best of ``syntaxes``."""
        found = self._read.get(id(syntaxes))
        if found is None:
            found = self._read[id(syntaxes)] = best(syntaxes, self.rest) if syntaxes else self.numbered()
        return found

    def shapes(self) -> list[tuple[UrcType, Arguments]]:
        """Return the URCs whose whole line has this shape, and its arguments by each."""
        unread, self._unread = self._unread, []
        for urc in unread:
            arguments = urc.read_line(self.text)
            if arguments is not None:
                self._shapes.append((urc, arguments))
        return self._shapes

    def numbered(self) -> Arguments:
        """Number the arguments: no syntax names them."""
        found = self._read.get(0)
        if found is None:
            found = self._read[0] = generic(grammar.split_arguments(self.rest))
        return found


class Readings:
    """Reads lines by a catalog, and remembers them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._once: set[int] = set()
        """Hashes of lines that came."""
        self.commands: dict[bytes, CommandLine] = {}
        """Command lines that came more than once. Only what is one whenever it ends in CR: no ``A/``."""
        self.module: dict[bytes, ModuleLine] = {}
        """Lines of the module that came more than once. None may carry payload: that is for the bytes to say."""

    def command(self, line: bytes, *, keep: bool = True) -> CommandLine:
        """Read a command line (without its CR and blanks at its end). ``keep``: remember it."""
        found = self.commands.get(line)
        if found is None:
            commands = tuple(self.parse(line))
            found = CommandLine(line, to_text(line), commands, any(one.rivals for one in commands))
            if keep and self._repeats(line):
                if len(self.commands) >= _KEPT:
                    self.commands.clear()
                self.commands[line] = found
        return found

    def module_line(self, line: bytes, *, keep: bool = True) -> ModuleLine:
        """Read a line of the module (without its line end). ``keep``: remember it."""
        found = self.module.get(line)
        if found is None:
            found = ModuleLine(line, self._catalog)
            if keep and self._repeats(line):
                if len(self.module) >= _KEPT:
                    self.module.clear()
                self.module[line] = found
        return found

    def _repeats(self, line: bytes) -> bool:
        """Tell whether a line came before, not long ago. What comes once, like payload, is not worth keeping."""
        if len(line) > _LONGEST:
            return False
        key = hash(line)
        if key in self._once:
            return True
        if len(self._once) >= _KEPT:
            self._once.clear()
        self._once.add(key)
        return False

    # command lines

    def parse(self, line: bytes) -> list[Reading]:
        """Read a line as a command line, whether it is one or not, and do not remember it."""
        if line == b"+++":
            return [_reading(grammar.CommandText("+++", "exec", "", ""), self._catalog.commands.get("+++"), "+++")]
        whole = self._parse_with_payload(line)
        if whole is not None:
            return [whole]
        result = []
        for text in grammar.parse_command_line(to_text(line[2:])):
            name = "S" if text.form == "s-register" else shown_name(text)
            rivals = self._catalog.rivals.get(name)
            if rivals is None:
                result.append(_reading(text, self._catalog.commands.get(name), name))
            else:
                result.append(_among([_reading(text, rival, name) for rival in rivals]))
        return result

    def _parse_with_payload(self, line: bytes) -> Reading | None:
        """Read a line whose only command carries payload: what looks like syntax inside the payload is not."""
        match = _SET_LINE.match(line)
        if not match:
            return None
        sign = (match[1] or b"").decode()
        name = sign + match[2].decode("ascii").upper()
        rivals = self._catalog.rivals.get(name)
        if rivals is None:
            command = self._catalog.commands.get(name)
            return _slice(command, name, match[3]) if command is not None else None
        text = grammar.CommandText(name.removeprefix(sign), "set", to_text(match[3]), sign or "+")
        sliced = [_slice(rival, name, match[3]) for rival in rivals]
        if not any(sliced):
            return None
        return _among([one or _reading(text, rival, name) for one, rival in zip(sliced, rivals, strict=True)])


def shown_name(text: grammar.CommandText) -> str:
    """Return the name of a command as people know it: without a plus sign, but with any other prefix."""
    return text.name if text.prefix in ("", "+") else text.prefix + text.name


def _among(rivals: list[Reading]) -> Reading:
    return msgspec.structs.replace(rivals[0], rivals=tuple(rivals))


def _reading(text: grammar.CommandText, command: Command | None, name: str) -> Reading:
    if command is None:
        shown = shown_name(text)
        arguments = generic(grammar.split_arguments(text.arguments))
        return Reading(shown, text.form, text.arguments, text.own, None, arguments, frozenset([shown]))
    if text.form in ("set", "basic", "s-register", "dial"):
        arguments = best(command.syntaxes, text.arguments)
    else:
        arguments = generic([])
    return _read(command, text, arguments, _unsliced_payload(arguments), name)


def _read(
    command: Command, text: grammar.CommandText, arguments: Arguments, payload: bytes | None, name: str
) -> Reading:
    shown = command.name if text.form != "s-register" else shown_name(text)
    return Reading(
        shown, text.form, text.arguments, text.own, command, arguments, command.takes(text.form), payload,
        _announced(arguments) if payload else 0, command.name != name,
    )  # fmt: skip


def _announced(arguments: Arguments) -> int:
    """Return the length that a command gives for the payload in it, 0 if it gives none."""
    syntax = arguments.syntax
    length = syntax.params[syntax.payload].length if syntax is not None and syntax.payload >= 0 else ""
    number = arguments.params.get(length)
    return number if isinstance(number, int) else 0


def _slice(command: Command, name: str, body: bytes) -> Reading | None:
    """Read the arguments of a command that carries payload, or return None if none of its syntaxes fits.

    A length that fits comes first; then one that is wrong, if the rest fits; then payload that nothing counts.
    """
    text = body.decode("latin-1").strip(" ")
    for syntax in command.syntaxes:
        if syntax.payload >= 0 and syntax.counted >= 0 and (parts := slice_payload(text, syntax)) is not None:
            return _sliced(command, name, body, syntax, parts)
    uncounted = [syntax for syntax in command.syntaxes if syntax.payload >= 0 > syntax.counted]
    if uncounted:
        arguments = [grammar.unquote(one) for one in grammar.split_arguments(text)]
        for syntax in command.syntaxes:
            if syntax.counted >= 0 and len(arguments) > syntax.counted:
                fit = syntax.read(arguments).fit
                if not fit.misses and not fit.types and fit.lengths < 2:
                    return _sliced(command, name, body, syntax, arguments)
    for syntax in uncounted:
        if (parts := slice_payload(text, syntax)) is not None:
            return _sliced(command, name, body, syntax, parts)
    return None


def _sliced(command: Command, name: str, body: bytes, syntax: Syntax, parts: list[str]) -> Reading:
    payload = parts[syntax.payload].encode("latin-1")
    texts = parts if body.isascii() and b"\0" not in body else [to_text(part.encode("latin-1")) for part in parts]
    arguments = syntax.read(texts, sliced=True)
    return _read(command, grammar.CommandText(name, "set", to_text(body)), arguments, payload, name)


def _unsliced_payload(arguments: Arguments) -> bytes | None:
    """Return payload that stands in a command without a usable length."""
    syntax = arguments.syntax
    if syntax is None or syntax.payload < 0:
        return None
    value = arguments.params.get(syntax.params[syntax.payload].name)
    return None if value is None else str(value).encode("utf-8")
