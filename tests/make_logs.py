"""Text logs of one conversation in every format, as the programs write them: ``python -m tests.make_logs`` writes samples/logs.

Each writer follows what its program prints (its source, its manual, or logs that people have posted).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from capture.chunk import Side
from tests.make_samples import GOLDEN, golden_lines

Turn = tuple[int, Side, bytes]
FOLDER = Path(__file__).parent.parent / "samples" / "logs"
BEGIN = datetime(2026, 7, 21, 8, 21, 5, 631_000, tzinfo=UTC)


def conversation() -> list[Turn]:
    """A meter that attaches, sends by a prompt and in hex, receives, and fails: (ms, side, bytes)."""
    out: list[Turn] = []
    clock = 0

    def ask(command: str, *answers: str, after: int = 14, then: int = 600) -> None:
        nonlocal clock
        out.append((clock, "mcu", command.encode() + b"\r"))
        if answers:
            data = b"".join(b"\r\n" + line.encode() + b"\r\n" for line in answers)
            out.append((clock + after, "module", data))
        clock += then

    def urc(line: str, then: int = 300) -> None:
        nonlocal clock
        out.append((clock, "module", b"\r\n" + line.encode() + b"\r\n"))
        clock += then

    ask("AT", "OK")
    ask("ATE0", "OK")
    ask("AT+CGMM", "ML307R", "OK")
    ask("AT+CIMI", "460040123456789", "OK")
    ask("AT+CPIN?", "+CPIN: READY", "OK")
    ask("AT+CSQ", "+CSQ: 24,99", "OK")
    ask("AT+CEREG=2", "OK")
    urc('+CEREG: 1,"5A1F","0C6E9D10",9')
    ask("AT+CEREG?", '+CEREG: 2,1,"5A1F","0C6E9D10",9', "OK")
    ask("AT+COPS?", '+COPS: 0,2,"46000",9', "OK", after=41)
    ask('AT+CGDCONT=1,"IP","cmnbiot"', "OK")
    ask('AT+MIPOPEN=0,"TCP","120.27.12.119",2040', "OK", then=180)
    urc("+MIPOPEN: 0,0")
    ask("AT+MIPSEND=0,12", after=9, then=8)
    out.append((clock, "module", b"\r\n> "))
    out.append((clock + 6, "mcu", b"hello, world"))
    out.append((clock + 30, "module", b"\r\n+MIPSEND: 0,12\r\n\r\nOK\r\n"))
    clock += 800
    urc('+MIPURC: "rtcp",0,5,world')
    ask('AT+MIPSEND=0,4,"ping"', "+MIPSEND: 0,4", "OK")
    ask('AT+MIPCFG="encoding",0,1,1', "OK")
    ask('AT+MIPSEND=0,3,"0A0B0C"', "+MIPSEND: 0,3", "OK")
    urc('+MIPURC: "rtcp",0,3,0C0B0A')
    ask("AT+MIPSEND=5,3", "+CME ERROR: 553")
    ask('AT+MPING="iot.10086.cn",10,2', "OK", then=120)
    urc('+MPING: 0,"183.230.40.127",16,88,50')
    urc('+MPING: 0,"183.230.40.127",16,92,50')
    urc('+MPING: "statistics",2,2,90,88,92')
    ask("AT+MIPCLOSE=0", "OK", then=100)
    urc("+MIPCLOSE: 0,0")
    ask("AT+CCLK?", '+CCLK: "26/07/21,08:21:31+32"', "OK")
    ask("AT+CFUN=0", "OK", after=900, then=1500)
    ask("AT+CSQ", "+CSQ: 99,99", "OK")
    return out


def lines_of(data: bytes) -> list[str]:
    return [line for line in data.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]


def at(ms: int) -> datetime:
    return BEGIN + timedelta(milliseconds=ms)


def clock(ms: int, *, digits: int = 3) -> str:
    return at(ms).strftime("%H:%M:%S.%f")[: 9 + digits]


def stamp(ms: int, *, digits: int = 3) -> str:
    return at(ms).strftime("%Y-%m-%d %H:%M:%S.%f")[: 20 + digits]


def by_line(line: Callable[[int, Side, str], str], turns: Iterable[Turn], *, keep_prompt: bool = True) -> str:
    """A format of one line a record."""
    return "".join(line(ms, side, text) + "\n" for ms, side, data in turns for text in lines_of(data))


def mark(mcu: str, module: str) -> Callable[[Side], str]:
    return lambda side: mcu if side == "mcu" else module


def escaped(data: bytes) -> str:
    return "".join({13: "<CR>", 10: "<LF>"}.get(byte, chr(byte)) for byte in data)


def rows(data: bytes) -> Iterable[tuple[int, bytes, str]]:
    """Sixteen bytes at a time: offset, bytes, and the characters that programs print beside them."""
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        yield offset, row, "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)


def hexdump(data: bytes) -> str:
    out = []
    for offset, row, shown in rows(data):
        pairs = " ".join(row[i : i + 2].hex() for i in range(0, len(row), 2))
        out.append(f"{offset:08x}: {pairs:<39}  {shown}")
    return "\n".join(out)


def sscom(turns: list[Turn]) -> str:
    out = ""
    for ms, side, data in turns:
        text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
        out += f"[{clock(ms)}]" + (f"发→◇{text}□\n" if side == "mcu" else f"收←◆{text}\n")
    return out


def sscom_hex(turns: list[Turn]) -> str:
    return "".join(
        f"[{clock(ms)}]"
        + ("发→◇" if side == "mcu" else "收←◆")
        + data.hex(" ").upper()
        + (" □\n" if side == "mcu" else " \n")
        for ms, side, data in turns
    )


def assistant(turns: list[Turn]) -> str:
    out = ""
    for ms, side, data in turns:
        head = f"SEND ASCII/{len(data)} >>>" if side == "mcu" else f"RECV ASCII/{len(data)} <<<"
        out += f"[{stamp(ms)}]# {head}\n" + data.decode().replace("\r\n", "\n").replace("\r", "\n") + "\n"
    return out


def assistant_hex(turns: list[Turn]) -> str:
    return "".join(
        f"[{stamp(ms)}]# " + ("SEND HEX" if side == "mcu" else "RECV HEX") + f"/{len(data)} " + (">>>" if side == "mcu" else "<<<")
        + f"\n{data.hex(' ').upper()}\n\n" for ms, side, data in turns
    )  # fmt: skip


def docklight(turns: list[Turn]) -> str:
    return "Docklight Log File (ASCII) - started 21.07.2026 08:21:05.600\n\n" + "".join(
        f"{at(ms):%d.%m.%Y} {clock(ms)} [{'TX' if side == 'mcu' else 'RX'}] - {escaped(data)}\n"
        for ms, side, data in turns
    )


def zephyr(turns: list[Turn]) -> str:
    def line(ms: int, side: Side, text: str) -> str:
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms + 1234)
        return f"[{when:%H:%M:%S}.{when.microsecond // 1000:03d},317] <dbg> modem_cellular: {'TX' if side == 'mcu' else 'RX'}: {text}"

    return "*** Booting Zephyr OS build v3.6.0 ***\n[00:00:00.250,000] <inf> app: meter starts\n" + by_line(line, turns)


def esp_idf(turns: list[Turn]) -> str:
    head = "I (312) cpu_start: Pro cpu start user code\nI (330) heap_init: Initializing. RAM available\n"
    return head + by_line(
        lambda ms, side, text: f"I ({ms + 400}) at_uart: {'TX' if side == 'mcu' else 'RX'}: {text}", turns
    )


def esp_idf_words(turns: list[Turn]) -> str:
    """A firmware's own words, of no format that anybody listed."""

    def line(ms: int, side: Side, text: str) -> str:
        return f"D ({ms + 400}) modem: " + (f"uart2 write <{text}>" if side == "mcu" else f"uart2 got   <{text}>")

    return "I (312) cpu_start: Pro cpu start user code\n" + by_line(line, turns)


