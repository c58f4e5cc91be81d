"""What Wireshark's own dissector says of the same messages: an independent judge, and where the export puts them."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from capture import pcapng, upper_pdu
from decoder import catalog
from decoder.decode import Decoder
from decoder.events import Frame
from decoder.protocols.frames import gsm7, sms
from tests import sms_pdus, sms_session
from tests.helpers import chunks_of, records, tshark
from wireshark.export import export

pytestmark = pytest.mark.outside
MESSAGES = 400
LETTERS = sorted({*gsm7.DEFAULT.locking, *gsm7.DEFAULT.single.values()} - set("\x1b\r\n\f"))
WIDE = "abc äöü тест 你好世界 ăơ"
FIELDS = ("gsm_sms.sms_text", "gsm_sms.tp-oa", "gsm_sms.tp-da", "gsm_sms.scts.year", "gsm_sms.scts.month",
          "gsm_sms.scts.day", "gsm_sms.scts.hour", "gsm_sms.scts.minutes", "gsm_sms.scts.seconds")  # fmt: skip


def generated(draw: random.Random) -> tuple[bytes, sms.Side]:
    """A message without a service centre, and who says it."""
    part = sms_pdus.part8(draw.randrange(256), 2, 1) if draw.random() < 0.3 else b""
    if draw.random() < 0.5:
        body = sms_pdus.gsm7_body("".join(draw.choices(LETTERS, k=draw.randrange(1, 60))), part)
    else:
        body = sms_pdus.ucs2_body("".join(draw.choices(WIDE, k=draw.randrange(1, 30))), part)
    number = "".join(draw.choices("0123456789", k=draw.randrange(3, 16)))
    if draw.random() < 0.5:
        zone = timezone(timedelta(minutes=15 * draw.randrange(-48, 57)))
        moment = datetime(2000, 1, 1, tzinfo=zone) + timedelta(seconds=draw.randrange(10**9))
        return sms_pdus.deliver(number, moment, body), "module"
    return sms_pdus.submit(number, draw.randrange(256), body, validity=bytes([draw.randrange(256)]), form=2), "mcu"


def test_wireshark_reads_the_same_in_what_is_generated(tmp_path: Path) -> None:
    draw = random.Random(23040)
    made = [generated(draw) for _ in range(MESSAGES)]
    path = tmp_path / "messages.pcapng"
    with path.open("wb", buffering=0) as stream:
        writer = pcapng.Writer(stream, "test")
        wire = writer.add_interface("sms", "", link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU)
        for raw, side in made:
            network: sms.Side = "mcu" if side == "module" else "module"
            writer.packet(wire, 0, upper_pdu.header("gsm_sms", network) + raw, direction=pcapng.INBOUND)
    options = ("-o", "gsm_sms.reassemble:FALSE", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f")
    shown = tshark(path, *options, *(word for name in FIELDS for word in ("-e", name)), plugin=False).splitlines()
    assert len(shown) == MESSAGES
    zones = iter(re.findall(r"Timezone: (.*)", tshark(path, "-O", "gsm_sms", plugin=False)))
    for (raw, side), line in zip(made, shown, strict=True):
        text, sender, receiver, *clock = line.split("\t")
        fields = sms.decode(b"\0" + raw, side, len(raw)).fields
        assert text.replace("\\\\", "\\") == fields["text"]
        assert (sender or receiver).split("(")[-1].rstrip(")") == fields["number"]
        if side == "module":
            moment = datetime.fromisoformat(fields["time_iso"])
            assert [int(one) for one in clock] == [int(one) for one in moment.strftime("%y %m %d %H %M %S").split()]
            quarters = (moment.utcoffset() or timedelta()) // timedelta(minutes=15)
            sign = "-" if quarters < 0 else "+"
            assert next(zones) == f"GMT {sign} {abs(quarters) // 4} hours {abs(quarters) % 4 * 15} minutes"


def test_an_export_shows_messages_and_decodes_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "sms.pcapng"
    session = sms_session.session()
    export(session, Decoder(catalog.load()), path)
    assert records(chunks_of(path)) == records(session)
    shown = tshark(
        path, "-Y", "gsm_sms", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", "-e", "frame.interface_name",
        "-e", "gsm_sms.tp-mti", "-e", "gsm_sms.sms_text", plugin=False,
    ).splitlines()  # fmt: skip
    assert all(line.startswith("sms\t") for line in shown)
    texts = [line.split("\t")[2] for line in shown]
    assert f"{sms_session.LONG[:150]}|{sms_session.LONG[150:]}" in texts
    assert "您的余额为12.34元。" in texts
    assert tshark(path, "-Y", "gsm_sms && _ws.malformed", plugin=False) == ""
    pdus = [one for one in records(session) if isinstance(one, Frame) and one.protocol == "sms" and one.data]
    assert len(shown) == sum("mode" not in one.fields for one in pdus)
