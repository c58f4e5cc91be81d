"""Positions: what makers' answers and NMEA sentences say of where the module is, as one kind of record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.events import Frame, Position
from decoder.protocols.frames import nmea
from decoder.protocols.places import degrees, instant
from tests.helpers import events
from tests.test_findings import talked


def positions(text: str) -> list[Position]:
    return [one for one in events(talked(text)) if isinstance(one, Position)]


def asked(command: str, answer: str) -> str:
    return f"0 > AT{command}\n0.1 < {answer}\n0.2 < OK"


SHANGHAI = (31.22151, 121.35441)


@pytest.mark.parametrize(
    ("text", "place", "fix", "more"),
    [
        (asked("+CGNSINF", "+CGNSINF: 1,1,20230421093427.000,31.22151,121.35441,12.4,36.0,90.5,1,,0.8,1.1,0.7,,12,9,,,38,,"), SHANGHAI, "fixed",
         {"altitude_m": 12.4, "time_iso": "2023-04-21T09:34:27Z", "satellites": 9, "speed_kmh": 36.0, "course": 90.5}),
        (asked("+CGNSINF", "+CGNSINF: 1,0,,,,,,,,,,,,,,,,,,,"), None, "none", {}),
        (asked("+CGPSINFO", "+CGPSINFO: 3113.290600,N,12121.264600,E,210423,093427.0,12.4,10.0,90.5"), SHANGHAI, "fixed",
         {"altitude_m": 12.4, "time_iso": "2023-04-21T09:34:27Z", "speed_kmh": 18.52}),
        (asked("+CGPSINFO", "+CGPSINFO: ,,,,,,,,"), None, "none", {}),
        (asked("+CGPSINFO", "+CGPSINFO: 3351.123400,S,15112.567800,W,210423,093427.0,12.4,0.0,0.0"), (-33.852057, -151.209463), "fixed", {}),
        (asked("+CGNSSINFO", "+CGNSSINFO: 2,09,05,00,3113.290600,N,12121.264600,E,131117,091918.0,32.9,0.0,255.0,1.1,0.8,0.7"), SHANGHAI, "2D",
         {"satellites": 9, "time_iso": "2017-11-13T09:19:18Z", "course": 255.0}),
        (asked("+QGPSLOC=0", "+QGPSLOC: 093427.0,3113.2906N,12121.2646E,1.2,12.4,3,090.50,36.0,19.4,210423,09"), SHANGHAI, "3D",
         {"altitude_m": 12.4, "satellites": 9, "speed_kmh": 36.0, "time_iso": "2023-04-21T09:34:27Z"}),
        (asked("+QGPSLOC=1", "+QGPSLOC: 093427.0,3113.290600,N,12121.264600,E,1.2,12.4,3,090.50,36.0,19.4,210423,09"), SHANGHAI, "3D", {}),
        (asked("+QGPSLOC=2", "+QGPSLOC: 093427.000,31.22151,121.35441,1.2,12.4,2,90.5,36.0,19.4,210423,09"), SHANGHAI, "2D", {"course": 90.5}),
        (asked("$GPSACP", "$GPSACP: 093427.000,3113.2906N,12121.2646E,1.2,12.4,3,90.5,36.0,19.4,210423,09"), SHANGHAI, "3D", {"satellites": 9}),
        ("0 < +UULOC: 21/04/2023,09:34:27.000,31.22151,121.35441,12,25", SHANGHAI, "fixed", {"accuracy_m": 25.0, "time_iso": "2023-04-21T09:34:27Z"}),
        ('0 < #XGNSS: 31.22151,121.35441,12.4,3.1,10.0,90.5,"2023-04-21 09:34:27"', SHANGHAI, "fixed",
         {"accuracy_m": 3.1, "speed_kmh": 36.0, "time_iso": "2023-04-21T09:34:27Z"}),
        ("0 < +ZGPSR: 093427.0,31.22151,121.35441,1.2,12.4,3,90.5,36.0,19.4,210423,09", SHANGHAI, "3D", {}),
        ("0 < ^POSITION: 121.35441,31.22151,512", SHANGHAI, "fixed", {}),
        (asked("+CIPGSMLOC=1,1", "+CIPGSMLOC: 0,121.35441,31.22151,2023/04/21,09:34:27"), SHANGHAI, "fixed",
         {"by": "network", "time_iso": "2023-04-21T09:34:27Z"}),
        (asked("+MGNSSLOC", "+MGNSSLOC: 093427.0,3113.2906N,12121.2646E,1.2,12.4,3,90.5,36.0,19.4,210423,09"), SHANGHAI, "3D", {}),
    ],
)  # fmt: skip
def test_what_makers_say(text: str, place: tuple[float, float] | None, fix: str, more: dict[str, Any]) -> None:
    (one,) = positions(text)
    assert (one.latitude, one.longitude) == (place if place is not None else (None, None))
    assert one.fix == fix
    assert {key: getattr(one, key) for key in more} == more
    assert one.because in text


@pytest.mark.parametrize(
    "text",
    [
        "0 > AT+CGPSINFO=?\n0.1 < +CGPSINFO: (0-255)\n0.2 < OK",
        "0 > AT+QGPSLOC=0\n0.1 < +CME ERROR: 516",
        "0 < #XGNSS: 1,1",
        "0 > AT+CIPGSMLOC=1,1\n0.1 < +CIPGSMLOC: 404\n0.2 < OK",
        asked("+CGPSINFO", "+CGPSINFO: 9113.290600,N,12121.264600,E,210423,093427.0,12.4,0.0,0.0"),
    ],
)
def test_no_position(text: str) -> None:
    assert positions(text) == []


def sentences(*bodies: str, talker: str = "GP") -> list[str]:
    return [nmea.build(talker, *(body.split(",", 1)[0], body.split(",", 1)[1].split(","))).decode() for body in bodies]


GGA = "GGA,093427.00,3113.2906,N,12121.2646,E,1,09,0.8,12.4,M,9.7,M,,"
RMC = "RMC,093427.00,A,3113.2906,N,12121.2646,E,19.4,90.5,210423,,,A"
GSA = "GSA,A,3,05,12,21,22,30,09,18,06,14,,,,1.2,0.8,0.9"


def test_sentences_of_a_second_are_one_position() -> None:
    lines = [
        *sentences(GGA, GSA, "GSV,1,1,01,05,40,083,41", RMC),
        *sentences(GGA.replace("27.00", "28.00"), RMC.replace("27.00", "28.00")),
    ]
    text = "\n".join(
        f"{0.05 * number if number < 4 else 1 + 0.05 * number} < {line}" for number, line in enumerate(lines)
    )
    first, second = positions(text)
    assert (first.latitude, first.longitude, first.fix, first.altitude_m, first.satellites) == (
        *SHANGHAI,
        "3D",
        12.4,
        9,
    )
    assert (first.time_iso, first.speed_kmh, first.course) == ("2023-04-21T09:34:27Z", 35.929, 90.5)
    assert (second.time_iso, second.fix) == ("2023-04-21T09:34:28Z", "fixed")
    assert len([one for one in events(talked(text)) if isinstance(one, Frame)]) == 6


def test_sentences_without_a_fix() -> None:
    gga = sentences("GGA,093427.00,,,,,0,00,99.9,,,,,,")[0]
    (one,) = positions(f"0 < {gga}")
    assert (one.latitude, one.fix, one.time_iso) == (None, "none", "09:34:27Z")
    assert positions(f"0 < {sentences('GSV,1,1,01,05,40,083,41')[0]}") == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ('+QGPSGNMEA="RMC"', "+QGPSGNMEA: {}"), ("+UGRMC?", "+UGRMC: 1,{}"), ("$MYGPSPOS=4", "$MYGPSPOS: {}"),
        ("+QGPSGNMEA=\"RMC\"", "{}"),
    ],
)  # fmt: skip
def test_sentences_in_answers(command: str, answer: str) -> None:
    (one,) = positions(asked(command, answer.format(sentences(RMC)[0])))
    assert (one.latitude, one.longitude, one.time_iso) == (*SHANGHAI, "2023-04-21T09:34:27Z")


@given(
    st.floats(-90, 90), st.sampled_from(["degrees", "minutes", "apart", "in front"]), st.integers(4, 6),
)  # fmt: skip
def test_coordinates_come_back(value: float, how: str, places: int) -> None:
    side, absolute = "S" if value < 0 else "N", abs(value)
    whole = int(absolute)
    minutes = f"{whole:02}{min((absolute - whole) * 60, 59.9999):07.4f}"
    text, apart = {
        "degrees": (f"{value:.{places}f}", ""), "minutes": (minutes + side, ""), "apart": (minutes, side), "in front": (f"{side}{absolute:.{places}f}", ""),
    }[how]  # fmt: skip
    read = degrees(text, "latitude", apart)
    assert read is not None
    assert read == pytest.approx(value, abs=2e-4)


@pytest.mark.parametrize("text", ["", "N", "91.0", "9160.0N", "12.5E", "1e5", "٣١.٢", "-", "999999.1"])
def test_no_latitude(text: str) -> None:
    assert degrees(text, "latitude") is None


@pytest.mark.parametrize(
    ("date", "time", "said"),
    [
        ("210423", "093427.000", "2023-04-21T09:34:27Z"),
        ("2023/04/21", "09:34:27.25", "2023-04-21T09:34:27.25Z"),
        ("21/04/2023", "09:34:27", "2023-04-21T09:34:27Z"),
        ("", "20230421093427.000", "2023-04-21T09:34:27Z"),
        ("2023-04-21 09:34:27", "", "2023-04-21T09:34:27Z"),
        ("210499", "093427", "1999-04-21T09:34:27Z"),
        ("", "093427", "09:34:27Z"),
        ("310223", "093427", "09:34:27Z"),
        ("210423", "", None),
        ("210423", "253427", None),
        ("", "235960", "23:59:60Z"),
    ],
)
def test_times(date: str, time: str, said: str | None) -> None:
    assert instant(date, time) == said


def test_it_stands_behind_its_command() -> None:
    text = asked(
        "+CGNSINF", "+CGNSINF: 1,1,20230421093427.000,31.22151,121.35441,12.4,36.0,90.5,1,,0.8,1.1,0.7,,12,9,,,38,,"
    )
    kinds = [type(one).__name__ for one in events(talked(text))]
    assert kinds.index("Position") > kinds.index("Transaction")
    assert len(positions(text.removesuffix("\n0.2 < OK"))) == 1