def rt_thread(turns: list[Turn]) -> str:
    return " \\ | /\n- RT -     Thread Operating System\n / | \\     4.1.1\n" + by_line(
        lambda ms, side, text: f"[D/AT] {'sendline' if side == 'mcu' else 'recvline'}: {text}", turns
    )


def modemmanager(turns: list[Turn]) -> str:
    out = "ModemManager[812]: <info>  [1784622065.100000] ModemManager (version 1.20.4) starting in system bus...\n"
    for ms, side, data in turns:
        arrow = "-->" if side == "mcu" else "<--"
        out += f"ModemManager[812]: <debug> [{at(ms).timestamp():.6f}] [ttyUSB2/at] {arrow} '{escaped(data)}'\n"
    return out


def chat(turns: list[Turn]) -> str:
    out = ""
    for ms, side, data in turns:
        head = f"{at(ms):%b %d %H:%M:%S} meter chat[417]: "
        if side == "mcu":
            out += head + f"send ({data.decode().replace(chr(13), '^M')})\n"
        else:
            out += head + "expect (OK)\n"
            out += "".join(
                head + line + "\n" for line in data.decode().replace("\r", "^M").replace("\n", "\n").split("\n") if line
            )
            out += head + " -- got it\n"
    return out


def socat(turns: list[Turn]) -> str:
    out = ""
    for ms, side, data in turns:
        out += f"{'>' if side == 'mcu' else '<'} {at(ms):%Y/%m/%d %H:%M:%S.%f}  length={len(data)} from=0 to={len(data) - 1}\n"
        for _, row, shown in rows(data):
            out += f" {row.hex(' '):<47}  {shown}\n"
        out += "--\n"
    return out


