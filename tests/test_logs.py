"""Text logs: told apart, read as what was said, whoever wrote them down and however they were pasted."""

from __future__ import annotations

import difflib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atshark.sources import open_source
from atshark.sources.logs import HEAD, open_log
from atshark.sources.logs.times import Clock
from atshark.sources.notes import Note, in_language
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from tests.helpers import SAMPLES, compact, events, examples, messages, records, rules, run, sample_files
from tests.make_logs import FOLDER, WRITERS, at, conversation, lines_of, written
from tests.make_samples import GOLDEN, golden_lines

SAID = compact(records([Chunk(int(at(ms).timestamp() * 1e9), side, data) for ms, side, data in conversation()]))
ONE_WIRE = {"saleae-one-wire"}


def read(text: str | bytes, name: str = "a log") -> tuple[list[Chunk], list[str], str]:
    data = text.encode() if isinstance(text, str) else text
    log = open_log(io.BytesIO(data), data[:HEAD], name)
    assert log is not None
    return list(log.chunks()), log.notes, log.format


@pytest.mark.parametrize("name", WRITERS)
def test_a_log_of_each_program(name: str) -> None:
    """It is recognised, by its own format and no other, and says what was said."""
    path = FOLDER / f"{name}.txt"
    assert path.read_bytes() == written(name), "run python -m tests.make_logs"
    with open_source(str(path)) as source:
        said = compact(records(source))
        assert source.format == WRITERS[name][0]
        assert source.notes
    if name not in ONE_WIRE:
        assert said == SAID
    assert list(golden_lines(path)) == (GOLDEN / "logs" / f"{name}.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("name", [name for name in WRITERS if "timed" in name or WRITERS[name][0] in
    ("sscom", "assistant", "docklight", "socat", "xxd", "modemmanager", "qcom", "realterm", "coolterm", "teraterm")])  # fmt: skip
def test_times(name: str) -> None:
    with open_source(str(FOLDER / f"{name}.txt")) as source:
        times = [chunk.time_ns for chunk in source]
    first, last = times[0], times[-1]
    assert first is not None
    assert last is not None
    begin = int(at(0).timestamp() * 1000)
    assert first // 1_000_000 % 86_400_000 == begin % 86_400_000
    assert (last - first) // 1_000_000 == conversation()[-1][0]
    if WRITERS[name][0] != "sscom":
        assert first // 1_000_000 == begin


def lines(chunks: list[Chunk]) -> list[tuple[Side, bytes]]:
    """The lines that a terminal would show, and who said each."""
    return [
        (one.side, bytes(byte if 32 <= byte < 127 else 63 for byte in line).strip())
        for one in messages(events(chunks))
        for line in re.split(rb"[\r\n]+", one.raw)
        if line.strip()
    ]


