"""What the decoder says: messages (every byte, in order) and the records built from them.

A :class:`Message` is a span of bytes of one wire, with its kind. The messages of a wire, in order, are exactly
its input. Records are what ``atshark decode --format jsonl`` prints; docs/jsonl.md describes each field.

Times are integers in ns since the epoch, None when unknown. The time of a message is that of its **last** byte,
because only then could its reader act on it; a latency runs from the last byte of the command line to the last
byte of the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from capture.chunk import Side
from capture.grammar import GOOD_CODES, Form
from decoder.effects import EFFECTS, Effect

if TYPE_CHECKING:
    from decoder.catalog import Arguments, Command

MessageKind = Literal[
    "command", "echo", "information", "result", "urc", "prompt", "data", "text", "noise", "blank", "mux"
]
Severity = Literal["error", "warning", "note"]
Certainty = Literal["certain", "likely", "possible"]
Params = dict[str, Any]
OfChannel = int | msgspec.UnsetType
"""The channel (DLCI) of a multiplexed line that it was said on."""


class Error(msgspec.Struct, frozen=True):
    """An error code as the module gave it (an integer or words) and its meaning, None if not known.

    ``number``: the code that the words stand for.
    """

    code: int | str | None
    text: str | None
    text_zh: str | None = None
    number: int | msgspec.UnsetType = msgspec.UNSET


class Result(msgspec.Struct, frozen=True):
    """How a command ended.

    ``code`` is the final result code ("OK", "CME ERROR" …), "timeout" if none came in the time that the
    catalog allows, or "unanswered" if none came before the next command, a restart or the end of the input.
    ``done``, only of a result code of a maker ("SHUT OK"): whether it says that the command was done.
    """

    code: str
    error: Error | None = None
    done: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def good(self) -> bool:
        """Whether the command was done."""
        if self.done is not msgspec.UNSET:
            return self.done
        return self.error is None and self.code in GOOD_CODES


class Information(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that belongs to a record: an information response, a late URC, the request that a command answers.

    ``name`` is None for free text. ``time_ns`` is not given for information responses, ``latency_ns`` only for late
    URCs (from the command to the URC) and requests (from the request to the command).
    """

    name: str | None
    params: Params
    raw: str
    labels: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    time_ns: int | msgspec.UnsetType | None = msgspec.UNSET
    latency_ns: int | msgspec.UnsetType | None = msgspec.UNSET


class Transaction(msgspec.Struct, frozen=True, tag_field="kind", tag="transaction"):
    """One command with everything that answered it. ``time_ns`` is that of the command line's last byte."""

    time_ns: int | None
    side: Side
    name: str
    form: Form
    dialect: str | None
    params: Params
    raw: str
    information: list[Information] = []
    urcs: list[Information] = []
    result: Result | None = None
    latency_ns: int | None = None
    labels: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    request: Information | msgspec.UnsetType = msgspec.UNSET
    """The request of the platform that this command answers."""
    shown: bool | msgspec.UnsetType = msgspec.UNSET
    """True where a log shows the answer, but not the result: then ``result`` is None."""
    channel: OfChannel = msgspec.UNSET


class Urc(msgspec.Struct, frozen=True, tag_field="kind", tag="urc"):
    """A line that the module sent of its own accord. ``name`` is None for text that no dialect knows."""

    time_ns: int | None
    side: Side
    name: str | None
    dialect: str | None
    params: Params
    raw: str
    labels: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    channel: OfChannel = msgspec.UNSET


class Data(msgspec.Struct, frozen=True, tag_field="kind", tag="data"):
    """Payload of a connection: the bytes that were meant, in hex, after undoing the encoding on the wire.

    ``via`` says how they crossed: in the command line, after a prompt, in a URC, in an answer, or in
    transparent mode. ``announced_by`` is the command or URC that said they would come.
    """

    time_ns: int | None
    side: Side
    connect_id: int | str | None
    announced_by: str
    via: Literal["command", "prompt", "urc", "answer", "transparent"]
    encoding: Literal["raw", "hex", "escaped", "quoted"]
    length: int
    data: str
    channel: OfChannel = msgspec.UNSET


