"""Redaction of lines as many makers' modules speak them: the lines are the oracle, none of the code's tables is asked."""

from __future__ import annotations

import base64
import gzip
import re
import time
from pathlib import Path

import pytest

from tests.helpers import run

LINES = """
AT+CPIN=«2026»
AT+CPIN="«1024»","«0815»"
AT+CLCK="SC",1,"«4711»"
AT+CPWD="SC","«1234»","«98765432»"
AT+CGAUTH=1,1,"«webuser»","«s3cr3t!pw»"
AT+CGAUTH=1,2,"«wap»","«wap»"
AT+QICSGP=1,1,"apn.example","«joe»","«hunter22»"
AT+CSTT="apn.example","«guest»","«g»"
AT+SAPBR=3,1,"PWD","«kaffee»"
AT+SAPBR=3,1,"USER","«m2m-user»"
AT+UPSD=0,2,"«u-bloxer»"
AT+UPSD=0,3,"«p4ss»"
AT+UAUTHREQ=1,1,"«telit-user»","«pw»"
AT+KCNXCFG=1,"GPRS","apn.example","«sierra»","«wireless1»"
AT^SICS=0,"passwd","«cinterion»"
AT^SISS=0,"passwd","«hcLAS7»"
AT#SGACT=1,1,"«easy»","«gprs0»"
AT+CWJAP="«HomeNet 5G»","«correct horse»"
AT+CWJAP_DEF="«Cafe»","«latte»"
AT+CWSAP="«meter-ap»","«87654321»",5,3
AT+CMQTTCONNECT=0,"tcp://broker.example:1883",60,1,"«device7»","«mqttpw»"
AT+SMCONF="PASSWORD","«zXy9Kq»"
AT+UMQTT=4,"«mqtt-user»","«mqtt-pass»"
AT+QMTCONN=0,"client-name","«qmt-user»","«qmt-pass»"
AT+QMTCFG="aliauth",0,"«a1Product»","«gateway-01»","«d41d8cd98f00b204»"
AT+QSSLCFG="psk",2,"«identity-7»","«4b65795f313233»"
AT+QFTPCFG="account","«ftp-joe»","«ftp-pw»"
AT+FTPUN="«anna»"
AT+FTPPW="«passw0rt»"
AT+CFTPSLOGIN="host.example",21,"«ftpuser»","«ftppass»",0
AT+CNUM
+CNUM: "","«+4915112345678»",145
AT+CPBR=1
+CPBR: 1,"«+33612345678»",145,"«Marie Curie»"
+CLIP: "«+447700900123»",145,,,,0
+CMT: "«+14155550123»",,"26/01/02,03:04:05+04"
AT+CLCC
+CLCC: 1,1,0,0,0,"«+4917012345678»",145
AT+CUSD=1,"«*100*1234#»",15
+CUSD: 0,"«Your balance is 12.34 EUR»",15
AT+CRSM=176,28423,0,0,9
+CRSM: 144,0,"«080910101032547698»"
AT+CSIM=14,"«00A40004026F07»"
AT+QGPSLOC=2
+QGPSLOC: 061951.0,«52.51634»,«13.37771»,1.7,34.0,2,0.00,0.0,0.0,020126,05
AT+CGNSINF
+CGNSINF: 1,1,20260102030405.000,«52.516340»,«13.377710»,34.0
AT+NOBODYKNOWS="«a secret of mine»",3
AT$VENDOR=1,"«vendor-pass»",«aabbccdd00112233»
AT%XUNKNOWN=«4915198765432»
AT+FOOBAR="say \\"«hidden word»\\""
AT^PRIVATE="«Grüße-geheim»"
"""
KEPT = ("AT+CSQ\n+CSQ: 20,99\n", "+CREG: 0,1", "+CME ERROR: 10")

LONG = 6


