"""What lines do beyond themselves, as dialect files say it: to connections, groups, images, and frames not seen.

Followers read this; the session passes it on.
"""

from __future__ import annotations

from typing import Literal

import msgspec

InferredFrame = Literal[
    "mqtt.connect", "mqtt.connack", "mqtt.publish", "mqtt.puback", "mqtt.pubrec", "mqtt.pubrel", "mqtt.pubcomp",
    "mqtt.subscribe", "mqtt.suback", "mqtt.unsubscribe", "mqtt.unsuback", "mqtt.pingreq", "mqtt.pingresp",
    "mqtt.disconnect", "coap.request", "coap.response", "coap.ack", "http.request", "http.response", "lwm2m.object",
    "lwm2m.register", "lwm2m.registered", "lwm2m.update", "lwm2m.deregister", "lwm2m.read", "lwm2m.observe",
    "lwm2m.discover", "lwm2m.execute", "lwm2m.parameter", "lwm2m.write", "lwm2m.response", "lwm2m.observe-response",
    "lwm2m.read-response", "lwm2m.discover-response", "lwm2m.notify", "lwm2m.notified",
]  # fmt: skip


class LineSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command or URC with these parameters ("a|b": either line, either value)."""

    line: str
    where: dict[str, str | int] = {}

    @property
    def names(self) -> list[str]:
        """The names of the lines that are meant."""
        return self.line.split("|")


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


class OpensSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command that opens a connection: the parameter ``key`` names it, ``transport`` tells the transport.

    ``udp``: the values of ``transport`` that mean datagrams; all others are streams. ``address``, ``port`` and
    ``local_port`` name parameters. ``answer``: the line that says whether it was opened; without one, the OK does.
    ``key`` may be a parameter of that line. ``later``: it is a socket that leads nowhere yet; a stream is open when a
    command that ``leads`` somewhere is done.
    """

    transport: str
    udp: list[int | str]
    key: str = "connect_id"
    address: str = ""
    port: str = ""
    local_port: str = ""
    answer: LineSpec | None = None
    later: bool = False


class LeadsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command that says where the connection ``key`` leads, which another command opens, before or after it.

    ``address`` and ``port`` name parameters; or ``url`` names one like ``scheme://host:port``, and ``udp`` lists the
    schemes that mean datagrams. ``answer``: the line that says that it leads there; without one, the OK does.
    """

    key: str = "connect_id"
    address: str = ""
    port: str = ""
    url: str = ""
    udp: list[str] = []
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

    ``waiting``: the one that holds how many bytes wait in all, with those of earlier URCs. ``dropped`` names the
    parameter that holds how many bytes were lost because the buffer was full. ``tcp`` and ``udp``: parameters that tell
    the transport of a connection whose opening was not recorded.
    """

    bytes: str = ""
    waiting: str = ""
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


class PositionSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A line that says where the module is: which of its parameters says what, those of these names if none is given.

    ``by``: what found the place. ``when``: with these values of its parameters it says a place at all; ``valid``:
    without these the place is not known. ``north_south``, ``east_west``: sides, where they stand apart. ``date`` and
    ``time`` (UTC), either may hold both.
    """

    by: Literal["gnss", "network"] = "gnss"
    when: dict[str, list[int | str]] = {}
    valid: dict[str, list[int | str]] = {}
    latitude: str = "latitude"
    longitude: str = "longitude"
    north_south: str = "north_south"
    east_west: str = "east_west"
    altitude: str = "altitude"
    date: str = "date"
    time: str = "utc"
    fix: str = "fix"
    satellites: str = "satellites"
    accuracy: str = "accuracy"
    speed: str = "speed"
    speed_unit: Literal["km/h", "kn", "m/s"] = "km/h"
    course: str = "course"


class FileSpec(msgspec.Struct, forbid_unknown_fields=True):
    """Payload that is a file, or a part of one, or (``content``) the parameter of the command that holds it.

    ``does``: it "carries" the file, or "opens" or "closes" it under a handle, the parameter ``key``. ``name``: what
    names it, one parameter or several. ``kind``: what it is, if its own first line does not tell. ``size``: its size in
    bytes. Of parts, ``offset`` says where one belongs, ``remaining`` how many bytes come behind it, ``append`` for
    which values it goes behind what is there. ``checksum``: what the answer says of it, made as ``digest`` tells:
    "xor16" of pairs of bytes, the first of each the high one; "md5", of PEM of what is in it.
    """

    does: Literal["carries", "opens", "closes"] = "carries"
    name: str = "file_name"
    kind: Literal["file", "certificate", "private key"] = "file"
    key: str = ""
    size: str = ""
    offset: str = ""
    remaining: str = ""
    append: dict[str, list[int | str]] = {}
    content: str = ""
    checksum: str = ""
    digest: Literal["xor16", "md5"] = "xor16"


class BringsSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command whose CONNECT is followed by raw bytes of the module, and then its answer and result.

    CONNECT may say how many. Else the answer behind them does (``counted``), or they end with an OK.
    """

    counted: bool = False


class BlockSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A command that asks for a block of the image; ``again``: parameters that ask for the last one once more.

    ``ends``: the command asks for none, but ends the transfer: "complete" if all has come, "always" in any case.
    """

    again: dict[str, list[int | str]] = {}
    ends: Literal["", "complete", "always"] = ""
