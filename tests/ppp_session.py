"""A dial-up session: LCP, PAP, IPCP, DNS and MQTT inside PPP. scapy builds its packets."""

from __future__ import annotations

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP

from capture.chunk import Chunk
from decoder.protocols.frames import ppp
from decoder.protocols.frames.ppp import PppPacket
from tests.helpers import answer, command, talk
from tests.test_sockets import CONNACK, CONNECT, publish

Said = tuple[str, bytes] | tuple[str, bytes, int]
HERE, THERE, NAMES = "10.64.0.2", "203.0.113.9", "10.64.0.1"


def control(side: str, protocol: int, code: int, number: int, data: bytes = b"") -> Said:
    return (side, ppp.wrap(ppp.build_control(protocol, code, number, data)), 30)


def ip(side: str, packet: object) -> Said:
    return (side, ppp.wrap(ppp.build(PppPacket(ppp.IP, bytes(packet)))), 30)  # type: ignore[call-overload]


def segment(side: str, sequence: int, acknowledged: int, flags: str, data: bytes = b"") -> Said:
    up = side == "mcu"
    source, target, sport, dport = (HERE, THERE, 40000, 6002) if up else (THERE, HERE, 6002, 40000)
    return ip(
        side,
        IP(src=source, dst=target) / TCP(sport=sport, dport=dport, seq=sequence, ack=acknowledged, flags=flags) / data,
    )


BEGIN: list[Said] = [command("AT+CSQ"), answer("+CSQ: 20,99", "OK"), command("ATD*99#"), answer("CONNECT 115200")]
NEGOTIATION: list[Said] = [
    control("mcu", ppp.LCP, 1, 1, ppp.build_options([(2, bytes(4)), (5, b"\1\2\3\4"), (7, b""), (8, b"")])),
    control("module", ppp.LCP, 2, 1, ppp.build_options([(2, bytes(4)), (5, b"\1\2\3\4"), (7, b""), (8, b"")])),
    control("module", ppp.LCP, 1, 1, ppp.build_options([(1, b"\x05\xdc"), (3, b"\xc0\x23")])),
    control("mcu", ppp.LCP, 2, 1, ppp.build_options([(1, b"\x05\xdc"), (3, b"\xc0\x23")])),
    control("mcu", ppp.PAP, 1, 1, b"\x04card\x04card"),
    control("module", ppp.PAP, 2, 1, b"\x05hello"),
    control("mcu", ppp.IPCP, 1, 1, ppp.build_options([(3, bytes(4)), (129, bytes(4))])),
    control("module", ppp.IPCP, 3, 1, ppp.build_options([(3, bytes([10, 64, 0, 2])), (129, bytes([10, 64, 0, 1]))])),
]
LOOKUP: list[Said] = [
    ip("mcu", IP(src=HERE, dst=NAMES) / UDP(sport=5353, dport=53) / DNS(id=7, qd=DNSQR(qname="mqtt.example.com"))),
    ip(
        "module",
        IP(src=NAMES, dst=HERE)
        / UDP(sport=53, dport=5353)
        / DNS(id=7, qr=1, qd=DNSQR(qname="mqtt.example.com"), an=DNSRR(rrname="mqtt.example.com", rdata=THERE, ttl=60)),
    ),
]
PUBLISH = publish(b"value 21.5 \x7e\x7d\x11\x13 end")
HANDSHAKE: list[Said] = [
    segment("mcu", 999, 0, "S"),
    segment("module", 4999, 1000, "SA"),
    segment("mcu", 1000, 5000, "A"),
]
END: list[Said] = [
    control("mcu", ppp.LCP, 5, 9, b"bye"),
    control("module", ppp.LCP, 6, 9),
    ("module", b"\r\nNO CARRIER\r\n", 300),
]


def mqtt_inside() -> list[Said]:
    """CONNECT in two segments that come in the wrong order, a damaged frame and its retransmission, FIN."""
    cut = 10
    damaged = segment("mcu", 1000 + len(CONNECT), 5004, "PA", PUBLISH)[1].replace(b"21.5", b"21.6")
    after = 1000 + len(CONNECT) + len(PUBLISH)
    return [
        *HANDSHAKE,
        segment("mcu", 1000 + cut, 5000, "PA", CONNECT[cut:]),
        segment("mcu", 1000, 5000, "PA", CONNECT[:cut]),
        segment("module", 5000, 1000 + len(CONNECT), "PA", CONNACK),
        ("mcu", damaged, 30),
        segment("mcu", 1000 + len(CONNECT), 5004, "PA", PUBLISH),
        segment("mcu", 1000 + len(CONNECT), 5004, "PA", PUBLISH),
        segment("module", 5004, after, "PA", bytes.fromhex("40020007")),
        segment("mcu", after, 5008, "FA"),
        segment("module", 5008, after + 1, "FA"),
    ]


def dialled() -> list[Said]:
    """From the dial command to NO CARRIER."""
    return [*BEGIN, *NEGOTIATION, *LOOKUP, *mqtt_inside(), *END]


def session() -> list[Chunk]:
    return talk(*dialled(), command("AT+CSQ"), answer("+CSQ: 20,99", "OK"))
