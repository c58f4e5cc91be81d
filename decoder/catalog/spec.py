"""The shape of a dialect file.

A dialect file is TOML; docs/adding-a-dialect.md explains every key. The classes here are that shape, checked by
msgspec; lint.py says where a file is wrong. A **syntax** is a parameter list in one string, close to how manuals
print it::

    'connect_id proto_type address remote_port timeout? access_mode?'

Each word names a parameter. ``?`` after it: may be absent. ``*``: may repeat to the end of the line. ``~``: takes
the rest of the line, commas included. ``name="a|b"``: is one of these words (and so selects this syntax).
``data:length``: as many bytes as the parameter ``length`` says, commas included; of the type ``payload``: any bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from decoder.catalog.effects import (
    AddressSpec,
    ArrivesSpec,
    BlockSpec,
    BringsSpec,
    ClosesSpec,
    FileSpec,
    GroupSpec,
    ImageSpec,
    InferSpec,
    KeepsSpec,
    LeadsSpec,
    OpensSpec,
    PositionSpec,
    SendsSpec,
)

ParamType = Literal[
    "int", "string", "payload", "ip", "hex", "bool", "float", "flags", "ranges",
    "time", "rssi", "gprs-timer", "gprs-timer-3", "edrx-cycle", "paging-window", "pdu-length",
]  # fmt: skip
Meaning = tuple[str, str]
"""English and Chinese."""


class ParamSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A parameter: type, meaning, unit, range, enumeration.

    ``error``: a value not listed is an error code. ``bits``: the meaning of each bit of a set of flags. ``by`` names
    an earlier parameter that decides the type: by its value, ``cases`` tells which. ``prefix`` stands in front of
    the value, as in ``QUEUES=3``. ``hex``: payload that is always written in hex.
    """

    type: ParamType = "string"
    en: str = ""
    zh: str = ""
    unit: str = ""
    range: tuple[int, int] | None = None
    values: dict[str, Meaning] = {}
    secret: bool = False
    error: bool = False
    hex: bool = False
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


class MeansSpec(msgspec.Struct, forbid_unknown_fields=True):
    """What an answer or URC says about the module: the parameter ``value`` of it is the state of ``fact``.

    ``good``, ``bad``, ``unknown``: which values are; ``like``: a regular expression of bad ones. A command that is done
    says the same with its own parameters. Without ``value``: that the line came, or that the command is done, says
    that the fact is as ``says``; ``when``: with these values of its parameters.
    """

    fact: Literal["power", "sleep", "card", "sim", "signal", "registration", "attach", "context", "clock"]
    value: str = ""
    says: Literal["good", "bad"] = "good"
    good: list[int | str] = []
    bad: list[int | str] = []
    unknown: list[int | str] = []
    like: str = ""
    when: dict[str, list[int | str]] = {}


LayerName = Literal["module", "sim", "radio", "registration", "context", "clock", "name", "connection", "protocol"]
"""What a dialect may say is broken, from the module up: each stands on those before it."""
Role = Literal[
    "", "manufacturer", "model", "firmware", "identity", "operator", "registration", "signal", "psm", "edrx",
    "edrx granted", "sends", "tagged settings", "mqtt.settings", "mqtt.time-out", "mqtt.reconnect", "mqtt.disconnected",
    "lwm2m.open", "lwm2m.update", "lwm2m.update by itself", "lwm2m.close", "lwm2m.delete", "lwm2m.event",
    "lwm2m.notify", "lwm2m.read", "lwm2m.write", "lwm2m.execute", "lwm2m.observe", "lwm2m.discover", "lwm2m.parameter",
    "lwm2m.read answer", "lwm2m.write answer", "lwm2m.execute answer", "lwm2m.observe answer",
    "lwm2m.discover answer", "lwm2m.parameter answer",
]  # fmt: skip
"""What a line is to those who hear of it and know no names: findings, the story, the lanes of a report, datasets."""
Values = dict[str, list[int | str]]
"""Parameters, and for each the values that are meant."""


class PayloadSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Raw bytes from the MCU after a command: as many as ``length`` says, or until one of ``end``.

    ``prompt``: what the module asks for them with: a sign, or a word on a line of its own (``DOWNLOAD``).
    ``after`` "ok": with a length the module asks for them by an OK, which is not the result yet; without one, by
    its prompt as ever. "ok-prompt": by an OK and a prompt. "result": by its result OK and then a prompt. "answer": by
    the information response. ``end_early``: ``end`` may also stand before the announced length is reached.
    ``tail``: what the MCU sends behind as many bytes as announced.
    """

    after: Literal["prompt", "ok", "ok-prompt", "result", "answer"] = "prompt"
    prompt: str = ">"
    length: str = ""
    end: tuple[Literal["ctrl-z", "+++"], ...] = ("ctrl-z",)
    end_early: bool = False
    tail: str = ""
    unless: str = ""


class RawSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Raw bytes from the module after the OK of an answer or URC: as many as its parameter ``length`` says.

    ``crc16`` names the parameter that holds their CRC-16/CCITT-FALSE.
    """

    length: str
    crc16: str = ""


class ConnectSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Raw bytes from the module after CONNECT, then ``tail``, then the result.

    ``length`` names the parameter of the command that says how many there are at most.
    """

    length: str
    tail: str


class FrameSpec(msgspec.Struct, forbid_unknown_fields=True):
    """The protocol that payload carries, by the name of its codec; ``when`` says for which parameters.

    ``within`` "payload", or "line": the whole line is the frame; "next": it is the line behind it; or the parameter
    that holds it in hex.
    """

    protocol: str
    when: dict[str, list[int | str]] = {}
    within: str = "payload"


class StreamSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Transparent mode after ``CONNECT``, or ``after`` "prompt": after the OK and a prompt; "ok": after the OK.

    ``when`` and ``forms`` say for which commands (empty: always). ``escape_answer``: an OK answers ``+++``. ``ppp``:
    it is PPP if its bytes look like it. ``affixed``: ``+++`` may stand right behind the data.
    ``multiplexes``: after its OK the line carries frames of TS 27.010, in the option that ``mux_mode`` says.
    """

    when: dict[str, list[int | str]] = {}
    forms: tuple[str, ...] = ()
    after: Literal["connect", "prompt", "ok"] = "connect"
    escape_answer: bool = True
    affixed: bool = False
    ppp: bool = False
    multiplexes: bool = False


class SetsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """What a successful command changes for the connection that ``key`` names ("" for the whole module).

    ``values`` maps a state to the parameter that holds its value; ``defaults`` are the values of absent ones.
    """

    key: str
    values: dict[str, str]
    defaults: dict[str, int] = {}


class CommandSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command: its forms (a list of syntaxes each), its answers, what follows it.

    ``role``: what it is to those who know no names. ``bare``: its information response has no name in front.
    ``payload_line``: payload in it stands behind a line end. ``comma``: it may also have the shape
    ``+NAME,…:payload``, as of URCs. ``ends``: URCs that stand for its final result, and
    whether each says that it was done; ``alone``: its information response is all that comes, no final result.
    ``means``: what its answer says of the module. ``fails``: values of its answer that say that it failed;
    ``succeeds``: values, of which any other says so. ``file``: its payload is a file. ``brings``: raw bytes come
    behind its CONNECT. ``spans_lines``: a string of it may hold line ends. ``call``: what it does to voice calls.
    ``messages``: what it sets for short messages: the character set of texts, the format (PDU or text mode), or how
    those are coded that are sent in text mode; or what it sends: a report that one came, an SMS-COMMAND.
    ``position``: its answer says where the module is. ``explains``: its answer says why what was done before it
    failed. ``checked``: it was compared with a document or a driver, and not only written from knowledge; a text
    names which (none given: as the dialect says).
    """

    name: str
    section: str
    en: str
    zh: str = ""
    role: Role = ""
    read: bool = False
    exec: bool = False
    set: list[str] = []
    answer: list[str] = []
    set_answer: bool = True
    answer_names: list[str] = []
    bare: bool = False
    comma: bool = False
    payload_line: Literal["same", "next", "either"] = "same"
    test_answer: list[str] = []
    late: list[LateSpec] = []
    payload: PayloadSpec | None = None
    raw_after_ok: RawSpec | None = None
    raw_after_connect: ConnectSpec | None = None
    frame: FrameSpec | None = None
    opens: OpensSpec | None = None
    leads: LeadsSpec | None = None
    closes: ClosesSpec | None = None
    call: Literal["", "dials", "answers", "hangs up", "list"] = ""
    position: PositionSpec | None = None
    file: FileSpec | None = None
    brings: BringsSpec | None = None
    spans_lines: bool = False
    messages: Literal["", "charset", "format", "coding", "acknowledges", "commands"] = ""
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
    ends: dict[str, bool] = {}
    alone: bool = False
    means: list[MeansSpec] = []
    fails: Values = {}
    succeeds: Values = {}
    explains: bool = False
    checked: bool | str | None = None
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
    surely carries payload (none given: all but ``cached``). ``role``, ``means``, ``fails``, ``succeeds``,
    ``checked``: as of commands.
    """

    name: str
    section: str
    en: str
    zh: str = ""
    role: Role = ""
    syntax: list[str] = []
    ok: Literal["never", "maybe", "always"] = "never"
    reboot: bool = False
    ends_stream: dict[str, str] = {}
    call: Literal["", "rings", "caller", "answered", "over"] = ""
    position: PositionSpec | None = None
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
    means: list[MeansSpec] = []
    fails: Values = {}
    succeeds: Values = {}
    checked: bool | str | None = None
    aliases: list[str] = []
    param: dict[str, ParamSpec] = {}


class BasicSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A basic command (``E``, ``&F``, ``D``, ``S0``): one optional value. ``role``: as of others."""

    name: str
    section: str
    en: str
    zh: str = ""
    role: Role = ""
    param: str = "value"
    values: dict[str, Meaning] = {}
    timeout_s: int = 0
    stream: StreamSpec | None = None
    call: Literal["", "dials", "answers", "hangs up", "list"] = ""


class ResultSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A final result code of the maker: a whole line that stands where others say OK or ERROR.

    ``good``: it says that the command was done.
    """

    name: str
    section: str
    en: str
    zh: str = ""
    good: bool = True


class DialectSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Who speaks the dialect and where it is written down.

    ``base``: the dialect that it stands on, as a family of modules on its maker's. ``rank``: the smaller, the sooner
    it is meant where nothing else tells. ``modules``: how its modules call themselves.
    ``checked``: its lines were compared with a document or a driver, where they do not say otherwise.
    """

    id: str
    title: str
    source: str
    base: str = ""
    rank: int = 50
    zh: str = ""
    checked: bool = True
    modules: list[str] = []


class DialectFile(msgspec.Struct, forbid_unknown_fields=True):
    """A whole dialect file.

    ``layers``: what is broken when commands or URCs fail, each by its name, or by how names begin (``QHTTP*``). Of
    those that stand nowhere, what they open or stand for tells. ``needs``: commands, and for each those of which one
    must have been done before it.
    """

    dialect: DialectSpec
    layers: dict[LayerName, list[str]] = {}
    needs: dict[str, list[str]] = {}
    param: dict[str, ParamSpec] = {}
    command: list[CommandSpec] = []
    basic: list[BasicSpec] = []
    urc: list[UrcSpec] = []
    result: list[ResultSpec] = []
    group: list[GroupSpec] = []
    errors: dict[str, dict[str, Meaning]] = {}