class Flow(msgspec.Struct, frozen=True):
    """A connection from its opening to its end. ``number`` counts the connections of a session, from 1.

    ``remote`` is the peer as the MCU named it, ``remote_ip`` and ``local_ip`` are addresses that lines told.
    ``inside``: whose TCP or UDP it is: the module's, or that of the MCU, inside PPP.
    """

    number: int
    connect_id: int | str | None
    transport: Literal["tcp", "udp"]
    remote: str | None = None
    remote_ip: str | None = None
    remote_port: int | None = None
    local_ip: str | None = None
    local_port: int | None = None
    inside: Literal["module", "ppp"] = "module"


class Socket(msgspec.Struct, frozen=True, tag_field="kind", tag="socket"):
    """What happened to a connection. ``side`` says on which side of the line it began.

    ``change``: "opened", "failed" (could not be opened), "closed" (the MCU wanted it), "closed by peer", "reset",
    "lost" (the network or the module gave it up). ``up``, ``down``: bytes that it carried so far; ``unread``: bytes
    (UDP: packets) that were announced and never read. ``began_ns``: when the MCU asked for it to be opened.
    """

    time_ns: int | None
    side: Side
    connect_id: int | str | None
    change: Literal["opened", "failed", "closed", "closed by peer", "reset", "lost"]
    flow: Flow
    because: str
    began_ns: int | None
    up: int = 0
    down: int = 0
    unread: int = 0
    channel: OfChannel = msgspec.UNSET


class Call(msgspec.Struct, frozen=True, tag_field="kind", tag="call"):
    """A voice call, when it is over. ``side`` is who began it: of an outgoing call the MCU.

    ``answered``: a line told that it was; False also where none would tell. ``answered_after_ns``: from its begin to
    the answer, ``length_ns`` from there to its end. ``ended``: how; ``because``: the line that says so.
    """

    time_ns: int | None
    side: Side
    direction: Literal["outgoing", "incoming"]
    number: str | None
    began_ns: int | None
    answered: bool
    answered_after_ns: int | None
    length_ns: int | None
    ended: str
    because: str
    channel: OfChannel = msgspec.UNSET


Fix = Literal["none", "2D", "3D", "fixed"]
"""Whether a receiver knew where it was; "fixed": it did, and nothing tells whether the altitude, too."""


class Position(msgspec.Struct, frozen=True, tag_field="kind", tag="position"):
    """Where the module said that it is: degrees (WGS 84, north and east positive), None without a fix.

    ``by``: what found it. ``because``: the line, or the main one of several NMEA sentences, that says so. ``time_iso``:
    when it was found, UTC, a time of day where no date was told. ``course``: degrees from north.
    """

    time_ns: int | None
    side: Side
    latitude: float | None
    longitude: float | None
    fix: Fix
    by: Literal["gnss", "network"]
    because: str
    altitude_m: float | None = None
    time_iso: str | None = None
    satellites: int | None = None
    accuracy_m: float | None = None
    speed_kmh: float | None = None
    course: float | None = None
    channel: OfChannel = msgspec.UNSET


class Frame(msgspec.Struct, frozen=True, tag_field="kind", tag="frame"):
    """A frame of the protocol that payload carries. ``text`` says it in one line, ``fields`` in full.

    ``origin`` "observed": its bytes crossed the line, in the payload that ``announced_by`` announced. ``flow`` is the
    number of the connection, None if there is none. "inferred": the module's stack must have said it, for the line
    ``announced_by``; ``data`` is the frame as built, ``fields["unknown"]`` names what was made up in it.
    """

    time_ns: int | None
    side: Side
    protocol: str
    connect_id: int | str | None
    announced_by: str
    text: str
    fields: dict[str, Any]
    origin: Literal["observed", "inferred"] = "observed"
    flow: int | None = None
    data: str | msgspec.UnsetType = msgspec.UNSET
    channel: OfChannel = msgspec.UNSET


