"""The catalog: which dialect knows a name, and what its parameters are.

Strategy: dialect files (see spec.py) are compiled once into plain lookup tables. A command or URC has one or
more syntaxes; a line is read by the one that fits best: right number of arguments, right fixed words, values of
the right type. A line that fits none still decodes, by the nearest syntax, and says so.

A dialect brings its base along. Names that several dialects define are kept side by side; which of them a line means
is decided by choice.py, and the one given first stands for the name until then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from capture.errors import AtsharkError
from capture.grammar import BLANK, split_arguments, unquote
from decoder.catalog import spec as schema
from decoder.catalog.quantities import QUANTITIES, Quantity
from decoder.catalog.spec import LateSpec, Meaning, ParamSpec, PayloadSpec, SetsSpec, StreamSpec
from decoder.events import Error, Params
from decoder.values import CONVERTERS

Known = TypeVar("Known", "Command", "UrcType")
Specification = schema.CommandSpec | schema.UrcSpec

DEFAULT_DIALECTS = ("onemo-tcpip", "onemo-lwm2m", "m5310a-mqtt", "ica", "c1100", "quectel", "espressif")
DEFAULT_TIMEOUT_S = 10
UNFIT = 100
"""From here on the ``fit`` of a line says that it has the wrong number of parameters for its syntax."""
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")
_ERROR_KINDS = {"CME ERROR": "cme", "CMS ERROR": "cms", "CIS ERROR": "cis"}


class Arguments(NamedTuple):
    """Typed arguments of one line, and how badly they fit the syntax (0: perfectly).

    ``texts`` are the arguments as they stood on the wire, ``names`` the parameter that each became ("" for none).
    """

    params: Params
    labels: dict[str, str]
    fit: int
    syntax: Syntax | None
    texts: Sequence[str] = ()
    names: Sequence[str] = ()


class Param:
    """A parameter in one place of a syntax."""

    __slots__ = (
        "bits", "by", "cases", "convert", "labels", "length", "mark", "name", "quantity", "quantity_name", "spec",
        "type", "words",
    )  # fmt: skip

    def __init__(self, word: schema.Word, spec: ParamSpec, errors: dict[str, Meaning]) -> None:
        self.name = word.name
        self.words = word.words
        self.length = word.length
        self.mark = word.mark
        self.spec = spec
        self.type = "string" if spec.type == "payload" and not word.length and word.mark != "~" else spec.type
        self.by = spec.by
        self.cases = {value: CONVERTERS[kind] for value, kind in spec.cases.items()}
        self.bits = [(1 << int(bit), meaning[0]) for bit, meaning in spec.bits.items()]
        quantity = QUANTITIES.get(self.type)
        self.quantity_name = word.name + quantity[0] if quantity else ""
        self.quantity = quantity[1] if quantity else None
        self.convert = CONVERTERS[self.type]
        if spec.prefix:
            self.convert = _without(spec.prefix, self.convert)
        table = {**errors, **spec.values} if spec.error else spec.values
        self.labels = {key: meaning[0] for key, meaning in table.items()}


def _without(prefix: str, convert: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: convert(text.removeprefix(prefix))


class Syntax:
    """A compiled parameter list."""

    __slots__ = ("constants", "counted", "maximum", "minimum", "params", "payload", "takes_rest")

    def __init__(self, params: list[Param]) -> None:
        self.params = params
        self.minimum = sum(1 for param in params if not param.mark or param.mark == "~")
        self.maximum = 10_000 if params and params[-1].mark == "*" else len(params)
        self.takes_rest = bool(params) and params[-1].mark == "~"
        self.constants = [(i, param.words) for i, param in enumerate(params) if param.words]
        self.counted = next((i for i, param in enumerate(params) if param.length), -1)
        self.payload = next((i for i, param in enumerate(params) if param.type == "payload"), -1)

    def read(self, arguments: list[str], *, sliced: bool = False) -> Arguments:
        """Type ``arguments`` by this syntax; each thing that does not fit adds to ``fit``.

        ``sliced``: the counted one has been cut out, and what looks like quotes in it is part of it.
        """
        count = len(arguments)
        fit = 0
        if count > self.maximum:
            if self.takes_rest:
                keep = len(self.params) - 1
                arguments = [*arguments[:keep], ",".join(arguments[keep:])]
                count = len(arguments)
            else:
                fit += UNFIT + count - self.maximum
        elif count < self.minimum:
            fit += UNFIT + self.minimum - count
        for index, words in self.constants:
            if index >= count or unquote(arguments[index]) not in words:
                fit += 10 * UNFIT
        params: Params = {}
        labels: dict[str, str] = {}
        names: list[str] = []
        last = len(self.params) - 1
        for index, text in enumerate(arguments):
            if index > last and not (last >= 0 and self.params[last].mark == "*"):
                names.append(f"arg{index + 1}")
                params[names[index]] = unquote(text)
                continue
            param = self.params[min(index, last)]
            names.append(param.name if text else "")
            if not text:
                fit += 0 if param.mark or index else 1
                continue
            value: Any
            convert = param.cases.get(str(params.get(param.by)), param.convert) if param.by else param.convert
            if sliced and param.length and convert is unquote:
                convert = str
            try:
                value = convert(text)
            except ValueError:
                value = unquote(text)
                fit += 2
            if param.length and not _has_length(text, params.get(param.length)):
                fit += 1
            if param.mark == "*":
                params.setdefault(param.name, []).append(value)
            else:
                params[param.name] = value
                if param.labels and (label := param.labels.get(str(value))) is not None:
                    labels[param.name] = label
                elif param.bits:
                    _name_bits(param, value, labels)
                elif param.quantity is not None:
                    _measure(param, param.quantity, params, labels)
        return Arguments(params, labels, fit, self, arguments, names)


def _name_bits(param: Param, value: object, labels: dict[str, str]) -> None:
    if isinstance(value, int):
        labels[param.name] = ", ".join(meaning for bit, meaning in param.bits if value & bit) or "none"


def _measure(param: Param, quantity: Quantity, params: Params, labels: dict[str, str]) -> None:
    """Put the physical value of a coded parameter next to it."""
    measured, said = quantity(params[param.name], params)
    if measured is not None:
        params[param.quantity_name] = measured
    if said:
        labels[param.name] = said


def _has_length(text: str, length: object) -> bool:
    """Tell whether payload is as long as announced: in bytes, or in pairs of hex digits."""
    size = len(unquote(text).encode("utf-8"))
    return not isinstance(length, int) or length == 0 or size in (length, 2 * length)


def best(syntaxes: list[Syntax], text: str) -> Arguments:
    """Read ``text`` by the syntax that fits best (the first of equals); without syntaxes, number the arguments."""
    arguments = split_arguments(text)
    found: Arguments | None = None
    for syntax in syntaxes:
        counted = slice_counted(text, syntax) if syntax.counted >= 0 > syntax.payload else None
        candidate = syntax.read(arguments) if counted is None else syntax.read(counted, sliced=True)
        if candidate.fit == 0:
            return candidate
        if found is None or candidate.fit < found.fit:
            found = candidate
    return found or generic(arguments)


def slice_counted(text: str, syntax: Syntax) -> list[str] | None:
    """Split ``text`` with the parameter that is counted in bytes cut out by its announced length, if that fits."""
    parts = slice_payload(text.encode("utf-8").decode("latin-1"), syntax)
    return None if parts is None else [part.encode("latin-1").decode("utf-8", "replace") for part in parts]


def slice_payload(text: str, syntax: Syntax) -> list[str] | None:
    """Split ``text`` (one character a byte) with the counted parameter cut out by its announced length.

    It may hold quotes and commas. It is as long as announced, or twice as long (hex digits). Without an
    announced length it reaches to the last quote that only digits and commas follow; payload that no parameter
    counts takes the rest of the line. None if nothing fits.
    """
    head: list[str] = []
    position = 0
    for _ in range(syntax.counted if syntax.counted >= 0 else syntax.payload):
        comma = text.find(",", position)
        if comma < 0:
            return None
        head.append(text[position:comma].strip(BLANK))
        position = comma + 1
    while position < len(text) and text[position] == " ":
        position += 1
    if syntax.counted < 0:
        return [*head, unquote(text[position:].strip(BLANK))]
    length_name = syntax.params[syntax.counted].length
    length_index = next(i for i, param in enumerate(syntax.params) if param.name == length_name)
    digits = head[length_index]
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    announced = int(digits or 0)
    if announced > len(text):
        announced = 0
    quoted = position < len(text) and text[position] == '"'
    start = position + quoted
    for size in (announced, 2 * announced):
        end = start + size
        after = end + quoted
        fits = size and after <= len(text) and (not quoted or text[end] == '"') and text[after : after + 1] in ("", ",")
        if fits and (size == announced or _HEX.match(text, start, end)):
            tail = split_arguments(text[after + 1 :]) if after < len(text) else []
            return [*head, text[start:end], *tail]
    if quoted:
        end = text.rfind('"')
        tail_text = text[end + 1 :].strip(BLANK)
        if end > start and not tail_text.strip("0123456789, "):
            tail = split_arguments(tail_text[1:]) if tail_text else []
            return [*head, text[start:end], *tail]
    return None


def generic(arguments: list[str]) -> Arguments:
    """Number arguments that no syntax names."""
    names = [f"arg{i}" if text else "" for i, text in enumerate(arguments, 1)]
    params = {name: unquote(text) for name, text in zip(names, arguments, strict=True) if name}
    return Arguments(params, {}, 0, None, arguments, names)


class Command:
    """A command of a dialect, compiled."""

    __slots__ = (
        "answer",
        "answer_encoding",
        "answer_names",
        "answers",
        "bare",
        "block",
        "dialect",
        "encoding",
        "forms",
        "frame",
        "image",
        "infer",
        "late",
        "name",
        "payload",
        "raw_after_ok",
        "sends",
        "sets",
        "socket",
        "spec",
        "stream",
        "syntaxes",
        "test_answer",
        "timeout_s",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, spec: schema.CommandSpec) -> None:
        self.name = spec.name
        self.dialect = dialect.id
        self.spec: schema.CommandSpec | schema.BasicSpec = spec
        self.syntaxes = dialect.syntaxes(spec.set, spec.param)
        self.answer = dialect.syntaxes(spec.answer, spec.param)
        self.test_answer = dialect.test_syntaxes(spec.test_answer or spec.set, spec.param)
        self.bare = spec.bare
        self.frame = spec.frame
        self.socket = spec if spec.opens or spec.closes or spec.sends or spec.payload or spec.tells else None
        """What the command does to connections, if anything."""
        self.sends = spec.sends
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
        self.payload: PayloadSpec | None = spec.payload
        self.raw_after_ok = spec.raw_after_ok
        self.stream: StreamSpec | None = spec.stream
        self.sets: list[SetsSpec] = spec.sets
        self.encoding = spec.encoding
        self.answer_encoding = spec.answer_encoding
        self.timeout_s = spec.timeout_s or DEFAULT_TIMEOUT_S


class Basic(Command):
    """A basic command: its digits are one parameter."""

    def __init__(self, dialect: Dialect, spec: schema.BasicSpec) -> None:
        super().__init__(dialect, schema.CommandSpec(spec.name, spec.section, spec.en, timeout_s=spec.timeout_s))
        self.spec = spec
        self.stream = spec.stream
        self.answers = frozenset(["basic", "s-register"])
        self.forms = frozenset(["test", "basic", "s-register", "dial"])
        word = schema.Word(spec.param, mark="?")
        kind: schema.ParamType = "string" if spec.name == "D" else "int"
        self.syntaxes = [Syntax([Param(word, ParamSpec(kind, values=spec.values), {})])]


class UrcType:
    """A URC of a dialect, compiled."""

    __slots__ = (
        "dialect", "encoding", "infer", "line", "line_parts", "line_syntax", "name", "ok", "socket", "spec", "syntaxes",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, spec: schema.UrcSpec) -> None:
        self.name = spec.name
        self.dialect = dialect.id
        self.spec = spec
        self.socket = spec if spec.closes or spec.arrives or spec.tells else None
        self.infer = spec if spec.infer else None
        self.ok = spec.ok
        self.encoding = spec.encoding
        self.syntaxes = dialect.syntaxes(spec.syntax, spec.param)
        self.line_parts, words = schema.parse_line(spec.line)
        self.line_syntax = dialect.compile(words, spec.param)
        places = [f"({'.*' if word.mark else '[^,]*'})" for word in words] + [""]
        pattern = "".join(re.escape(text) + place for text, place in zip(self.line_parts, places, strict=True))
        self.line = re.compile(pattern + r"\Z", re.DOTALL)

    def read_line(self, text: str) -> Arguments | None:
        """Read a line that has the shape ``line`` of this URC, or return None."""
        match = self.line.match(text)
        return None if match is None else self.line_syntax.read(list(match.groups()))


class Dialect:
    """A dialect file, compiled."""

    def __init__(self, file: schema.DialectFile) -> None:
        self.file = file
        self.id = file.dialect.id
        self._all_errors = {code: text for table in file.errors.values() for code, text in table.items()}
        self.commands: dict[str, Command] = {spec.name: Command(self, spec) for spec in file.command}
        self.commands.update({spec.name: Basic(self, spec) for spec in file.basic})
        self.urcs: dict[str, UrcType] = {spec.name: UrcType(self, spec) for spec in file.urc}

    def syntaxes(self, texts: list[str], own: dict[str, ParamSpec]) -> list[Syntax]:
        """Compile syntaxes with the parameters of this file; ``own``, those of one command, come first."""
        return [self.compile(words, own) for words in map(schema.parse_syntax, texts)]

    def compile(self, words: list[schema.Word], own: dict[str, ParamSpec]) -> Syntax:
        """Compile a parsed syntax."""
        known = {**self.file.param, **own}
        return Syntax([Param(word, known.get(word.name, ParamSpec()), self._all_errors) for word in words])

    def test_syntaxes(self, texts: list[str], own: dict[str, ParamSpec]) -> list[Syntax]:
        """Compile syntaxes for the answer to a test command: every value is a text that tells what is supported."""
        spec = ParamSpec("ranges")
        return [
            Syntax([Param(msgspec.structs.replace(word, length="", mark="?"), spec, {}) for word in words])
            for words in map(schema.parse_syntax, texts)
        ]

    def error(self, kind: str, code: str) -> Meaning | None:
        """Look an error code up: in the table for its kind, then in any table of this dialect."""
        found = self.file.errors.get(_ERROR_KINDS.get(kind, kind), {}).get(code)
        return found or self._all_errors.get(code)


class Catalog:
    """The dialects in force, in order of precedence.

    ``rivals`` and ``urc_rivals`` hold the names that several dialects define, or list as a misprint (those come last).
    ``given``: the dialects that the user asked for.
    """

    def __init__(self, dialects: Iterable[Dialect], given: Iterable[str] = ()) -> None:
        self.dialects = list(dialects)
        self.given = frozenset(given)
        commands = _definitions([(dialect.commands, dialect.file.command) for dialect in self.dialects])
        urcs = _definitions([(dialect.urcs, dialect.file.urc) for dialect in self.dialects])
        self.commands = {name: known[0] for name, known in commands.items()}
        self.urcs = {name: known[0] for name, known in urcs.items()}
        self.rivals = {name: known for name, known in commands.items() if len(known) > 1}
        self.urc_rivals = {name: known for name, known in urcs.items() if len(known) > 1}
        self.shared = self.rivals.keys() | self.urc_rivals.keys()
        self.groups = [(dialect.id, group) for dialect in self.dialects for group in dialect.file.group]
        self.answering = {urc.spec.answered.command for urc in self.urcs.values() if urc.spec.answered}
        self.bases = {dialect.file.dialect.base for dialect in self.dialects}
        self.modules = {
            name: frozenset(one.id for one in self.dialects if name in one.file.dialect.modules)
            for dialect in self.dialects
            for name in dialect.file.dialect.modules
        }
        self.lines = [urc for urc in self.urcs.values() if urc.spec.line]
        self.inline = [
            inline(name, syntax, urc.encoding, urc.spec)
            for name, urc in self.urcs.items()
            for syntax in urc.syntaxes
            if syntax.payload >= 0 and syntax.counted >= 0
        ] + [
            inline(name, syntax, command.answer_encoding, command.spec)
            for name, command in self.commands.items()
            for syntax in command.answer
            if syntax.payload >= 0 and syntax.counted >= 0
        ]
        heads = b"|".join(sorted({re.escape(one.name.encode()) for one in self.inline if not one.bare}))
        named = rb"\+(?:%b)[ \t]*[:=,]" % heads if heads else b"(?!)"
        bare = rb"|\d+," if any(one.bare for one in self.inline) else b""
        self.inline_head = re.compile(rb"[\r\n \0]*+(?:%b%b)" % (named, bare))

    def counting(self, name: str) -> list[Syntax]:
        """Return the syntaxes of lines ``name`` that carry no payload."""
        urc, command = self.urcs.get(name), self.commands.get(name)
        syntaxes = [*(urc.syntaxes if urc else ()), *(command.answer if command else ())]
        return [syntax for syntax in syntaxes if syntax.payload < 0]

    def error(self, kind: str, text: str, order: Callable[[Dialect], Any]) -> Error:
        """Explain what followed ``+CME ERROR:``. ``order`` sorts the dialects: the smallest is asked first."""
        code: int | str = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        for one in sorted(self.dialects, key=order):
            meaning = one.error(kind, str(code))
            if meaning:
                return Error(code, meaning[0], meaning[1])
        return Error(code, None if isinstance(code, int) else text)


def _definitions(tables: list[tuple[dict[str, Known], Sequence[Specification]]]) -> dict[str, list[Known]]:
    """Find who defines each name: the dialects that have it, then those that have it as a misprint."""
    found: dict[str, list[Known]] = {}
    for entries, _ in tables:
        for name, entry in entries.items():
            found.setdefault(name, []).append(entry)
    for entries, specs in tables:
        for spec in specs:
            for alias in spec.aliases:
                if entries[spec.name] not in found.setdefault(alias, []):
                    found[alias].append(entries[spec.name])
    return found


class Inline(NamedTuple):
    """A module line with payload in it: where the payload begins, how many bytes, by which state it is encoded.

    ``exact``: it ends where its length says, line end or not. ``bare``: the line has no name in front.
    """

    name: str
    head: re.Pattern[bytes]
    syntax: Syntax
    encoding: str
    cached: dict[str, list[int]]
    carried: dict[str, list[int]]
    counter: int
    exact: bool
    bare: bool
    payload_line: str


def inline(
    name: str, syntax: Syntax, encoding: str, spec: schema.CommandSpec | schema.BasicSpec | schema.UrcSpec
) -> Inline:
    """Compile what stands in front of the payload of a line."""
    comma = isinstance(spec, schema.UrcSpec) and spec.comma
    bare = isinstance(spec, schema.CommandSpec) and spec.bare
    line = "same" if isinstance(spec, schema.BasicSpec) else spec.payload_line
    parts = []
    for param in syntax.params[: syntax.payload]:
        if param.words:
            words = b"|".join(re.escape(word.encode()) for word in param.words)
            parts.append(rb'"?(?P<%b>%b)"?[ \t]*,' % (param.name.encode(), words))
        elif param.type == "ip":
            parts.append(rb'(?P<%b>"?[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*"?),' % param.name.encode())
        else:
            parts.append(rb'(?P<%b>"[^"\r\n]*"|[^,"\r\n]*),' % param.name.encode())
    if comma:
        parts[-1] = parts[-1].removesuffix(b",").replace(b'[^,"', b'[^:,"') + b":"
    elif line != "same":
        behind = rb"\r\n" if line == "next" else rb"(?:,|\r\n(?:\r\n)?)"
        parts[-1] = parts[-1].removesuffix(b",").replace(b"[^,", b"[^\\r\\n,") + rb"[ \t]*" + behind
    title = b"" if bare else rb"\+%b%b" % (re.escape(name.encode()), b"," if comma else rb"[ \t]*[:=][ \t]*")
    pattern = rb"[\r\n \0]*+(?P<line>" + title + rb"[ \t]*".join(parts) + rb")"
    counter = next(i for i, param in enumerate(syntax.params) if param.name == syntax.params[syntax.payload].length)
    cached = spec.cached if isinstance(spec, schema.UrcSpec) else {}
    carried = spec.carried if isinstance(spec, schema.UrcSpec) else {}
    return Inline(name, re.compile(pattern), syntax, encoding, cached, carried, counter, comma, bare, line)


def names() -> list[str]:
    """List the dialects that come with atshark."""
    folder = resources.files("decoder.catalog.dialects")
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def own_folder() -> Path:
    """Return the folder for the user's own dialect files (it need not exist)."""
    if os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "atshark" / "dialects"


