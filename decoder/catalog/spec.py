"""The shape of a dialect file, and its validation with an error that names file and line.

A dialect file is TOML; docs/adding-a-dialect.md explains every key. The classes here are that shape, checked by
msgspec. A **syntax** is a parameter list in one string, close to how manuals print it::

    'connect_id proto_type address remote_port timeout? access_mode?'

Each word names a parameter. ``?`` after it: may be absent. ``*``: may repeat to the end of the line. ``~``: takes
the rest of the line, commas included. ``name="a|b"``: is one of these words (and so selects this syntax).
``data:length``: as many bytes as the parameter ``length`` says, commas included; of the type ``payload``: any bytes.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any, Literal

import msgspec

from capture.errors import AtsharkError

ParamType = Literal[
    "int", "string", "payload", "ip", "hex", "bool", "float", "flags", "ranges",
    "time", "rssi", "gprs-timer", "gprs-timer-3", "edrx-cycle", "paging-window",
]  # fmt: skip
InferredFrame = Literal[
    "mqtt.connect", "mqtt.connack", "mqtt.publish", "mqtt.puback", "mqtt.pubrec", "mqtt.pubrel", "mqtt.pubcomp",
    "mqtt.subscribe", "mqtt.suback", "mqtt.unsubscribe", "mqtt.unsuback", "mqtt.pingreq", "mqtt.pingresp",
    "mqtt.disconnect", "coap.request", "coap.response", "coap.ack", "http.request", "http.response", "lwm2m.object",
    "lwm2m.register", "lwm2m.registered", "lwm2m.update", "lwm2m.deregister", "lwm2m.read", "lwm2m.observe",
    "lwm2m.discover", "lwm2m.execute", "lwm2m.parameter", "lwm2m.write", "lwm2m.response", "lwm2m.observe-response",
    "lwm2m.read-response", "lwm2m.discover-response", "lwm2m.notify", "lwm2m.notified",
]  # fmt: skip
Meaning = tuple[str, str]
"""English and Chinese."""


class ParamSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A parameter: type, meaning, unit, range, enumeration.

    ``error``: a value not listed is an error code. ``bits``: the meaning of each bit of a set of flags. ``by`` names
    an earlier parameter that decides the type: by its value, ``cases`` tells which. ``prefix`` stands in front of
    the value, as in ``QUEUES=3``.
    """

    type: ParamType = "string"
    en: str = ""
    zh: str = ""
    unit: str = ""
    range: tuple[int, int] | None = None
    values: dict[str, Meaning] = {}
    secret: bool = False
    error: bool = False
    bits: dict[str, Meaning] = {}
    prefix: str = ""
    by: str = ""
    cases: dict[str, ParamType] = {}


class StateSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A condition: the state ``state`` of the connection that the parameter ``key`` names is one of ``values``."""

    state: str
    values: list[int]
    key: str = ""


class AnsweredSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A URC that hands on a request of the platform: which command answers it, ``within`` how many seconds.

    ``match``: parameters that are equal in URC and command. ``optional``, or for values as in ``unless``: the module
    may answer by itself.
    """

    command: str
    match: list[str]
    within: int = 5
    optional: bool = False
    unless: dict[str, list[int | str]] = {}


class LineSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command or URC with these parameters ("a|b": either)."""

    line: str
    where: dict[str, str | int] = {}


class GroupSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Lines that belong together: which starts, which go on, which ends them, and the parameters that they share.

    It is given up when nothing came for ``within`` seconds. ``join`` names a parameter whose values are put together;
    ``frame``: they are a frame of this protocol, in hex.
    """

    name: str
    section: str
    en: str
    start: list[LineSpec]
    end: list[LineSpec]
    more: list[LineSpec] = []
    zh: str = ""
    key: list[str] = []
    within: int = 60
    join: str = ""
    frame: str = ""


class LateSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A URC that completes a command after its OK.

    ``where`` fixes parameters of the URC ("a|b": either), ``match`` names parameters that must be equal in command
    and URC (``a=b``: the URC's a and the command's b; ``a=b&127``: of the latter only these bits), ``bind`` parameters
    that are equal in all lines that belong to one command (a packet id). ``when`` says for which commands it is
    expected ("*": any value, "-": none), ``given`` in which state. It is awaited ``within`` seconds (a number, or
    the name of a parameter of the command that holds it, else ``default``). With ``until``, lines are collected up
    to the one with these parameters, unless the command's parameters are as in ``single``: then one line is all. A
    ``step`` belongs to the command but does not complete it; an ``optional`` one may never come. ``forms``: which
    forms of the command it completes.
    """

    urc: str
    where: dict[str, str | int] = {}
    match: list[str] = []
    when: dict[str, list[int | str]] = {}
    within: int | str = 60
    default: int = 60
    until: dict[str, str | int] = {}
    step: bool = False
    forms: tuple[str, ...] = ("set", "exec")
    optional: bool = False
    single: dict[str, list[int]] = {}
    bind: list[str] = []
    given: StateSpec | None = None


class PayloadSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Raw bytes from the MCU after a command: as many as ``length`` says, or until one of ``end``.

    ``after`` "ok": with a length the module asks for them by an OK, which is not the result yet; without one, by
    its prompt as ever. "ok-prompt": by an OK and a prompt. "result": by its result OK and then a prompt.
    ``end_early``: ``end`` may also stand before the announced length is reached.
    """

    after: Literal["prompt", "ok", "ok-prompt", "result"] = "prompt"
    length: str = ""
    end: tuple[Literal["ctrl-z", "+++"], ...] = ("ctrl-z",)
    end_early: bool = False
    unless: str = ""


class RawSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Raw bytes from the module after the OK of an answer or URC: as many as its parameter ``length`` says.

    ``crc16`` names the parameter that holds their CRC-16/CCITT-FALSE.
    """

    length: str
    crc16: str = ""


class FrameSpec(msgspec.Struct, forbid_unknown_fields=True):
    """The protocol that payload carries, by the name of its codec; ``when`` says for which parameters.

    ``within`` "payload", or "line": the whole line is the frame; or the parameter that holds it in hex.
    """

    protocol: str
    when: dict[str, list[int | str]] = {}
    within: str = "payload"


class OpensSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command that opens a connection: the parameter ``key`` names it, ``transport`` tells the transport.

    ``udp``: the values of ``transport`` that mean datagrams; all others are streams. ``address``, ``port`` and
    ``local_port`` name parameters. ``answer``: the line that says whether it was opened; without one, the OK does.
    """

    transport: str
    udp: list[int | str]
    key: str = "connect_id"
    address: str = ""
    port: str = ""
    local_port: str = ""
    answer: LineSpec | None = None


class ClosesSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command or URC by which the connection that ``key`` names ends.

    ``where``: only with these parameters. ``peer``, ``reset``, ``lost``: parameters that say that the peer closed it,
    that it was reset, that it broke without a word; of a command, the parameters of the command. Else the MCU did.
    """

    key: str = "connect_id"
    where: dict[str, str | int] = {}
    peer: dict[str, list[int | str]] | None = None
    reset: dict[str, list[int | str]] | None = None
    lost: dict[str, list[int | str]] | None = None


class SendsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """How a command sends: ``buffered`` until a command that ``pushes`` what is buffered.

    ``sent`` names the parameter of its answer that tells how many bytes were taken.
    """

    buffered: bool = False
    pushes: bool = False
    sent: str = ""


class ArrivesSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A URC that says that data arrived and waits to be read: parameters that hold how many bytes or packets.

    ``dropped`` names the parameter that holds how many bytes were lost because the buffer was full. ``tcp`` and
    ``udp``: parameters that tell the transport of a connection whose opening was not recorded.
    """

    bytes: str = ""
    packets: str = ""
    dropped: str = ""
    tcp: dict[str, list[int | str]] | None = None
    udp: dict[str, list[int | str]] | None = None
    key: str = "connect_id"


class AddressSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A line that tells an IP address in the parameter ``address``: that of the host ``name``, or else the own one.

    ``name`` is a parameter of the line, or of the command that it answers. ``where``: only with these parameters.
    """

    address: str
    name: str = ""
    where: dict[str, str | int] = {}


class InferSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A frame that a command or URC stands for, by the name of its builder, when its parameters are as in ``when``.

    ``fields`` maps fields of the frame to parameters or settings, to "@data" (the payload), or to "=" and a text.
    ``side``: who says it ("" for a command: the MCU's side; for a URC: the network's). ``needs``: it waits for a line
    that tells this parameter.
    """

    frame: InferredFrame
    when: dict[str, list[int | str]] = {}
    fields: dict[str, str | int] = {}
    side: Literal["", "mcu", "module"] = ""
    needs: str = ""


class KeepsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """What a command sets for later frames: settings by name, from parameters or "@data".

    ``tags``: a parameter that names a setting and the one that holds its value; more pairs end in 2, 3, 4.
    """

    values: dict[str, str] = {}
    tags: tuple[str, str] | None = None


class ImageSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A line that announces a firmware image: parameters that hold its version, its size in bytes, its MD5."""

    version: str = ""
    size: str = ""
    digest: str = ""


class BlockSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command that asks for a block of the image; ``again``: parameters that ask for the last one once more.

    ``ends``: the command asks for none, but ends the transfer: "complete" if all has come, "always" in any case.
    """

    again: dict[str, list[int | str]] = {}
    ends: Literal["", "complete", "always"] = ""


class StreamSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Transparent mode after ``CONNECT``, or ``after`` "prompt": after the OK and a prompt.

    ``when`` and ``forms`` say for which commands (empty: always). ``escape_answer``: an OK answers ``+++``. ``ppp``:
    it is PPP if its bytes look like it.
    """

    when: dict[str, list[int | str]] = {}
    forms: tuple[str, ...] = ()
    after: Literal["connect", "prompt"] = "connect"
    escape_answer: bool = True
    ppp: bool = False


class SetsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """What a successful command changes for the connection that ``key`` names ("" for the whole module).

    ``values`` maps a state to the parameter that holds its value; ``defaults`` are the values of absent ones.
    """

    key: str
    values: dict[str, str]
    defaults: dict[str, int] = {}


class CommandSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command: its forms (a list of syntaxes each), its answers, what follows it.

    ``bare``: its information response has no name in front. ``payload_line``: payload in it stands behind a line end.
    """

    name: str
    section: str
    en: str
    zh: str = ""
    read: bool = False
    exec: bool = False
    set: list[str] = []
    answer: list[str] = []
    set_answer: bool = True
    answer_names: list[str] = []
    bare: bool = False
    payload_line: Literal["same", "next", "either"] = "same"
    test_answer: list[str] = []
    late: list[LateSpec] = []
    payload: PayloadSpec | None = None
    raw_after_ok: RawSpec | None = None
    frame: FrameSpec | None = None
    opens: OpensSpec | None = None
    closes: ClosesSpec | None = None
    sends: SendsSpec | None = None
    tells: AddressSpec | None = None
    infer: list[InferSpec] = []
    keeps: KeepsSpec | None = None
    image: ImageSpec | None = None
    block: BlockSpec | None = None
    stream: StreamSpec | None = None
    sets: list[SetsSpec] = []
    encoding: str = ""
    answer_encoding: str = ""
    timeout_s: int = 0
    aliases: list[str] = []
    param: dict[str, ParamSpec] = {}


class UrcSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A URC and its syntaxes.

    ``ok``: whether its own OK line follows it. ``reboot``: the module restarted. ``ends_stream``: the parameters
    of the line that ends transparent mode. ``encoding``: the state that says how its payload is written.
    ``cached``: states in which it announces payload without carrying it. ``payload_line``: it carries
    it behind a line end. ``raw_after_ok``: raw bytes follow its OK. ``line`` is its whole line, with parameters in
    braces (``{rest~}``: to the end of the line), if it does not have the shape ``+NAME: …``. ``comma``: its shape is
    ``+NAME,…:payload``, and the payload ends where its length says, line end or not. ``carried``: states in which it
    surely carries payload (none given: all but ``cached``).
    """

    name: str
    section: str
    en: str
    zh: str = ""
    syntax: list[str] = []
    ok: Literal["never", "maybe", "always"] = "never"
    reboot: bool = False
    ends_stream: dict[str, str] = {}
    encoding: str = ""
    cached: dict[str, list[int]] = {}
    carried: dict[str, list[int]] = {}
    frame: FrameSpec | None = None
    payload_line: Literal["same", "next", "either"] = "same"
    line: str = ""
    comma: bool = False
    raw_after_ok: RawSpec | None = None
    answered: AnsweredSpec | None = None
    closes: ClosesSpec | None = None
    arrives: ArrivesSpec | None = None
    tells: AddressSpec | None = None
    infer: list[InferSpec] = []
    image: ImageSpec | None = None
    aliases: list[str] = []
    param: dict[str, ParamSpec] = {}


class BasicSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A basic command (``E``, ``&F``, ``D``, ``S0``): one optional value."""

    name: str
    section: str
    en: str
    zh: str = ""
    param: str = "value"
    values: dict[str, Meaning] = {}
    timeout_s: int = 0
    stream: StreamSpec | None = None


class DialectSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Who speaks the dialect and where it is written down."""

    id: str
    title: str
    source: str
    base: str = ""
    zh: str = ""
    modules: list[str] = []


class DialectFile(msgspec.Struct, forbid_unknown_fields=True):
    """A whole dialect file."""

    dialect: DialectSpec
    param: dict[str, ParamSpec] = {}
    command: list[CommandSpec] = []
    basic: list[BasicSpec] = []
    urc: list[UrcSpec] = []
    group: list[GroupSpec] = []
    errors: dict[str, dict[str, Meaning]] = {}


_MATCH = re.compile(r"([a-z][a-z0-9_]*)(?:=([a-z][a-z0-9_]*))?(?:&(\d+))?\Z")


@cache
def parse_match(text: str) -> tuple[str, str, int]:
    """Parse an entry of ``match``: the parameter of the URC, that of the command, which of its bits (0: all)."""
    match = _MATCH.match(text)
    if not match:
        raise ValueError(f"cannot read {text!r}: a parameter, a=b or a=b&127 is expected")
    mask = int(match[3] or 0)
    if mask & (mask + 1):
        raise ValueError(f"{text!r}: only a mask of low bits (1, 3, 7 ... 127 ...) is read alike by both engines")
    return match[1], match[2] or match[1], mask


def matches(rules: list[str], own: dict[str, Any], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` of a URC agree with the command's ``own``; what the command lacks, agrees."""
    for rule in rules:
        theirs, ours, mask = parse_match(rule)
        value = own.get(ours)
        if mask and isinstance(value, int):
            value &= mask
        if value is not None and value != params.get(theirs):
            return False
    return True


