"""Any log is read as its writer would read it: composed at random, and one of each kind that programs and people write."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from atshark.sources.logs import HEAD, Log, open_log
from atshark.sources.logs.quoting import layers
from capture.errors import AtsharkError
from decoder.decode import Decoder
from decoder.events import Event, Finding, Transaction
from tests.helpers import as_json, cpu_seconds, run, standard
from tests.written import outcome, right, write

COUNT = int(os.environ.get("ATSHARK_WRITTEN_LOGS") or 120)
"""How many logs are composed; the full measure is 300."""


def opened(text: str) -> Log:
    data = text.encode()
    log = open_log(io.BytesIO(data), data[:HEAD], "a log", known=standard())
    assert log is not None
    return log


def decoded(log: Log) -> list[Event]:
    decoder = Decoder(standard())
    out: list[Event] = []
    for chunk in log.chunks():
        out += decoder.feed(chunk)
    return out + decoder.close()


def outcomes(text: str) -> list[tuple[str, str]]:
    return [(one.name, outcome(one)) for one in decoded(opened(text)) if isinstance(one, Transaction)]


def test_logs_composed_at_random() -> None:
    total = came_out = wrong = doubted = 0
    for seed in range(COUNT):
        written = write(seed)
        found: list[tuple[str, str]] = []
        doubt = "refused"
        try:
            log = opened(written.text)
            doubt = log.verdict.doubt
            found = [(one.name, outcome(one)) for one in decoded(log) if isinstance(one, Transaction)]
        except AtsharkError:
            pass
        good = right(written.expected, found)
        total += len(written.expected)
        came_out += good
        missed = len(written.expected) - good
        if missed > 1:
            wrong += missed
            doubted += missed if doubt else 0
    assert came_out >= 0.97 * total, (came_out, total)
    assert doubted >= 0.9 * wrong, (doubted, wrong)


KINDS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "what a program prints below a quoted record": ("1.0 [nb_send]\n\"AT+CSQ\"\n\n1.1 [nb_recv]\n\"+CSQ: 9,0\"\n\n1.2 [nb_recv]\n\"OK\"\n\n4.0 connecting to the server\n4.1 [nb_send]\n\"AT+CGATT=1\"\n\n4.1 heap free 51234\n4.2 [nb_recv]\n\"ERROR\"\n", [("CSQ", "OK"), ("CGATT", "ERROR")]),
    "bytes in quotes": ('Rx:"b\'AT+CSQ\\r\\r\\n\'"\nRx:"b\'+CSQ: 7,99\\r\\n\'"\nRx:"b\'OK\\r\\n\'"\n', [("CSQ", "OK")]),
    "a list of lines": ("write: AT+CFUN?\nresponse: ['+CFUN: 1', 'OK']\nwrite: AT+CGATT=1\nresponse: ['ERROR']\n", [("CFUN", "OK"), ("CGATT", "ERROR")]),
    "a list with the echo in it": ("DEBUG: write: ATZ\nDEBUG: response: ['ATZ\\r', 'OK']\nDEBUG: write: AT+CSQ\nDEBUG: response: ['AT+CSQ\\r', '+CSQ: 9,0', 'OK']\n", [("Z", "OK"), ("CSQ", "OK")]),
    "marks inside a literal": ("0 1 b'\\t---> AT+CSQ\\r\\n'\n0 2 b'\\t<--- +CSQ: 9,0\\r\\n'\n0 3 b'\\t---> AT+CFUN=1\\r\\n'\n0 4 b'\\t<--- OK\\r\\n'\n", [("CSQ", "shown"), ("CFUN", "OK")]),
    "quotes over several lines": ('x : Send "AT+CSQ"\nx : Receive "AT+CSQ\n\n+CSQ: 9,0\n\nOK\n"\nx : Send "ATE0"\nx : Receive "ATE0\nOK\n"\n', [("CSQ", "OK"), ("E", "OK")]),
    "words of a program": ('1 DEBUG Sending command: "b"AT+CPIN?\\r\\n""\n2 ERROR Received error response CmeError(10)\n3 DEBUG Sending command: "b"AT+CFUN=1\\r\\n""\n4 DEBUG Received OK\n', [("CPIN", "CME ERROR"), ("CFUN", "OK")]),
    "milliseconds behind": ("<- AT+CSQ (100)\n-> +CSQ: 9,0 (105)\n-> OK (110)\n<- AT+CFUN=4 (200)\n-> ERROR (201)\n", [("CSQ", "OK"), ("CFUN", "ERROR")]),
    "a mark alone on its line": ("[AT TX]:  AT+CSQ\n\n[AT RX]:\n+CSQ: 9,0\n\nOK\n\n[AT TX]:  ATE0\n\n[AT RX]:\nOK\n", [("CSQ", "OK"), ("E", "OK")]),
    "numbered steps": ("第1步 发:AT+CSQ\n\n\t+CSQ: 9,0\n\tOK\n\n第2步 发:AT+CFUN=9\n\n\t+CME ERROR: 4\n", [("CSQ", "OK"), ("CFUN", "CME ERROR")]),
    "text in front of a command": ("Waiting for network...AT+CREG?\n+CREG: 0,2\nOK\n[5023] ### Unhandled: OK\nAT+CSQ\n+CSQ: 9,0\nOK\n", [("CREG", "OK"), ("CSQ", "OK")]),
    "a result and the next command": ("AT+CSQ\n+CSQ: 9,0\nOKAT+CREG?\n+CREG: 0,1\nOK\n", [("CSQ", "OK"), ("CREG", "OK")]),
    "a remark": ("AT+CSQ\n+CSQ: 9,0 (that is a poor signal)\nOK\nAT+CGATT=1\nERROR    <-- here it fails every time\n", [("CSQ", "OK"), ("CGATT", "ERROR")]),
    "sentences around": ("My board hangs when it says AT+CWJAP= to the module, AT+GMR works.\n\nAT+CSQ\n+CSQ: 9,0\nOK\nAT+CGATT=1\nERROR\n\nThen I call AT+CFUN=1,1 and try again.\n", [("CSQ", "OK"), ("CGATT", "ERROR")]),
    "few results": ("> AT+CBC\n< +CBC: 0,6,3875\n> AT+CFUN=1\n< OK\n> AT+CGATT?\n< ERROR\n", [("CBC", "shown"), ("CFUN", "OK"), ("CGATT", "ERROR")]),
    "unanswered": ("TX: AT+CPIN?\nTX: AT+CSQ\nRX: +CSQ: 9,0\nRX: OK\n", [("CPIN", "none"), ("CSQ", "OK")]),
    "busy": ("TX: AT+CWJAP=\"a\",\"b\"\nTX: AT\nRX: busy p...\n", [("AT", "busy p..."), ("CWJAP", "none")]),
    "repeated until the module is up": ("AT\nAT\nAT\n\nOK\nAT+CSQ\nAT+CSQ\n+CSQ: 9,0\nOK\n", [("AT", "none"), ("AT", "none"), ("AT", "OK"), ("CSQ", "OK")]),
    "a hex dump of ESP-IDF": ("D (10) uart-tx: 0x3f419c18   41 54 0d                                          |AT.|\nD (20) uart-rx: 0x3ffc962c   0d 0a 4f 4b 0d 0a                                 |..OK..|\n", [("AT", "OK")]),
    "a hex dump of RT-Thread": ("[D/AT] send: 0000-0020: 41 54 0D       AT.\n[D/AT] recvline: 0000-0020: 4F 4B 0D 0A            OK..\n", [("AT", "OK")]),
    "chat on standard error": ("send (AT^M)\nexpect (OK)\nat^M^M\nOK -- got it\nsend (ATD*99#^M)\nexpect (CONNECT)\natd*99#^M^M\nNO CARRIER^M\n", [("AT", "OK"), ("D", "NO CARRIER")]),
    "modem_chat": ("[00:00:01.000,000] <dbg> modem_chat: modem_chat_script_next: s: step: 0\n[00:00:01.000,000] <dbg> modem_chat: modem_chat_script_next: sending: AT+CEREG?\n[00:00:01.100,000] <dbg> modem_chat: modem_chat_log_received_command: +CEREG:  0 1\n[00:00:01.101,000] <dbg> modem_chat: modem_chat_log_received_command: OK\n", [("CEREG", "OK")]),
    "a column around arrows": ("08:00:01.100 -> \t---> AT+CSQ\n08:00:01.200 -> \t<--- +CSQ: 9,0\n08:00:01.300 -> \t---> ATE0\n08:00:01.400 -> \t<--- OK\n", [("CSQ", "shown"), ("E", "OK")]),
    "entities of HTML": ("TX: AT+CSQ&lt;CR&gt;\nRX: &lt;CR&gt;&lt;LF&gt;+CSQ: 9,0&lt;CR&gt;&lt;LF&gt;&lt;CR&gt;&lt;LF&gt;OK&lt;CR&gt;&lt;LF&gt;\nTX: AT&lt;CR&gt;\nRX: &lt;CR&gt;&lt;LF&gt;OK&lt;CR&gt;&lt;LF&gt;\n", [("CSQ", "OK"), ("AT", "OK")]),
    "a quoted mail": ("> AT+CSQ\n> +CSQ: 9,0\n> OK\n> AT\n> OK\n", [("CSQ", "OK"), ("AT", "OK")]),
    "full-width punctuation": ("AT+CSQ\n+CSQ:9,0\nOK\nAT+CGATT?\n+CGATT:1\nOK\n", [("CSQ", "OK"), ("CGATT", "OK")]),
    "data mode that the log leaves": ("10 > ATD*99#\n20 < CONNECT\n30 > AT+CIMI\n40 < 001010123456789\n50 < OK\n", [("D", "CONNECT"), ("CIMI", "OK")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_of_each_kind(kind: str) -> None:
    text, expected = KINDS[kind]
    assert sorted(outcomes(text)) == sorted(expected)


def test_a_late_answer_is_known_by_its_name() -> None:
    text = (
        "12:00:01.000 TX: AT+CCLK?\n12:00:18.000 TX: ATD0770;\n"
        '12:00:18.300 RX: +CCLK: "26/01/06,00:04:11"\n12:00:18.310 RX: OK\n'
    )
    found = decoded(opened(text))
    assert [(one.name, outcome(one)) for one in found if isinstance(one, Transaction)] == [
        ("CCLK", "OK"),
        ("D", "none"),
    ]
    late = [one for one in found if isinstance(one, Finding) and one.rule == "answer.late"]
    assert len(late) == 1
    assert "17." in late[0].message


def test_an_answer_without_a_result_is_shown() -> None:
    found = [one for one in decoded(opened(KINDS["few results"][0])) if isinstance(one, Transaction)]
    first = as_json(found)[0]
    assert first["result"] is None
    assert first["shown"] is True
    assert not [
        one for one in decoded(opened(KINDS["few results"][0])) if isinstance(one, Finding) and "CBC" in one.message
    ]


DOUBTFUL = "TX: AT+CSQ\nTX: AT+CREG?\nTX: AT+CGATT?\nTX: AT+CIMI\nRX: xyzzy\nRX: plugh\nRX: fnord\n"


def test_doubt_comes_before_accusations() -> None:
    """What a wrong reading may explain as well accuses nobody."""
    found = [one for one in decoded(opened(DOUBTFUL)) if isinstance(one, Finding)]
    assert found[0].rule == "log.doubt"
    assert found[0].severity == "warning"
    assert not [one for one in found if one.severity == "error"]


def test_a_good_log_is_not_doubted() -> None:
    assert "log.doubt" not in [one.rule for one in decoded(opened(KINDS["few results"][0])) if isinstance(one, Finding)]


def test_why(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(KINDS["a list of lines"][0], "utf-8")
    said = run("decode", path, "--why").stdout.decode()
    assert "read as learned" in said
    assert '"write:" is the mcu' in said
    assert "2 of 2 commands with a result" in said
    assert "no doubt" in said


def test_a_reading_may_be_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("L: AT+CSQ\nR: +CSQ: 9,0\nR: OK\nL: AT\nR: OK\n", "utf-8")
    assert b'"name":"CSQ"' in run("decode", path, "--format", "jsonl", "--reading", "learned").stdout
    wrong = run("decode", path, "--reading", "nonsense")
    assert wrong.returncode == 2
    assert b"no reading is called nonsense; this log may be read as" in wrong.stderr
    turned = run("decode", path, "--format", "jsonl", "--sides", "L=module,R=mcu")
    assert b'"kind":"transaction"' not in turned.stdout
    assert run("decode", path, "--sides", "L=left").returncode == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"AT+CSQ"', ('"',)), ("b'OK\\r\\n'", ("'",)), ("\"b'AT+CSQ\\r\\n'\"", ('"', "'")), ("['a', 'OK']", ("[]",)), ("<AT>", ("<",)),
        ("<CR><LF>OK<CR><LF>", ()), ('"TCP","192.0.2.1"', ()), ("(AT+CSQ)", ("(",)), ("“AT”", ("“",)), ("OK", ()), ("", ()), ('"', ()),
    ],
)  # fmt: skip
def test_layers_of_quotes(text: str, found: tuple[str, ...]) -> None:
    assert layers(text) == found


SHAPES = {
    "one line": "10:00:{:02d}.000 TX: AT+CSQ\n10:00:{:02d}.020 RX: +CSQ: 9,0\n10:00:{:02d}.021 RX: OK\n",
    "no marks": "AT+CSQ\n+CSQ: 9,0\nOK\n",
    "below its mark": "[TX]:\nAT+CSQ\n[RX]:\n+CSQ: 9,0\nOK\n",
    "quoted over lines": 'Send "AT+CSQ"\nReceive "+CSQ: 9,0\nOK\n"\n',
    "lists": "write: AT+CSQ\nread: ['+CSQ: 9,0', 'OK']\n",
    "open quote": 'Send "AT+CSQ"\nReceive "+CSQ: 9,0\n',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_log_takes_linear_time(shape: str) -> None:
    """Twice the lines cost about twice the time."""

    def cost(times: int) -> float:
        text = "".join(SHAPES[shape].replace("{:02d}", f"{second % 60:02d}") for second in range(times))
        log = opened(text)
        return cpu_seconds(lambda: list(log.chunks()))

    short = min(cost(1500) for _ in range(3))
    assert min(cost(6000) for _ in range(2)) < 8 * short + 0.05


@pytest.mark.parametrize(
    "text", ["AT" + "[" * 60_000, '"' * 60_000, "TX: AT\n" + "RX: '" + "b'" * 30_000, "AT+CSQ " + "( a" * 20_000]
)
def test_long_lines_of_nothing_take_no_time(text: str) -> None:
    began = time.process_time()
    with suppress(AtsharkError):
        decoded(opened(text + "\nAT\nOK\n"))
    assert time.process_time() - began < 5