def own_files() -> dict[str, Path]:
    """List the user's own dialect files by name."""
    return {path.stem: path for path in sorted(own_folder().glob("*.toml"))}


def _load(name: str, own: dict[str, Path]) -> Dialect:
    if name in own:
        name = str(own[name])
    if os.sep in name or name.endswith(".toml"):
        try:
            text = Path(name).read_text("utf-8")
        except OSError as error:
            raise AtsharkError(f"{name}: the dialect file cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise AtsharkError(f"{name}: the dialect file is not UTF-8 text") from error
        return Dialect(schema.load(text, name))
    if name not in names():
        known = ", ".join([*own, *names()])
        raise AtsharkError(f"no dialect is called {name!r}; known: {known}, or give a TOML file")
    file = resources.files("decoder.catalog.dialects") / f"{name}.toml"
    return Dialect(schema.load(file.read_text("utf-8"), f"{name}.toml"))


def load(dialects: Iterable[str] = ()) -> Catalog:
    """Load dialects by name or file path, each with its base; without any, the user's own and the built-in ones.

    Raises :class:`AtsharkError`.
    """
    loaded: dict[str, Dialect] = {}
    given, own = list(dialects), own_files()
    queue = [*given] or [*own, *DEFAULT_DIALECTS]
    for name in queue:
        dialect = _load(name, own)
        if dialect.id in loaded:
            continue
        loaded[dialect.id] = dialect
        base = dialect.file.dialect.base
        if base and base not in loaded:
            queue.append(base)
    return Catalog(loaded.values(), list(loaded)[: len(given)])
