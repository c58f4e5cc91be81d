"""Text output: payload stands behind the command that it belongs to."""

from __future__ import annotations

import io

from atshark.render.console import Printer
from decoder.decode import Decoder
from decoder.events import Event
from tests.helpers import answer, command, standard, talk

OPEN = (command('AT+MIPOPEN=0,"TCP","203.0.113.9",1883'), answer("OK"), answer("+MIPOPEN: 0,0"))


def shown(*lines: tuple[str, bytes], end: bool = True) -> list[str]:
    decoder, stream = Decoder(standard()), io.StringIO()
    write = Printer(stream)
    for chunk in talk(*OPEN, *lines):
        write(decoder.feed(chunk))
    last: list[Event] = decoder.close() if end else []
    write(last)
    write.finish()
    return [line for line in stream.getvalue().splitlines() if any(mark in line for mark in "→⇒⇐")]


def test_payload_behind_its_command() -> None:
    found = shown(
        command('AT+MIPSEND=0,4,"ping"'), answer("+MIPSEND: 0,4", "OK"),
        command("AT+MIPSEND=0,4"), ("module", b"\r\n> "), ("mcu", b"pong"), answer("+MIPSEND: 0,4", "OK"),
        command("AT+CSQ"), answer("+CSQ: 17,99", "OK"),
    )  # fmt: skip
    assert [line[13] for line in found] == ["→", "→", "⇒", "→", "⇒", "→"]
    assert found[2].endswith("ping")
    assert found[4].endswith("pong")


def test_payload_of_a_command_without_an_end_is_shown_at_the_end() -> None:
    lines = command('AT+MIPSEND=0,4,"ping"'), command("AT+CSQ")
    assert [line[13] for line in shown(*lines)] == ["→", "→", "⇒", "→"]
    assert [line[13] for line in shown(*lines, end=False)] == ["→", "⇒"]