def _dialogue() -> tuple[str, list[tuple[int, int, int]]]:
    """The lines of LINES, and where the secrets stand in them: the line, from which column to which."""
    lines: list[str] = []
    secrets: list[tuple[int, int, int]] = []
    for line in LINES.strip().splitlines():
        plain = line.replace("«", "").replace("»", "")
        for piece in line.split("|"):
            column = 0
            for part in re.split("([«»])", piece):
                if part == "«":
                    secrets.append((len(lines), column, column))
                elif part == "»":
                    secrets[-1] = (*secrets[-1][:2], column)
                else:
                    column += len(part)
            lines.append(piece.replace("«", "").replace("»", ""))
        if (plain.startswith("AT") and "=" in plain) or (
            plain.startswith("+") and not plain.startswith(("+CLIP", "+CMT"))
        ):
            lines.append("OK")
    return "\n".join(
        [*lines, "AT+CSQ", "+CSQ: 20,99", "OK", "AT+CREG?", "+CREG: 0,1", "OK", "AT+CFUN=9", "+CME ERROR: 10", ""]
    ), secrets


@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_many_makers(packed: bool, tmp_path: Path) -> None:
    text, secrets = _dialogue()
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    done = run("redact", before, "-o", after)
    assert done.returncode == 0, done.stderr
    made = after.read_text()
    assert len(made) == len(text)
    old, new = text.splitlines(), made.splitlines()
    assert len(secrets) >= 70
    for number, start, end in secrets:
        assert new[number][start:end] != old[number][start:end], (old[number], new[number])
        if end - start >= LONG:  # a shorter one may stand elsewhere by chance
            assert old[number][start:end] not in made, (old[number], new[number])
    for kept in KEPT:
        assert kept in made


def test_a_report_without_secrets(tmp_path: Path) -> None:
    """What a page says is compressed inside it: its data is unpacked and searched."""
    text, _ = _dialogue()
    before, page = tmp_path / "before", tmp_path / "page.html"
    before.write_text(text)
    secrets = (b"hunter22", b"s3cr3t!pw", b"correct horse", b"4915112345678", b"vendor-pass", b"080910101032547698")
    for options, held in (((), True), (("--redact",), False)):
        done = run("report", before, "-o", page, *options)
        assert done.returncode == 0, done.stderr
        whole = page.read_bytes()
        for packed in re.findall(rb"H4sI[A-Za-z0-9+/=]+", whole):
            whole += gzip.decompress(base64.b64decode(packed))
        assert [one in whole for one in secrets] == [held] * len(secrets)


def test_a_short_secret_is_replaced_only_where_it_stands(tmp_path: Path) -> None:
    """A PIN that is also a year, a port and a length, in a log that is full of them."""
    before, after = tmp_path / "before", tmp_path / "after"
    text = "".join(
        f"2026-01-02 03:04:{second:02}.000 {line}\n"
        for second, line in enumerate(("> AT+CPIN=2026", "< OK", "> AT+CSQ", "< +CSQ: 20,99", "< OK"))
    )
    before.write_text(text)
    done = run("redact", before, "-o", after)
    assert done.returncode == 0, done.stderr
    made = after.read_text()
    assert made.count("2026") == 5
    assert "CPIN=2026" not in made


@pytest.mark.slow
def test_the_cost_grows_with_the_size_alone(tmp_path: Path) -> None:
    """Every sentence is a secret of its own: four times as many cost less than eight times as much."""
    spent = []
    for count in (250, 1000):
        body = "".join(
            f"$GPRMC,0{i % 86400:05},A,{5200 + i % 60}.{i:05},N,{1300 + i % 60:05}.{i:05},E,0.0,0.0,020126,,,A*00\r\n"
            for i in range(count)
        )
        before = tmp_path / f"before{count}"
        before.write_bytes(b"AT+CSQ\r\n+CSQ: 20,99\r\nOK\r\n" + body.encode())
        start = time.process_time()
        done = run("redact", before, "-o", tmp_path / f"after{count}")
        spent.append(time.process_time() - start)
        assert done.returncode == 0, done.stderr
    assert spent[1] < 8 * spent[0]