def jpnevulator(turns: list[Turn]) -> str:
    out = ""
    for ms, side, data in turns:
        out += f"{at(ms):%Y-%m-%d %H:%M:%S.%f}: /dev/ttyUSB{0 if side == 'mcu' else 1}\n"
        for _, row, shown in rows(data):
            out += f"{row.hex(' ').upper():<48} {shown}\n"
    return out


def interceptty(turns: list[Turn]) -> str:
    out = ""
    for _, side, data in turns:
        for byte in data:
            shown = f"({chr(byte)})" if 32 <= byte < 127 else ""
            out += f"{'>' if side == 'mcu' else '<'}\t0x{byte:02x} {shown}".rstrip() + "\n"
    return out


def saleae(turns: list[Turn]) -> str:
    out = "name,type,start_time,duration,data,error\n"
    for ms, side, data in turns:
        for index, byte in enumerate(data):
            out += f"{'MCU TX' if side == 'mcu' else 'MCU RX'},data,{(ms + 1000) / 1000 + index * 86.8e-6:.9f},8.68e-05,0x{byte:02X},\n"
    return out


def saleae_old(turns: list[Turn]) -> str:
    """The older export: one wire, bytes as characters."""
    out = "Time [s],Value,Parity Error,Framing Error\n"
    for ms, side, data in turns:
        if side == "mcu":
            continue
        for index, byte in enumerate(data):
            value = {13: "'13'", 10: "'10'", 32: "' '", 44: "COMMA"}.get(byte, chr(byte))
            out += f"{(ms + 1000) / 1000 + index * 86.8e-6:.9f},{value},,\n"
    return out


def pulseview(turns: list[Turn]) -> str:
    out = ""
    sample = 1000
    for ms, side, data in turns:
        sample = max(sample, ms * 1000)
        for byte in data:
            out += f"{sample}-{sample + 87} UART: {'TX' if side == 'mcu' else 'RX'} data: {byte:02X}\n"
            sample += 90
    return out


def xxd(turns: list[Turn]) -> str:
    return "".join(
        f"{stamp(ms)} {'TX' if side == 'mcu' else 'RX'} ({len(data)} bytes)\n{hexdump(data)}\n"
        for ms, side, data in turns
    )


def csv_hex(turns: list[Turn]) -> str:
    return "time,side,hex\n" + "".join(f"{at(ms).timestamp():.6f},{side},{data.hex()}\n" for ms, side, data in turns)


def csv_text(turns: list[Turn]) -> str:
    return "Timestamp;Direction;Data\n" + "".join(
        f"{stamp(ms)};{'TX' if side == 'mcu' else 'RX'};" + '"' + text.replace('"', '""') + '"\n'
        for ms, side, data in turns for text in lines_of(data)
    )  # fmt: skip


def jsonl(turns: list[Turn]) -> str:
    return "".join(
        json.dumps({"ts": at(ms).timestamp(), "dir": "tx" if side == "mcu" else "rx", "data": data.decode()}) + "\n"
        for ms, side, data in turns
    )


def putty(turns: list[Turn]) -> str:
    head = "=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2026.07.21 08:21:05 =~=~=~=~=~=~=~=~=~=~=~=\n"
    return head + "".join(text + "\n" for _, _, data in turns for text in lines_of(data))


def arduino(turns: list[Turn]) -> str:
    return by_line(lambda ms, side, text: f"{clock(ms)} -> {text}", turns)


def ticket(turns: list[Turn]) -> str:
    """A Markdown ticket: prose, two logs in fences, comments."""
    body = by_line(lambda ms, side, text: text, turns)
    first, second = body.split("AT+MIPOPEN", 1)
    return (
        "# 模组无法连接平台\n\n客户反馈:设备上电后 AT+MIPOPEN 偶尔失败。下面是日志:\n\n```\n" + first + "```\n\n"
        "After that they try to connect, and it works until `AT+MIPSEND=5`:\n\n```text\nAT+MIPOPEN" + second + "```\n\n"
        "Can you tell us what 553 means? Thanks.\n"
    )


def numbered(turns: list[Turn]) -> str:
    body = by_line(lambda ms, side, text: text, turns).splitlines()
    return "".join(f"{number:4d} | {line}\n" for number, line in enumerate(body, 1))


