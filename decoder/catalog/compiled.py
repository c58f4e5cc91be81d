"""Dialects, compiled to look-up tables."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

import msgspec

from decoder.catalog.arguments import Arguments, Param, Syntax
from decoder.catalog.conditions import covers
from decoder.catalog.spec import (
    BasicSpec,
    CommandSpec,
    DialectFile,
    LateSpec,
    Meaning,
    ParamSpec,
    ParamType,
    PayloadSpec,
    SetsSpec,
    StreamSpec,
    UrcSpec,
)
from decoder.catalog.words import Word, parse_line, parse_syntax

DEFAULT_TIMEOUT_S = 10
_SIGNS = re.compile(r"[\W_]+")
_ERROR_TABLES = {"CME ERROR": ("cme", "cis"), "CMS ERROR": ("cms",), "CIS ERROR": ("cis", "cme")}
"""Where a kind of error is looked up. Codes of messages mean something else than those of equipment."""


_COMMAND_EFFECTS = (
    "frame",
    "opens",
    "leads",
    "closes",
    "sends",
    "payload",
    "tells",
    "infer",
    "keeps",
    "image",
    "block",
    "stream",
    "call",
    "position",
    "file",
    "messages",
)
_URC_EFFECTS = ("frame", "closes", "arrives", "tells", "infer", "image", "call", "position")
"""What a line may do beyond itself: keys of the dialect file that followers read."""


def _effects(spec: CommandSpec | UrcSpec, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if getattr(spec, key))


_NOTHING: frozenset[str] = frozenset()


def _layer(spec: CommandSpec) -> str:
    """Return which layer is broken if a command fails, as far as what it does tells."""
    if spec.opens is not None:
        return "connection"
    return "protocol" if spec.infer else ""


def _counted(syntaxes: list[str]) -> bool:
    """Tell whether one of these syntaxes has a parameter that is counted."""
    return any(":" in one for one in syntaxes)


class Command:
    """A command of a dialect, compiled.

    ``effects``: what it does beyond itself, by the keys of the dialect file; mostly none, and then no follower need
    hear of it. ``layer``: what is broken if it fails; "" if nobody says.
    """

    def __init__(self, dialect: Dialect, spec: CommandSpec) -> None:
        self.name = spec.name
        self.dialect = dialect.id
        self.spec: CommandSpec | BasicSpec = spec
        self._dialect = dialect
        self.bare, self.comma = spec.bare, spec.comma
        self.frame = spec.frame
        about = (spec.opens, spec.leads, spec.closes, spec.sends, spec.payload, spec.tells)
        self.socket = spec if any(about) else None
        """What the command does to connections, if anything."""
        self.sends, self.leads = spec.sends, spec.leads
        self.infer = spec if spec.infer or spec.keeps else None
        """What frames it stands for, if any."""
        self.image, self.block = spec.image, spec.block
        self.answer_names = frozenset([spec.name, *spec.answer_names])
        self.forms = frozenset(["test"] + ["set"] * bool(spec.set) + ["read"] * spec.read + ["exec"] * spec.exec)
        self.answers = frozenset(
            form
            for form, yes in (("test", True), ("read", True), ("exec", bool(spec.answer)), ("set", spec.set_answer))
            if yes and (form in ("test", "read") or spec.answer)
        )
        self.late: list[LateSpec] = spec.late
        self.ends, self.alone = spec.ends, spec.alone
        self.payload: PayloadSpec | None = spec.payload
        self.raw_after_ok, self.raw_after_connect = spec.raw_after_ok, spec.raw_after_connect
        self.stream: StreamSpec | None = spec.stream
        self.call = spec.call
        self.position = spec.position
        self.file, self.brings = spec.file, spec.brings
        self.spans_lines = spec.spans_lines
        self.messages = spec.messages
        self.sets: list[SetsSpec] = spec.sets
        self.encoding = spec.encoding
        self.answer_encoding = spec.answer_encoding
        self.timeout_s = spec.timeout_s or DEFAULT_TIMEOUT_S
        self.layer = dialect.layer(spec.name) or _layer(spec)
        self.explains = spec.explains
        self.means = spec.means
        self.needs = dialect.file.needs.get(spec.name, [])
        self.effects = _effects(spec, _COMMAND_EFFECTS)

    @cached_property
    def syntaxes(self) -> list[Syntax]:
        """How it is set."""
        spec = self.spec
        return self._dialect.syntaxes(spec.set, spec.param) if isinstance(spec, CommandSpec) else []

    @cached_property
    def answer(self) -> list[Syntax]:
        """Its information response."""
        spec = self.spec
        return self._dialect.syntaxes(spec.answer, spec.param) if isinstance(spec, CommandSpec) else []

    @cached_property
    def test_answer(self) -> list[Syntax]:
        """The information response to its test form."""
        spec = self.spec
        if not isinstance(spec, CommandSpec):
            return []
        return self._dialect.test_syntaxes(spec.test_answer or spec.set, spec.param)

    @property
    def carries(self) -> bool:
        """Whether its information response may have payload in it."""
        return isinstance(self.spec, CommandSpec) and _counted(self.spec.answer)

    def takes(self, form: str) -> frozenset[str]:
        """Return the names of the information responses that this form of the command has."""
        return self.answer_names if form in self.answers else _NOTHING


class Basic(Command):
    """A basic command: its digits are one parameter."""

    def __init__(self, dialect: Dialect, spec: BasicSpec) -> None:
        super().__init__(dialect, CommandSpec(spec.name, spec.section, spec.en, timeout_s=spec.timeout_s))
        self.spec = spec
        self.stream = spec.stream
        self.call = spec.call
        self.effects = tuple(key for key in ("stream", "call") if getattr(spec, key))
        self.answers = frozenset(["basic", "s-register"])
        self.forms = frozenset(["test", "basic", "s-register", "dial"])
        word = Word(spec.param, mark="?")
        kind: ParamType = "string" if spec.name == "D" else "int"
        self.__dict__["syntaxes"] = [Syntax([Param(word, ParamSpec(kind, values=spec.values), {})])]


class UrcType:
    """A URC of a dialect, compiled. ``layer``: what is broken if it tells of a failure; "" if nobody says."""

    def __init__(self, dialect: Dialect, spec: UrcSpec) -> None:
        self.name = spec.name
        self.layer = dialect.layer(spec.name)
        self.dialect = dialect.id
        self.spec = spec
        self.socket = spec if spec.closes or spec.arrives or spec.tells else None
        self.infer = spec if spec.infer else None
        self.ok = spec.ok
        self.encoding = spec.encoding
        self.effects = _effects(spec, _URC_EFFECTS)
        self._dialect = dialect

    @cached_property
    def syntaxes(self) -> list[Syntax]:
        """What stands behind its name."""
        return self._dialect.syntaxes(self.spec.syntax, self.spec.param)

    @property
    def carries(self) -> bool:
        """Whether it may have payload in it."""
        return _counted(self.spec.syntax) or any(word.length for word in parse_line(self.spec.line)[1])

    @cached_property
    def line_syntax(self) -> Syntax:
        """The parameters of the shape ``line``."""
        return self._dialect.compile(parse_line(self.spec.line)[1], self.spec.param)

    @cached_property
    def line(self) -> re.Pattern[str]:
        """The shape ``line``."""
        texts, words = parse_line(self.spec.line)
        places = [f"({'.*' if word.mark or word.length else '[^,]*'})" for word in words] + [""]
        pattern = "".join(re.escape(text) + place for text, place in zip(texts, places, strict=True))
        return re.compile(pattern + r"\Z", re.DOTALL)

    def read_line(self, text: str) -> Arguments | None:
        """Read a line that has the shape ``line`` of this URC, or return None."""
        match = self.line.match(text)
        return None if match is None else self.line_syntax.read(list(match.groups()))


class Dialect:
    """A dialect file, compiled."""

    def __init__(self, file: DialectFile) -> None:
        self.file = file
        self.id = file.dialect.id
        self._layers = {pattern: layer for layer, patterns in file.layers.items() for pattern in patterns}
        self._codes = file.errors.get("cme", {})
        self.commands: dict[str, Command] = {spec.name: Command(self, spec) for spec in file.command}
        self.commands.update({spec.name: Basic(self, spec) for spec in file.basic})
        self.urcs: dict[str, UrcType] = {spec.name: UrcType(self, spec) for spec in file.urc}

    def layer(self, name: str) -> str:
        """Return what is broken if a line of this name tells of a failure; "" if the file does not say."""
        found = self._layers.get(name)
        if found is not None:
            return found
        longest = max((one for one in self._layers if covers(one, name)), key=len, default=None)
        return self._layers[longest] if longest is not None else ""

    def syntaxes(self, texts: list[str], own: dict[str, ParamSpec]) -> list[Syntax]:
        """Compile syntaxes with the parameters of this file; ``own``, those of one command, come first."""
        return [self.compile(words, own) for words in map(parse_syntax, texts)]

    def compile(self, words: list[Word], own: dict[str, ParamSpec]) -> Syntax:
        """Compile a parsed syntax."""
        known = {**self.file.param, **own}
        return Syntax([Param(word, known.get(word.name, ParamSpec()), self._codes) for word in words])

    def test_syntaxes(self, texts: list[str], own: dict[str, ParamSpec]) -> list[Syntax]:
        """Compile syntaxes for the answer to a test command: every value is a text that tells what is supported."""
        spec = ParamSpec("ranges")
        return [
            Syntax([Param(msgspec.structs.replace(word, length="", mark="?"), spec, {}) for word in words])
            for words in map(parse_syntax, texts)
        ]

    def has_errors(self, kind: str) -> bool:
        """Tell whether the dialect has a table for this kind of error."""
        return _ERROR_TABLES.get(kind, (kind,))[0] in self.file.errors

    def error(self, kind: str, code: str, *, whole: bool = True) -> tuple[str, Meaning] | None:
        """Look an error code or its words up in the tables for its kind, "" for all: the code and its meaning.

        ``whole``: False also takes words without the topic in front of a meaning ("no fix" for "GNSS: no fix").
        """
        for name in _ERROR_TABLES.get(kind, (kind,)) if kind else self.file.errors:
            table = self.file.errors.get(name, {})
            if code not in table:
                code = self._error_words.get((name, whole, _bare(code)), code)
            if code in table:
                return code, table[code]
        return None

    @cached_property
    def _error_words(self) -> dict[tuple[str, bool, str], str]:
        """The codes by table and words: whole, and without their topic if one code alone has those."""
        found: dict[tuple[str, bool, str], str] = {}
        for name, table in self.file.errors.items():
            behind = Counter(_bare(words.rpartition(": ")[2]) for words, _ in table.values())
            for code, (words, _) in table.items():
                found.setdefault((name, True, _bare(words)), code)
                short = _bare(words.rpartition(": ")[2])
                if behind[short] == 1:
                    found[name, False, short] = code
        return found


def _bare(words: str) -> str:
    """Return words without what people write differently: case, blanks, signs."""
    return _SIGNS.sub("", words).casefold()