@pytest.mark.slow
def test_directions_of_logs_without_marks() -> None:
    """The marks of every sample are removed: the lines must still be given to who said them."""
    total = right = 0
    files = [path for path in sample_files() if path.stem not in ("binary", "ppp", "cmux", "damaged")]
    for path in [*files, *FOLDER.glob("*.txt")]:
        if path.stem in ONE_WIRE:
            continue
        with open_source(str(path)) as source:
            wanted = lines(list(source))
        chunks, _, _ = read(b"".join(line + b"\n" for _, line in wanted))
        matcher = difflib.SequenceMatcher(None, wanted, lines(chunks), autojunk=False)
        total += len(wanted)
        right += sum(block.size for block in matcher.get_matching_blocks())
    assert total > 3000
    assert right >= 0.99 * total, (right, total)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (  # an answer that the logger has cut into pieces
            "10:00:00.100 TX: AT+CSQ\n10:00:00.110 RX: +CS\n10:00:00.112 RX: Q: 20,99\n10:00:00.114 RX: O\n10:00:00.116 RX: K\n"
            '10:00:01.100 TX: AT+COPS?\n10:00:01.110 RX: +COPS: 0,2,"460\n10:00:01.112 RX: 00",7\n10:00:01.114 RX: OK\n',
            [("CSQ", "OK"), ("COPS", "OK")],
        ),
        (  # echo, answer and result joined in one record
            'TX: AT+MQTTSUB="dev/gsm/u",2\nRX: OK +MQTTSUBACK: 5,2\nTX: AT+CSQ\nRX: AT+CSQ +CSQ: 20,99 OK\nTX: AT+CEREG?\nRX: +CEREG: 0,1 OK\n',
            [("MQTTSUB", "OK"), ("CSQ", "OK"), ("CEREG", "OK")],
        ),
        (  # a logger that sees one wire and marks echo and answer alike
            "2024-05-01 10:00:00.100 <- AT+CSQ\n2024-05-01 10:00:00.110 <- +CSQ: 20,99\n2024-05-01 10:00:00.111 <- OK\n",
            [("CSQ", "OK")],
        ),
        ("-> AT+CSQ\n<- AT+CSQ\n<- +CSQ: 20,99\n<- OK\n-> AT\n<- AT\n<- OK\n", [("CSQ", "OK"), ("AT", "OK")]),
        (  # a log of somebody's own, with escapes
            '10:00:00 INFO modem write: "AT+CSQ\\r\\n"\n10:00:00 INFO modem read: "\\r\\n+CSQ: 20,99\\r\\n\\r\\nOK\\r\\n"\n'
            '10:00:01 INFO modem write: "AT+CGMM\\r\\n"\n10:00:01 INFO modem read: "\\r\\nML307R\\r\\n\\r\\nOK\\r\\n"\n10:00:02 INFO app: other: 5\n',
            [("CSQ", "OK"), ("CGMM", "OK")],
        ),
        (  # Python's way to show bytes
            "DEBUG:serial:b'AT+CSQ\\r'\nDEBUG:serial:got b'\\r\\n+CSQ: 20,99\\r\\n'\nDEBUG:serial:got b'\\r\\nOK\\r\\n'\n"
            "DEBUG:serial:b'AT+CGMM\\r'\nDEBUG:serial:got b'\\r\\nML307R\\r\\n'\nDEBUG:serial:got b'\\r\\nOK\\r\\n'\n",
            [("CSQ", "OK"), ("CGMM", "OK")],
        ),
        (  # typographic quotes, a comment behind a command
            "AT+IMQTTPARA=“TIMEOUT”,2\nOK\nAT+IMQTTCONN // connect now\nOK\n",
            [("IMQTTPARA", "OK"), ("IMQTTCONN", "OK")],
        ),
        ("[2021/05/01 10:11:12.123][Send] AT+CSQ\n[2021/05/01 10:11:12.143][Recv] +CSQ: 20,99\n[2021/05/01 10:11:12.144][Recv] OK\n", [("CSQ", "OK")]),
        ("[TX]10:22:33.001: 41 54 0D\n[RX]10:22:33.010: 0D 0A 4F 4B 0D 0A\n", [("AT", "OK")]),
        (  # numbers and tabs before everything
            "1\tTX\t10:00:00.001\tAT+CSQ\n2\tRX\t10:00:00.011\t+CSQ: 20,99\n3\tRX\t10:00:00.012\tOK\n4\tTX\t10:00:01.001\tAT\n5\tRX\t10:00:01.012\tOK\n",
            [("CSQ", "OK"), ("AT", "OK")],
        ),
        (  # marks that nobody listed
            "05-21 10:22:33.001 4 D Nb: [nb_send] AT+CFUN=1\n05-21 10:22:35.201 4 D Nb: [nb_recv] OK\n05-21 10:22:36.001 4 D Nb: [nb_send] AT+CSQ\n"
            "05-21 10:22:36.011 4 D Nb: [nb_recv] +CSQ: 20,99\n05-21 10:22:36.012 4 D Nb: [nb_recv] OK\n05-21 10:22:36.020 2 I Power: battery 3.6V\n",
            [("CFUN", "OK"), ("CSQ", "OK")],
        ),
        ('AT+CMGS="13800138000"\n> hello^Z\n+CMGS: 12\nOK\nAT+MIPSEND=0,5\n>\nhello\nOK\n', [("CMGS", "OK"), ("MIPSEND", "OK")]),
        (  # prose around a log
            "您好,我们的设备使用 M5310-A 模组,发送 MQTT 消息失败。\n日志如下:\nAT+MQTTOPEN=1,1,0,0,0,\"\",\"\"\nOK\n+MQTTOPEN: OK\n"
            'AT+MQTTPUB="dev/gsm/u",2,1,0,0,"update message"\n+CME ERROR: 602\n请问 602 是什么意思?谢谢!\n',
            [("MQTTOPEN", "OK"), ("MQTTPUB", "CME ERROR")],
        ),
        ("AT\r\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", [("AT", "OK"), ("CSQ", "OK")]),
        ("\x1b[32m> AT+CSQ\x1b[0m\n\x1b[36m< +CSQ: 20,99\x1b[0m\n\x1b[36m< OK\x1b[0m\n\x1b[32m> AT\x1b[0m\n\x1b[36m< OK\x1b[0m\n", [("CSQ", "OK"), ("AT", "OK")]),
    ],
)  # fmt: skip
def test_logs_of_people(log: str, said: list[tuple[str, str]]) -> None:
    found = records(read(log)[0])
    assert [(one[0], one[5]) for one in compact(found)] == said
    assert "noise" not in rules(found)