def applies(when: dict[str, list[int | str]], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` are as ``when`` says: one of the values; "*": any, "-": none."""
    for name, values in when.items():
        value = params.get(name)
        if value not in values and ("-" if value is None else "*") not in values:
            return False
    return True


def fixed(where: dict[str, str | int], params: dict[str, Any]) -> bool:
    """Tell whether ``params`` are as ``where`` says ("a|b": either)."""
    return all(str(params.get(name)) in str(value).split("|") for name, value in where.items())


_WORDS = re.compile(r"(?:[^\s\"]|\"[^\"]*\")+|\S+")
_WORD = re.compile(r"([a-z][a-z0-9_]*)(?:=\"([^\"]+)\"|:([a-z][a-z0-9_]*))?([?*~]?)\Z")


class Word(msgspec.Struct, frozen=True):
    """One word of a syntax: parameter name, fixed words, the parameter that counts its bytes, and its mark."""

    name: str
    words: tuple[str, ...] = ()
    length: str = ""
    mark: str = ""


def parse_syntax(syntax: str) -> list[Word]:
    """Parse a syntax. Raises ValueError with the offending word."""
    words = []
    for text in _WORDS.findall(syntax):
        match = _WORD.match(text)
        if not match:
            raise ValueError(f"cannot read {text!r} in the syntax {syntax!r}")
        fixed = tuple(match[2].split("|")) if match[2] else ()
        words.append(Word(match[1], fixed, match[3] or "", match[4]))
    for word in words[:-1]:
        if word.mark in "*~" and word.mark:
            raise ValueError(f"{word.name}{word.mark} must be the last word of the syntax {syntax!r}")
    return words


_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(~?)\}")


def parse_line(line: str) -> tuple[list[str], list[Word]]:
    """Parse a line with parameters in braces. Returns the literal texts around them, and the parameters."""
    pieces = _PLACE.split(line)
    return pieces[::3], [Word(name, mark=mark) for name, mark in zip(pieces[1::3], pieces[2::3], strict=True)]


def load(text: str, name: str) -> DialectFile:
    """Parse and check a dialect file. Raises :class:`AtsharkError` that begins with ``name:line:``."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise AtsharkError(f"{name}:{line}: not valid TOML: {error}") from error
    try:
        result = msgspec.convert(parsed, DialectFile)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise AtsharkError(f"{name}:{_line_of(text, path.rstrip('`'), message)}: {message}") from error
    _check(result, text, name)
    return result


def _check(file: DialectFile, text: str, name: str) -> None:
    tables: list[tuple[str, list[tuple[CommandSpec | UrcSpec, list[str]]]]] = [
        ("command", [(command, [*command.set, *command.answer, *command.test_answer]) for command in file.command]),
        ("urc", [(urc, [*urc.syntax, " ".join(word.name for word in parse_line(urc.line)[1])]) for urc in file.urc]),
    ]
    for table, entries in tables:
        seen: set[str] = set()
        for index, (entry, syntaxes) in enumerate(entries):
            problem = f"{table} {entry.name!r} is defined twice" if entry.name in seen else ""
            seen.add(entry.name)
            problem = problem or _match_problem(entry)
            for syntax in syntaxes:
                problem = problem or _syntax_problem(file.param.keys() | entry.param.keys(), syntax)
            if problem:
                raise AtsharkError(f"{name}:{_line_of(text, f'.{table}[{index}]', '')}: {problem}")


def _match_problem(entry: CommandSpec | UrcSpec) -> str:
    late = entry.late if isinstance(entry, CommandSpec) else []
    answered = entry.answered if isinstance(entry, UrcSpec) else None
    try:
        for rule in [rule for one in late for rule in one.match] + (answered.match if answered else []):
            parse_match(rule)
    except ValueError as error:
        return str(error)
    return ""


def _syntax_problem(defined: set[str], syntax: str) -> str:
    try:
        words = parse_syntax(syntax)
    except ValueError as error:
        return str(error)
    names = {word.name for word in words}
    for word in words:
        if word.length and word.length not in names:
            return f"{word.name} is counted by {word.length!r}, which the syntax {syntax!r} does not have"
        if not word.words and word.name not in defined:
            return f"the parameter {word.name!r} of the syntax {syntax!r} has no [param.{word.name}]"
    return ""


def _line_of(text: str, path: str, message: str) -> int:
    """Find the line of a msgspec path like ``.command[3].late[0].urc``: header first, then the key below it."""
    lines = text.splitlines()
    table = re.match(r"\.(\w+)(?:\[(\d+)\])?(?:\[\.\.\.\])?(.*)", path)
    key = re.search(r"unknown field `(\w+)`", message) or re.search(r"\.(\w+)(?:\[[^\]]*\])*\Z", path)
    if not table:
        start = 0
    elif table[2]:
        headers = [i for i, line in enumerate(lines) if line.strip() == f"[[{table[1]}]]"]
        start = headers[int(table[2])] if int(table[2]) < len(headers) else 0
    else:
        headers = [i for i, line in enumerate(lines) if re.match(rf"\s*\[{table[1]}\b", line)]
        start = headers[0] if headers else 0
    if key:
        pattern = re.compile(rf"\s*{re.escape(key[1])}\s*=|.*[{{,]\s*{re.escape(key[1])}\s*=")
        for index in range(start, len(lines)):
            if index > start and lines[index].startswith("[["):
                break
            if pattern.match(lines[index]):
                return index + 1
    return start + 1