class Group(msgspec.Struct, frozen=True, tag_field="kind", tag="group"):
    """Lines that belong together: a message in parts, a story told by URCs. Its lines have records of their own.

    ``complete``: its last line came. ``data``: the parts of a value put together. ``time_ns`` is that of the last line.
    """

    time_ns: int | None
    side: Side | None
    name: str
    dialect: str
    text: str
    lines: list[Information]
    complete: bool
    first_ns: int | None
    data: str | msgspec.UnsetType = msgspec.UNSET
    channel: OfChannel = msgspec.UNSET


class DialectUse(msgspec.Struct, frozen=True):
    """A dialect that a session spoke: in how many lines, how sure that is, and why."""

    dialect: str
    lines: int
    certainty: str
    because: str


class Evidence(msgspec.Struct, frozen=True):
    """What speaks for a cause: a sentence, when that was, and where it stands in a text log (None elsewhere)."""

    time_ns: int | None
    line: int | None
    message: str
    message_zh: str


class Cause(msgspec.Struct, frozen=True):
    """What explains the failures of a session: the finding in the lowest layer that was broken while others failed.

    ``layer``: of :data:`decoder.findings.LAYERS`; ``consequences``: how many findings above it, it may explain;
    ``recovered``: it was seen to work later; ``evidence``: what the module said of it, and the first of what it
    explains.
    """

    rule: str
    layer: str
    certainty: Certainty
    message: str
    message_zh: str
    advice: str
    advice_zh: str
    reference: str | None
    time_ns: int | None
    side: Side | None
    line: int | None
    consequences: int
    recovered: bool
    evidence: list[Evidence]


class Summary(msgspec.Struct, frozen=True, tag_field="kind", tag="summary"):
    """What the whole session showed, at its end: dialects, names that none defines, lines that several define.

    ``causes``: what explains its failures, the likeliest first; more than one if they are independent of each other.
    """

    time_ns: int | None
    side: Side | None
    dialects: list[DialectUse]
    unknown: dict[str, int]
    ambiguous: int
    causes: list[Cause] = []


class Finding(msgspec.Struct, frozen=True, tag_field="kind", tag="finding"):
    """Something that went wrong or deserves a look. ``reference`` names the manual or standard, if any.

    ``message_zh`` is the message in Chinese, where it is known.
    """

    time_ns: int | None
    side: Side | None
    rule: str
    severity: Severity
    message: str
    reference: str | None = None
    message_zh: str | msgspec.UnsetType = msgspec.UNSET
    line: int | msgspec.UnsetType = msgspec.UNSET
    """The line of the text log where that stands which it is about, if it is not the line where it was noticed."""
    error: str | msgspec.UnsetType = msgspec.UNSET
    """The error code that it is about: kind and number, as ``CME ERROR 10``; a maker's with its dialect before."""
    layer: str | msgspec.UnsetType = msgspec.UNSET
    """What is broken, of :data:`decoder.findings.LAYERS`, if the line says more than the rule."""
    channel: OfChannel = msgspec.UNSET


class Issued(msgspec.Struct, frozen=True):
    """A command as it was sent; ``number`` counts those of the session. Its transaction follows when it is over.

    ``command`` is what the catalog says of it, None if no dialect knows it.
    """

    number: int
    time_ns: int | None
    name: str
    form: Form
    dialect: str | None
    params: Params
    labels: dict[str, str]
    raw: str
    command: Command | None
    request: Information | msgspec.UnsetType = msgspec.UNSET