WRITERS: dict[str, tuple[str, Callable[[list[Turn]], str]]] = {
    "plain": ("plain", lambda turns: by_line(lambda ms, side, text: text, turns)),
    "ticket": ("plain", ticket),
    "numbered": ("plain", numbered),
    "m5310a": ("m5310a", lambda turns: by_line(lambda ms, side, text: ("[#Send]" if side == "mcu" else "[#Recv]") + text, turns)),
    "sscom": ("sscom", sscom),
    "sscom-hex": ("sscom", sscom_hex),
    "assistant": ("assistant", assistant),
    "assistant-hex": ("assistant", assistant_hex),
    "chinese-words": ("chinese-words", lambda turns: by_line(lambda ms, side, text: f"[{clock(ms)}]{'[发送]' if side == 'mcu' else '[接收]'} {text}", turns)),
    "arrows": ("arrows", lambda turns: by_line(lambda ms, side, text: f"{'=>' if side == 'mcu' else '<='} {text}", turns)),
    "arrows-timed": ("arrows", lambda turns: by_line(lambda ms, side, text: f"{stamp(ms)} {'-->' if side == 'mcu' else '<--'} {text}", turns)),
    "words": ("words", lambda turns: by_line(lambda ms, side, text: f"{clock(ms)} {'TX' if side == 'mcu' else 'RX'}: {text}", turns)),
    "words-brackets": ("words", lambda turns: by_line(lambda ms, side, text: f"[{'MCU' if side == 'mcu' else 'Modem'}] {text}", turns)),
    "qcom": ("qcom", lambda turns: by_line(lambda ms, side, text: f"[{at(ms):%Y-%m-%d_%H:%M:%S}:{at(ms).microsecond // 1000:03d}]{text}", turns)),
    "minicom": ("minicom", lambda turns: by_line(lambda ms, side, text: f"[{stamp(ms)}] {text}", turns)),
    "teraterm": ("teraterm", lambda turns: by_line(lambda ms, side, text: f"[{at(ms):%a %b %d} {clock(ms)} {at(ms):%Y}] {text}", turns)),
    "coolterm": ("coolterm", lambda turns: by_line(lambda ms, side, text: f"{stamp(ms)} {text}", turns)),
    "realterm": ("realterm", lambda turns: by_line(lambda ms, side, text: f"{at(ms).timestamp():.3f}, {text}", turns)),
    "putty": ("putty", putty),
    "docklight": ("docklight", docklight),
    "arduino": ("arduino", arduino),
    "esp-idf": ("esp-idf", esp_idf),
    "unlisted-words": ("learned", esp_idf_words),
    "unlisted-columns": ("learned", lambda turns: by_line(lambda ms, side, text: f"{stamp(ms)} | core0 | {'app2bb' if side == 'mcu' else 'bb2app'} | {text}", turns)),
    "zephyr": ("zephyr", zephyr),
    "rt-thread": ("rt-thread", rt_thread),
    "modemmanager": ("modemmanager", modemmanager),
    "chat": ("chat", chat),
    "socat": ("socat", socat),
    "jpnevulator": ("jpnevulator", jpnevulator),
    "interceptty": ("interceptty", interceptty),
    "slsnif": ("slsnif", lambda turns: "".join(
        f"{'Host   -->' if side == 'mcu' else 'Device <--'} " + "".join(chr(b) if 32 < b < 127 else f"({b:03d})" for b in data) + "\n"
        for _, side, data in turns)),
    "saleae": ("csv", saleae),
    "saleae-one-wire": ("csv", saleae_old),
    "pulseview": ("pulseview", pulseview),
    "xxd": ("xxd", xxd),
    "csv-hex": ("csv", csv_hex),
    "csv-text": ("csv", csv_text),
    "jsonl": ("jsonl", jsonl),
    "ril": ("ril", lambda turns: by_line(lambda ms, side, text: f"07-21 {clock(ms)}  1234  1240 D AT      : AT{'>' if side == 'mcu' else '<'} {text}", turns)),
}  # fmt: skip
"""File name: (format that must be recognised, writer)."""
ENCODINGS = {"sscom": "gb18030", "chinese-words": "utf-8-sig", "minicom": "utf-16"}


def main() -> None:
    """Write all samples and their golden decodes."""
    FOLDER.mkdir(exist_ok=True)
    (GOLDEN / "logs").mkdir(exist_ok=True)
    for name in WRITERS:
        path = FOLDER / f"{name}.txt"
        path.write_bytes(written(name))
        (GOLDEN / "logs" / f"{name}.jsonl").write_bytes(b"".join(golden_lines(path)))


def written(name: str) -> bytes:
    """Write the conversation in one format."""
    return WRITERS[name][1](conversation()).encode(ENCODINGS.get(name, "utf-8"))


if __name__ == "__main__":
    main()
