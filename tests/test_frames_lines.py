"""Frames that lines are: NMEA sentences, and the configuration of AT+MIPLCREATE, whole and in parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.events import Frame
from decoder.protocols.frames import config, nmea
from decoder.protocols.frames.errors import NotThisFormatError
from tests.helpers import answer, command, records, talk

CONFIG = "130031F10003F2002304001100000000000000123138332E3233302E34302E34303A35363833000131F30008C000000000"
FIELD = st.text("ABC0123456789.-", max_size=9)
TEXT = st.binary(max_size=30)


def frames(*lines: tuple[str, bytes]) -> list[Frame]:
    return [one for one in records(talk(*lines)) if isinstance(one, Frame)]


def test_a_configuration_in_one_line() -> None:
    (found,) = frames(command(f"AT+MIPLCREATE=49,{CONFIG},0,49,0"), answer("+MIPLCREATE: 0", "OK"))
    assert (found.protocol, found.text) == ("onenet-config", "configuration 1.3, host 183.230.40.40:5683")
    assert found.fields["network"] == {
        "mtu": 1024,
        "flags": 17,
        "apn": "",
        "username": "",
        "password": "",
        "host": "183.230.40.40:5683",
        "user_data": "1",
    }
    assert (found.fields["system"], found.fields["log"]) == ("", "c000000000")


def test_a_configuration_in_parts() -> None:
    first, second, third = CONFIG[:40], CONFIG[40:80], CONFIG[80:]
    lines = [
        command(f"AT+MIPLCREATE=49,{first},2,20,1"),
        answer("OK"),
        command(f"AT+MIPLCREATE=49,{second},1,20,2"),
        answer("OK"),
        command(f"AT+MIPLCREATE=49,{third},0,9,0"),
        answer("+MIPLCREATE: 0", "OK"),
    ]
    assert [one.text for one in frames(*lines)] == ["configuration 1.3, host 183.230.40.40:5683"]


@given(st.integers(1, 65535), st.integers(0, 255), st.lists(TEXT, min_size=5, max_size=5))
def test_configurations_come_back(mtu: int, flags: int, texts: list[bytes]) -> None:
    names = ("apn", "username", "password", "host", "user_data")
    body = config.NET.build({"mtu": mtu, "flags": flags, **dict(zip(names, texts, strict=True))})
    built = config.build(0x13, [(config.SYSTEM, b""), (config.NETWORK, body)])
    _, fields = config.decode(built)
    assert (fields["network"]["mtu"], fields["network"]["flags"]) == (mtu, flags)
    for cut in (built[:-1], built + b"\0", b""):
        with pytest.raises(NotThisFormatError):
            config.decode(cut)


def test_nmea() -> None:
    gga = "$GPGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*5B"
    rmc = "$GPRMC,083559.00,A,4717.11437,S,00833.91522,W,0.004,77.52,091202,,,A*58"
    broken = gga.replace("1.01", "1.02")
    one, *rest = frames(*[("module", f"\r\n{line}\r\n".encode()) for line in (gga, broken)])
    assert rest == []
    assert (one.protocol, one.text) == ("nmea", "GP GGA at 47.285233, 8.565265")
    assert (one.fields["satellites"], one.fields["altitude"], one.fields["time"]) == ("08", 499.6, "092725.00")
    south = rmc.replace("*58", f"*{nmea.checksum(rmc[1:-3].encode()):02X}")
    assert nmea.decode(south.encode())[1]["latitude_degrees"] == -47.28524
    assert nmea.decode(b"$GNTXT,01,01,02,u-blox")[1]["checksum"] is None


@given(st.sampled_from(sorted(nmea.SENTENCES)), st.lists(FIELD, max_size=20))
def test_sentences_come_back(sentence: str, values: list[str]) -> None:
    built = nmea.build("GN", sentence, values)
    _, fields = nmea.decode(built)
    assert (fields["talker"], fields["sentence"]) == ("GN", sentence)
    with pytest.raises(NotThisFormatError):
        nmea.decode(built[:-2] + (b"00" if built[-2:] != b"00" else b"01"))


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    for decode in (nmea.decode, config.decode):
        for text in (data, b"$GPGGA," + data):
            try:
                decode(text)
            except NotThisFormatError:
                continue