class Message(msgspec.Struct, frozen=True):
    """A span of bytes of one wire. ``first_ns`` and ``time_ns`` are the times of its first and last byte.

    ``commands`` are those of a command line; ``owner`` is the one that an answer belongs to. Numbers count the commands
    and the requests of the platform of a session together, from 1; 0 is none. Groups have numbers above those.
    """

    kind: MessageKind
    side: Side
    first_ns: int | None
    time_ns: int | None
    raw: bytes
    text: str = ""
    name: str | None = None
    params: Params = {}
    labels: dict[str, str] = {}
    commands: tuple[Issued, ...] = ()
    owner: Issued | None = None
    result: Result | None = None
    latency_ns: int | None = None
    data: Data | None = None
    dialect: str | None = None
    """That of an answer or URC; commands have their own."""
    readings: tuple[Arguments, ...] = ()
    """How the arguments were read: of each command, or of the one answer or URC."""
    numbers: tuple[int, ...] = ()
    """The numbers of ``commands``."""
    requests: tuple[int, ...] = ()
    """For each of ``commands`` the number of the request that it answers."""
    owner_number: int = 0
    """The number of ``owner``."""
    number: int = 0
    """The number of a URC that a command may have to answer."""
    channel: int | None = None
    """The channel (DLCI) of a multiplexed line that it was said on: its bytes stand in messages of the kind "mux"."""


class Finished(msgspec.Struct, frozen=True):
    """The transaction behind this is that of the command ``number``."""

    number: int


class GivenUp(msgspec.Struct, frozen=True):
    """The command ``number``, sent at ``time_ns``, got no final result: "timeout" or "unanswered"."""

    time_ns: int | None
    number: int
    code: str


class Joined(msgspec.Struct, frozen=True):
    """The message before this belongs to the group ``number``: is it the first, is it the last of its lines?"""

    number: int
    name: str
    dialect: str
    first: bool
    last: bool


class GroupEnded(msgspec.Struct, frozen=True):
    """The group ``number`` ended without a line that says so."""

    time_ns: int | None
    number: int
    text: str


class Segment(msgspec.Struct, frozen=True):
    """Bytes that a connection really carried at once: a datagram, or a piece of a stream.

    It differs from payload as the MCU gave it: what the module refused is not in it, what it gathered is in one.
    """

    time_ns: int | None
    side: Side
    flow: Flow
    data: bytes


class LinkFrame(msgspec.Struct, frozen=True):
    """A frame of a link, for its own dissector: "ppp" without flags, escapes and checksum, "mux" with its flags."""

    time_ns: int | None
    side: Side
    link: Literal["ppp", "mux"]
    data: bytes


class Image(msgspec.Struct, frozen=True):
    """A firmware image that came in blocks; ``problems`` says how it differs from what was announced."""

    time_ns: int | None
    version: str
    data: bytes
    problems: tuple[str, ...]


FileKind = Literal["file", "certificate", "private key"]


class File(msgspec.Struct, frozen=True):
    """A file that went into the module (``side`` "mcu") or came out of it; ``problems`` says why it is not what it was.

    ``checked``: the module told a checksum, and it is right.
    """

    time_ns: int | None
    side: Side
    name: str
    kind: FileKind
    data: bytes
    checked: bool
    problems: tuple[str, ...]


class Body(msgspec.Struct, frozen=True):
    """A part of a body that a connection carried: of an HTTP message, or of CoAP blocks.

    ``number`` tells the bodies of a connection apart; ``name`` is the path, ``media`` the content type.
    """

    time_ns: int | None
    side: Side
    flow: int
    protocol: str
    number: int
    name: str
    media: str
    data: bytes
    last: bool


Record = Transaction | Urc | Data | Socket | Call | Position | Frame | Group | Finding | Summary
Inner = Message | Finished | GivenUp | Joined | GroupEnded | Segment | LinkFrame | Body | Image | File | Effect
Event = Inner | Record
INNER = (
    Message,
    Finished,
    *EFFECTS,
    GivenUp,
    Joined,
    GroupEnded,
    Segment,
    LinkFrame,
    Body,
    Image,
    File,
)
"""Events that are no records."""