def test_payload_keeps_its_bytes() -> None:
    chunks, _, _ = read(
        "TX: AT+MIPSEND=0,5\nRX: >\nTX: hello\nRX: OK\nTX: AT+MIPSEND=0,7\nRX: >\nTX: a, b//c\nRX: OK\n"
    )
    assert [chunk.data for chunk in chunks if chunk.side == "mcu"][1::2] == [b"hello", b"a, b//c"]
    chunks, _, _ = read("AT+MIPSEND=0,9\n>\nabc\ndefg\nOK\n")
    assert b"".join(chunk.data for chunk in chunks if chunk.side == "mcu") == b"AT+MIPSEND=0,9\rabc\r\ndefg"


def test_encodings() -> None:
    text = '[发送] AT+CSQ\n[接收] +CSQ: 20,99\n[接收] OK\n[发送] AT+MIPSEND=0,6,"你好"\n[接收] OK\n'
    wanted = read(text)[0]
    for encoding in ("utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"):
        assert read(text.encode(encoding))[0] == wanted, encoding


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("AT+CSQ\n+CSQ: 20,99\nOK\n")
    done = run("decode", path)
    assert b"lines without marks" in done.stderr
    assert b"who spoke is told from what is said" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", b"is empty"),
        (b"just some text\nwithout any traffic\n", b"looks like AT traffic"),
        (bytes(range(256)) * 40, b"not an input that atshark knows"),
        (b"\0" * 5000, b"not an input that atshark knows"),
        (b"\n" * 5000, b"looks like AT traffic"),
        (b"x" * 300_000, b"looks like AT traffic"),
        (b'time,side,hex\n1,mcu,"' + b"31" * 200_000, b"looks like AT traffic"),
        (b'{"ts":1,"dir":"tx","data":"' + b"[" * 200_000 + b'"}\n' * 3, b"looks like AT traffic"),
        ((b"[" * 100_000 + b"\n") * 20, b"looks like AT traffic"),
    ],
)
def test_what_is_no_log(data: bytes, message: bytes, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(data)
    done = run("decode", path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_line_without_end_is_read_in_bounded_pieces() -> None:
    chunks, _, _ = read("TX: AT\nRX: OK\nTX: AT\nRX: " + "x" * 1_000_000 + "\nRX: OK\n")
    assert max(len(chunk.data) for chunk in chunks) < 200_000


@settings(max_examples=examples(150))
@given(
    st.one_of(
        st.binary(max_size=400),
        st.lists(st.sampled_from([
            "AT+CSQ", "OK", "+CSQ: 20,99", "TX: AT", "RX: OK", ">", "```", "[10:00:00.000]", "发→◇", "收←◆", "41 54 0D", "\\r\\n", "^M",
            "time,side,hex", "1,mcu,41", '{"ts":1,"dir":"tx","data":"AT"}', "I (12) a: TX: ", "'", '"', "\t", "12 | ", "(013)", "<CR>", " ", "",
        ]), max_size=30).map("\n".join).map(str.encode),
        st.lists(st.sampled_from(["TX:", "AT", " ", "\n", "RX: ", "+A:", "OK", '"', "\\x", "<0x4", "99:99:99.999", "2026-99-99 10:00:00 "]), max_size=40).map("".join).map(str.encode),
    )
)  # fmt: skip
def test_nothing_raises(data: bytes) -> None:
    try:
        log = open_log(io.BytesIO(data), data, "input")
        chunks = list(log.chunks()) if log is not None else []
    except AtsharkError:
        return
    assert all(chunk.data for chunk in chunks)
    records(chunks)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-07-21 08:21:05.631", 1784622065_631000000),
        ("[2026/07/21 08:21:05]", 1784622065_000000000),
        ("2026-07-21_08:21:05:631", 1784622065_631000000),
        ("21.07.2026 08:21:05.631", 1784622065_631000000),
        ("7/21/2026 8:21:05.631 AM", 1784622065_631000000),
        ("2026年07月21日 08:21:05", 1784622065_000000000),
        ("Tue Jul 21 08:21:05.631 2026", 1784622065_631000000),
        ("1784622065.631", 1784622065_631000000),
        ("08:21:05.631", 30065_631000000),
        ("00:00:01.234,567", 1_234567000),
        ("00:00:00.000", 1),
        ("12.5", 12_500000000),
        ("not a time", None),
        ("2026-13-41 08:21:05", None),
    ],
)
def test_time_stamps(text: str, ns: int | None) -> None:
    assert Clock().ns(text) == ns


def test_times_of_day_go_on_past_midnight() -> None:
    clock = Clock()
    before, after = clock.ns("23:59:59.900"), clock.ns("00:00:00.100")
    assert before is not None
    assert after is not None
    assert after - before == 200_000_000


def test_samples_are_there() -> None:
    assert len({form for form, _ in WRITERS.values()}) >= 20
    assert {path.stem for path in (SAMPLES / "logs").glob("*.txt")} == set(WRITERS)


def clocked(ms: int) -> str:
    return f"{at(ms):%H:%M:%S}.{ms % 1000:03d}"


NOVEL: dict[str, Callable[[int, bool, str], str]] = {
    "marks around": lambda ms, mcu, text: f"INFO|{at(ms).isoformat()}|modem.c:{221 if mcu else 97}|{'>>>' if mcu else '<<<'}{text}",
    "inside JSON": lambda ms, mcu, text: json.dumps({"lvl": "dbg", "t": ms, "msg": f"{'TX' if mcu else 'RX'} {text}"}),
    "UART1": lambda ms, mcu, text: f"{clocked(ms)} [UART1 {'SEND' if mcu else 'RECV'}] {text}",
    "arrows with words": lambda ms, mcu, text: f"{'Tx->' if mcu else 'Rx<-'}{text}",
    "prompts": lambda ms, mcu, text: f"{'mcu' if mcu else 'mod'}> {text}",
    "letters": lambda ms, mcu, text: f"{'S' if mcu else 'R'}: {text}",
    "lengths": lambda ms, mcu, text: f"{'send' if mcu else 'recv'}[{len(text)}]:{text}",
    "two times": lambda ms, mcu, text: f"[{at(ms):%Y-%m-%d %H:%M:%S}][{ms / 1000:016.3f}] I/user.at  {'send' if mcu else 'urc '} {text}",
    "arrows in words": lambda ms, mcu, text: f"[D][{at(ms):%H:%M:%S}][CAT1]{'SEND TO CAT1' if mcu else 'RECEIVED'} >>>>> {text}",
    "quotes": lambda ms, mcu, text: f'{clocked(ms)} at_{"cmd" if mcu else "rsp"}: "{text}"',
    "parentheses": lambda ms, mcu, text: f"{ms:08d} {'at_send' if mcu else 'at_recv'}({text})",
    "columns": lambda ms, mcu, text: f"{ms / 1000:10.3f}  {'HOST -> MODEM' if mcu else 'MODEM -> HOST'}  {text}",
    "kernel": lambda ms, mcu, text: f"<7>[{ms / 1000:12.6f}] nbiot 1-0030: {'tx' if mcu else 'rx'} {text}",
    "pictures": lambda ms, mcu, text: f"{'📤' if mcu else '📥'} {text}",
    "Chinese": lambda ms, mcu, text: f"{clocked(ms)} 串口{'发出' if mcu else '收到'}:{text}",
    "one arrow": lambda ms, mcu, text: f"{clocked(ms)} >> {text}",
    "semicolons": lambda ms, mcu, text: f"{ms};{'O' if mcu else 'I'};{text}",
    "counters": lambda ms, mcu, text: f"#{ms} {'TX' if mcu else 'RX'} len={len(text)} data={text}",
}  # fmt: skip


@pytest.mark.parametrize("name", NOVEL)
def test_formats_that_nobody_listed(name: str) -> None:
    turns = ((ms, side == "mcu", line) for ms, side, data in conversation() for line in lines_of(data))
    log = "".join(NOVEL[name](ms, mcu, line) + "\n" for ms, mcu, line in turns)
    assert compact(records(read(log)[0])) == SAID


def test_notes_are_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("boot\nAT+CSQ\n+CSQ: 20,99\nOK\n", "utf-8")
    with open_source(str(path)) as source:
        list(source)
        notes = [*source.notes]
    assert in_language(notes[0], "en").startswith("read as lines without marks; who spoke is told from what is said")
    assert in_language(notes[0], "zh").startswith("按无收发标记的文本读取;收发方向根据内容判断")
    assert all(isinstance(note, Note) for note in notes)
